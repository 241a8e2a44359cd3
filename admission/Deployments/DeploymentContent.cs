using System.Globalization;

namespace ControlPlane.Admission.Deployments;

/// <summary>All that a run of a deployment needs to come to the same plan again: template, values, and what was around it when it was asked for.</summary>
internal sealed record DeploymentContent
{
    public required TemplateObject Template { get; init; }

    /// <summary>Values by name.</summary>
    public required TemplateObject Parameters { get; init; }

    public required DeploymentContext Context { get; init; }

    /// <summary>The rounds of the loops around a nested deployment.</summary>
    public CopyRound? Rounds { get; init; }

    /// <summary>How many deployments it is nested in.</summary>
    public int Depth { get; init; }

    /// <summary>How many resources it may deploy in all, nested ones included.</summary>
    public int Allowance { get; init; } = TemplateLimits.TreeResources;

    /// <summary>The groups that the token of the principal named, who is in them for as long as this deployment runs.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    public string ToJson()
    {
        var rounds = new List<object?>();
        for (var round = Rounds; round is not null; round = round.Outer)
            rounds.Insert(0, TemplateValue.Object(("name", round.Name), ("index", (long)round.Index)));
        return TemplateValue.ToJson(TemplateValue.Object(
            ("template", Template), ("parameters", Parameters), ("rounds", new TemplateArray(rounds)), ("groups", TemplateValue.Array(Groups)), ("depth", (long)Depth), ("allowance", (long)Allowance),
            ("name", Context.Name), ("subscription", Context.Subscription), ("tenant", Context.Tenant), ("resourceGroup", Context.ResourceGroup), ("location", Context.Location),
            ("groupTags", Context.GroupTags), ("mode", Context.Mode), ("now", Context.Now.ToString("O", CultureInfo.InvariantCulture))));
    }

    public static DeploymentContent Parse(string json)
    {
        var stored = (TemplateObject)TemplateValue.Parse(json)!;
        var template = (TemplateObject)stored["template"]!;
        CopyRound? rounds = null;
        foreach (var round in ((TemplateArray)stored["rounds"]!).Items.Cast<TemplateObject>())
            rounds = new((string)round["name"]!, (int)(long)round["index"]!, rounds);
        return new()
        {
            Template = template,
            Parameters = (TemplateObject)stored["parameters"]!,
            Rounds = rounds,
            Groups = [.. ((TemplateArray)stored["groups"]!).Items.OfType<string>()],
            Depth = (int)(long)stored["depth"]!,
            Allowance = (int)(long)stored["allowance"]!,
            Context = new()
            {
                Name = (string)stored["name"]!,
                Subscription = (string)stored["subscription"]!,
                Tenant = (string)stored["tenant"]!,
                ResourceGroup = stored["resourceGroup"] as string,
                Location = stored["location"] as string,
                GroupTags = (TemplateObject)stored["groupTags"]!,
                Mode = (string)stored["mode"]!,
                ContentVersion = template["contentVersion"] as string ?? "1.0.0.0",
                Now = DateTimeOffset.Parse((string)stored["now"]!, CultureInfo.InvariantCulture),
            },
        };
    }
}
