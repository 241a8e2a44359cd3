using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Deployments;

namespace ControlPlane.Admission.Deployments;

/// <summary>One resource that a deployment writes, with everything evaluated that does not depend on other resources.</summary>
internal sealed record PlannedResource
{
    /// <summary>Where it stands in the template.</summary>
    public required string Path { get; init; }

    public required ResourceId Id { get; init; }
    public required string? ApiVersion { get; init; }

    /// <summary>What is to be written, as the template says it.</summary>
    public required TemplateObject Written { get; init; }

    public required EvaluationScope Scope { get; init; }

    /// <summary>What is to be written; expressions that wait for other resources are still there.</summary>
    public required TemplateObject Preview { get; init; }

    /// <summary>The expressions that wait for other resources.</summary>
    public required IReadOnlyList<Expression> Deferred { get; init; }

    /// <summary>Names, ids, symbolic names and loops that <c>dependsOn</c> gives.</summary>
    public required IReadOnlyList<string> DependsOn { get; init; }

    /// <summary>False when its condition is false: it is not deployed, and who depends on it does not wait.</summary>
    public required bool IsEnabled { get; init; }

    /// <summary>Only read: it must be there already.</summary>
    public bool IsExisting { get; init; }

    public string? Symbol { get; init; }
    public string? Loop { get; init; }
    public int Round { get; init; }

    /// <summary>Rounds of a serial loop that run at once; 0 when all may.</summary>
    public int BatchSize { get; init; }

    /// <summary>Of a nested deployment: its template.</summary>
    public TemplateObject? Template { get; init; }

    /// <summary>What a nested deployment will do, when that does not depend on other resources.</summary>
    public DeploymentPlan? Nested { get; init; }

    public bool IsDeferred => Deferred.Count > 0;

    /// <summary>The names that <c>dependsOn</c> and <c>reference</c> may use.</summary>
    public string FullName => string.Join('/', Id.Names);

    /// <summary>The body of its PUT, now that other resources can be looked at. Faults are about this resource alone.</summary>
    public TemplateObject Evaluate(Func<string, bool, object?> reference, TemplateFaults faults) =>
        Bounded(Evaluator.Expand(Written, Scope with { Reference = reference }, Path, faults), Path, faults);

    /// <summary>No deeper than what the front door takes from others.</summary>
    public static TemplateObject Bounded(object? body, string path, TemplateFaults faults)
    {
        if (TemplateValue.Depth(body) <= TemplateLimits.BodyDepth)
            return body as TemplateObject ?? TemplateObject.Empty;
        faults.Add(path, $"is nested more than {TemplateLimits.BodyDepth} levels deep", TemplateFault.TooBig);
        return TemplateObject.Empty;
    }
}

/// <summary>What a template comes to with its parameters: resources in an order that respects every dependency.</summary>
internal sealed record DeploymentPlan
{
    public required Template Template { get; init; }

    /// <summary>With every parameter resolved.</summary>
    public required DeploymentContent Content { get; init; }

    public required EvaluationScope Scope { get; init; }
    public required IReadOnlyList<PlannedResource> Resources { get; init; }

    /// <summary>For each resource the places of those that must be there before it.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> Edges { get; init; }

    /// <summary>Those that are written; nested ones are not among them.</summary>
    public IEnumerable<PlannedResource> Deployed => Resources.Where(resource => resource is { IsEnabled: true, IsExisting: false });

    /// <summary>The same with what nested deployments write.</summary>
    public IEnumerable<PlannedResource> DeployedAtAnyDepth => Deployed.SelectMany(resource => (resource.Nested?.DeployedAtAnyDepth ?? []).Prepend(resource));

    /// <summary>The resource that <c>reference</c> means: by id, name or symbolic name; or the id of one that is not in the template.</summary>
    public (ResourceId? Id, int? Place) Find(string name)
    {
        for (var at = 0; at < Resources.Count; at++)
        {
            var one = Resources[at];
            if (name.Equals(one.Symbol, StringComparison.OrdinalIgnoreCase) || name.Equals(one.FullName, StringComparison.OrdinalIgnoreCase) || name.TrimEnd('/').Equals(one.Id.Text, StringComparison.OrdinalIgnoreCase))
                return (one.Id, at);
        }

        return (name.StartsWith('/') && ResourceId.TryParse(name, out var id) ? id : null, null);
    }

    /// <summary>The parameters as they may be shown.</summary>
    public IReadOnlyDictionary<string, DeploymentValue> ShownParameters
    {
        get
        {
            var secure = new SecureValues(this);
            return Template.Parameters.ToDictionary(parameter => parameter.Name,
                parameter => new DeploymentValue(ShownType(parameter.Type), parameter.IsSecure ? null : TemplateValue.ToElement(secure.Hide(Content.Parameters[parameter.Name]))), StringComparer.OrdinalIgnoreCase);
        }
    }

    public IReadOnlyList<DeploymentProvider> Providers => [.. Deployed.GroupBy(resource => resource.Id.Type.Provider, StringComparer.OrdinalIgnoreCase).Select(provider =>
        new DeploymentProvider(provider.Key, [.. provider.GroupBy(resource => resource.Id.Type.Name, StringComparer.OrdinalIgnoreCase).Select(type =>
            new DeploymentResourceType(type.Key, [.. type.Select(resource => resource.Preview["location"] as string).Distinct(StringComparer.OrdinalIgnoreCase)]))]))];

    public IReadOnlyList<DeploymentDependency> Dependencies => [.. Resources.Index()
        .Where(resource => resource.Item.IsEnabled && Edges[resource.Index].Count > 0)
        .Select(resource => Shown(resource.Item) with { DependsOn = [.. Edges[resource.Index].Select(at => Shown(Resources[at]))] })];

    /// <summary>Type names as Azure writes them in deployments.</summary>
    public static string ShownType(string type) => type switch
    {
        "securestring" => "SecureString",
        "secureobject" => "SecureObject",
        _ => char.ToUpperInvariant(type[0]) + type[1..],
    };

    private static DeploymentDependency Shown(PlannedResource resource) => new(DependsOn: null, resource.Id.Text, resource.Id.Type.ToString(), resource.FullName);
}
