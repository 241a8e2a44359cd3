using ControlPlane.Admission.Arm;

namespace ControlPlane.Admission.Deployments;

/// <summary>What somebody asks to be deployed.</summary>
internal sealed record DeploymentRequest
{
    private static readonly string[] Known = ["template", "parameters", "mode", "debugSetting", "expressionEvaluationOptions", "whatIfSettings", "validationLevel"];
    private static readonly string[] Links = ["templateLink", "parametersLink", "onErrorDeployment", "extensionConfigs"];

    public required TemplateObject Template { get; init; }
    public required TemplateObject Parameters { get; init; }
    public string Mode { get; init; } = "Incremental";
    public string? Location { get; init; }
    public TemplateObject Tags { get; init; } = TemplateObject.Empty;

    /// <summary>With <c>ResourceIdOnly</c> a what-if names the resources and says no more of them.</summary>
    public bool IdsOnly { get; init; }

    public static DeploymentRequest Read(string text, bool isYaml)
    {
        var faults = new TemplateFaults();
        var body = Document(text, isYaml, faults) as TemplateObject ?? throw ArmErrors.NotJson("the body must be an object with 'properties'.");
        if (body["properties"] is not TemplateObject properties)
            throw ArmErrors.Invalid([Shape.Fault("properties", "is required: an object with 'template', 'parameters' and 'mode'")]);
        foreach (var (name, _) in properties.Members.Where(member => member.Value is not null && !Known.Contains(member.Key, StringComparer.OrdinalIgnoreCase)))
        {
            faults.Add($"properties.{name}", Links.Contains(name, StringComparer.OrdinalIgnoreCase) ? "is not served here; put template and parameters themselves into the request" : $"is not known; known are {string.Join(", ", Known)}",
                TemplateFault.Unsupported);
        }

        var mode = properties["mode"] as string ?? "Incremental";
        if (!mode.Equals("Incremental", StringComparison.OrdinalIgnoreCase) && !mode.Equals("Complete", StringComparison.OrdinalIgnoreCase))
            faults.Add("properties.mode", "must be Incremental or Complete");
        if (properties["template"] is not TemplateObject)
            faults.Add("properties.template", "is required: the template to deploy, as an object");
        var given = TemplateParameters.Given(properties["parameters"], faults);
        faults.Demand();
        return new()
        {
            Template = (TemplateObject)properties["template"]!,
            Parameters = new([.. given]),
            Mode = mode.Equals("Complete", StringComparison.OrdinalIgnoreCase) ? "Complete" : "Incremental",
            Location = body["location"] as string,
            Tags = body["tags"] as TemplateObject ?? TemplateObject.Empty,
            IdsOnly = properties["whatIfSettings"] is TemplateObject settings && "ResourceIdOnly".Equals(settings["resultFormat"] as string, StringComparison.OrdinalIgnoreCase),
        };
    }

    /// <summary>A document in either language.</summary>
    public static object? Document(string text, bool isYaml, TemplateFaults faults)
    {
        if (text.Contains('\0', StringComparison.Ordinal) || text.Contains("\\u0000", StringComparison.Ordinal))
            throw ArmErrors.NotJson("it holds U+0000, which cannot be stored.");
        var value = faults.Try<object?>("", () => isYaml ? TemplateYaml.Read(text) : LenientJson.Read(text), null);
        faults.Demand();
        return value;
    }
}
