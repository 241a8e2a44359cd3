using ControlPlane.Contracts.Deployments;

namespace ControlPlane.Admission.Deployments;

/// <summary>
/// A deployment as a resource of a template. With inner scope its template stands on its own; with outer scope (the default) it sees parameters, variables,
/// functions and loops of the template around it, so it is given copies of these and then stands on its own as well.
/// </summary>
internal static class NestedDeployment
{
    public static bool Is(string? type) => Deployment.Type.ToString().Equals(type, StringComparison.OrdinalIgnoreCase);

    /// <summary>The resource without the part that has expressions of its own.</summary>
    public static TemplateObject WithoutOwnScope(TemplateObject body) =>
        Is(body["type"] as string) && body["properties"] is TemplateObject properties ? body.With("properties", properties.Without("template")) : body;

    /// <summary>The template to deploy, or null with a fault.</summary>
    public static TemplateObject? TemplateOf(TemplateObject body, Template around, string path, TemplateFaults faults)
    {
        var properties = body["properties"] as TemplateObject ?? TemplateObject.Empty;
        if (properties.Has("templateLink"))
        {
            faults.Add($"{path}.properties.templateLink", "links to a template elsewhere, which is not fetched from here; put the template itself into 'properties.template'", TemplateFault.Unsupported);
            return null;
        }

        if (properties["mode"] is string mode && !mode.Equals("Incremental", StringComparison.OrdinalIgnoreCase))
            faults.Add($"{path}.properties.mode", "must be Incremental: only the outermost deployment may delete what it does not have");
        if (properties["template"] is not TemplateObject template)
        {
            faults.Add($"{path}.properties.template", "is required: the template to deploy, as an object");
            return null;
        }

        if (IsInner(properties))
            return template;
        if (properties["parameters"] is TemplateObject { Members.Count: > 0 })
            faults.Add($"{path}.properties.parameters", "has no effect with outer scope, where the template sees the parameters around it; set 'properties.expressionEvaluationOptions.scope' to 'inner'");
        foreach (var section in (string[])["parameters", "variables", "functions"])
            template = around.Document[section] is { } outer ? template.With(section, outer) : template.Without(section);
        return template;
    }

    public static bool IsInner(TemplateObject properties) =>
        properties["expressionEvaluationOptions"] is TemplateObject options && string.Equals(options["scope"] as string, "inner", StringComparison.OrdinalIgnoreCase);
}
