using ControlPlane.Admission.Deployments.Functions;

namespace ControlPlane.Admission.Deployments;

/// <summary>A resource of a template as it is written, with the path at which it stands.</summary>
internal sealed record WrittenResource(string Path, string? Symbol, TemplateObject Body);

/// <summary>The sections of a template, read and bounded; nothing is evaluated yet.</summary>
internal sealed record Template
{
    private static readonly string[] Known = ["$schema", "contentVersion", "languageVersion", "apiProfile", "metadata", "parameters", "variables", "functions", "resources", "outputs"];

    public required TemplateObject Document { get; init; }
    public required IReadOnlyList<ParameterDefinition> Parameters { get; init; }
    public required TemplateObject Variables { get; init; }
    public required IReadOnlyDictionary<string, UserFunction> Functions { get; init; }
    public required IReadOnlyList<WrittenResource> Resources { get; init; }
    public required TemplateObject Outputs { get; init; }
    public string ContentVersion => Document["contentVersion"] as string ?? "1.0.0.0";

    public static Template Read(TemplateObject document, string path, TemplateFaults faults)
    {
        foreach (var (name, _) in document.Members.Where(member => !Known.Contains(member.Key, StringComparer.OrdinalIgnoreCase)))
            faults.Add(path + name, $"is no section of a template that is served here; known are {string.Join(", ", Known)}", name is "definitions" or "imports" or "extensions" ? TemplateFault.Unsupported : TemplateFault.Invalid);
        if (document["contentVersion"] is not null and not string)
            faults.Add($"{path}contentVersion", "must be a string such as 1.0.0.0");
        var parameters = Section(document, "parameters", path, TemplateLimits.Parameters, faults);
        var variables = Section(document, "variables", path, TemplateLimits.Variables, faults);
        var outputs = Section(document, "outputs", path, TemplateLimits.Outputs, faults);
        return new()
        {
            Document = document,
            Parameters = [.. parameters.Members.Select(member => ParameterDefinition.Read(member.Key, member.Value, $"{path}parameters.{member.Key}", faults)).OfType<ParameterDefinition>()],
            Variables = variables,
            Functions = ReadFunctions(document["functions"], $"{path}functions", faults),
            Resources = ReadResources(document, path, faults),
            Outputs = outputs,
        };
    }

    /// <summary>Every expression of the template is read, and its functions are looked up, so that all faults are told at once.</summary>
    public void CheckExpressions(EvaluationScope scope, string path, TemplateFaults faults)
    {
        foreach (var section in (string[])["parameters", "variables", "outputs"])
            Check(Document[section], scope, $"{path}{section}", faults);
        foreach (var resource in Resources)
            Check(NestedDeployment.WithoutOwnScope(resource.Body), scope, resource.Path, faults);
    }

    private static void Check(object? value, EvaluationScope scope, string path, TemplateFaults faults)
    {
        switch (value)
        {
            case string text when ExpressionParser.IsExpression(text):
                faults.Try<object?>(path, () =>
                {
                    FunctionTable.Check(scope.Parse(text), scope);
                    return null;
                }, null);
                break;
            case TemplateArray array:
                foreach (var (item, at) in array.Items.Select((item, at) => (item, at)))
                    Check(item, scope, $"{path}[{at}]", faults);
                break;
            case TemplateObject members:
                foreach (var (name, item) in members.Members)
                    Check(item, scope, $"{path}.{name}", faults);
                break;
        }
    }

    private static TemplateObject Section(TemplateObject document, string name, string path, int most, TemplateFaults faults)
    {
        switch (document[name])
        {
            case null:
                return TemplateObject.Empty;
            case TemplateObject members when members.Members.Count <= most:
                return members;
            case TemplateObject members:
                faults.Add($"{path}{name}", $"has {members.Members.Count} entries; at most {most} are allowed", TemplateFault.TooBig);
                return TemplateObject.Empty;
            default:
                faults.Add($"{path}{name}", "must be an object");
                return TemplateObject.Empty;
        }
    }

    /// <summary>An array, or an object whose names are symbolic names (languageVersion 2.0).</summary>
    private static List<WrittenResource> ReadResources(TemplateObject document, string path, TemplateFaults faults)
    {
        var written = new List<WrittenResource>();
        void Add(object? body, string place, string? symbol)
        {
            if (body is TemplateObject members)
                written.Add(new(place, symbol, members));
            else
                faults.Add(place, "must be an object");
        }

        switch (document["resources"])
        {
            case TemplateArray array:
                foreach (var (item, at) in array.Items.Select((item, at) => (item, at)))
                    Add(item, $"{path}resources[{at}]", null);
                break;
            case TemplateObject members:
                foreach (var (symbol, item) in members.Members)
                    Add(item, $"{path}resources.{symbol}", symbol);
                break;
            default:
                faults.Add($"{path}resources", "is required: an array of resources, empty if there are none");
                break;
        }

        if (written.Count > TemplateLimits.Resources)
            faults.Add($"{path}resources", $"has {written.Count} entries; at most {TemplateLimits.Resources} are allowed", TemplateFault.TooBig);
        return written.Count > TemplateLimits.Resources ? [] : written;
    }

    private static Dictionary<string, UserFunction> ReadFunctions(object? section, string path, TemplateFaults faults)
    {
        var functions = new Dictionary<string, UserFunction>(StringComparer.OrdinalIgnoreCase);
        if (section is null)
            return functions;
        if (section is not TemplateArray namespaces || namespaces.Items.Any(item => item is not TemplateObject { } one || one["namespace"] is not string || one["members"] is not TemplateObject))
        {
            faults.Add(path, "must be an array of objects with 'namespace' and 'members'");
            return functions;
        }

        foreach (var one in namespaces.Items.Cast<TemplateObject>())
        {
            foreach (var (name, body) in ((TemplateObject)one["members"]!).Members)
            {
                var full = $"{one["namespace"]}.{name}";
                var names = ((body as TemplateObject)?["parameters"] as TemplateArray ?? TemplateArray.Empty).Items.Select(parameter => (parameter as TemplateObject)?["name"] as string ?? "").ToList();
                if ((body as TemplateObject)?["output"] is not TemplateObject output || !output.Has("value"))
                    faults.Add($"{path}.{full}", "needs an 'output' with a 'value'");
                else if (names.Contains("", StringComparer.Ordinal) || names.Distinct(StringComparer.OrdinalIgnoreCase).Count() != names.Count)
                    faults.Add($"{path}.{full}.parameters", "must be an array of objects with different names");
                else if (!functions.TryAdd(full, new(names, output["value"])))
                    faults.Add($"{path}.{full}", "is defined twice");
            }
        }

        return functions;
    }
}
