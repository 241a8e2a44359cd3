namespace ControlPlane.Admission.Deployments;

/// <summary>The values of a template's parameters: given, or by default.</summary>
internal static class TemplateParameters
{
    /// <summary>The given values by name: <c>{name: {value}}</c>, or a whole parameter file around it.</summary>
    public static Dictionary<string, object?> Given(object? parameters, TemplateFaults faults)
    {
        var given = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase);
        if (parameters is TemplateObject file && file["parameters"] is TemplateObject inside && (file.Has("$schema") || file.Has("contentVersion")))
            parameters = inside;
        if (parameters is null)
            return given;
        if (parameters is not TemplateObject members)
        {
            faults.Add("parameters", "must be an object that gives each parameter as {\"value\": …}");
            return given;
        }

        foreach (var (name, entry) in members.Members)
        {
            if (entry is TemplateObject one && one.Has("value"))
                given[name] = one["value"];
            else if (entry is TemplateObject { } reference && reference.Has("reference"))
                faults.Add($"parameters.{name}", "refers to a key vault, which is not served here; give a value", TemplateFault.Unsupported);
            else
                faults.Add($"parameters.{name}", "must be an object with a 'value'");
        }

        return given;
    }

    /// <summary>
    /// Every parameter with its value; defaults may use each other, and are evaluated once, here. Values that are not known yet (<paramref name="unknown"/>) are not judged.
    /// </summary>
    public static Dictionary<string, object?> Resolve(Template template, IReadOnlyDictionary<string, object?> given, EvaluationScope scope, string path, TemplateFaults faults)
    {
        foreach (var name in given.Keys.Where(name => template.Parameters.All(parameter => !parameter.Name.Equals(name, StringComparison.OrdinalIgnoreCase))))
            faults.Add($"parameters.{name}", $"is no parameter of the template; it has {(template.Parameters.Count == 0 ? "none" : string.Join(", ", template.Parameters.Select(parameter => parameter.Name)))}");
        var values = new Dictionary<string, object?>(given, StringComparer.OrdinalIgnoreCase);
        var evaluating = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        object? Value(string name)
        {
            if (values.TryGetValue(name, out var known))
                return known;
            var parameter = template.Parameters.FirstOrDefault(parameter => parameter.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? throw new TemplateException($"there is no parameter '{name}'");
            if (!parameter.HasDefault)
                return values[name] = parameter.IsNullable ? null : throw new TemplateException($"the parameter '{name}' has no value");
            if (!evaluating.Add(name))
                throw new TemplateException($"the default of the parameter '{name}' depends on itself");
            var inner = new TemplateFaults();
            var value = Evaluator.Expand(parameter.Declared["defaultValue"], scope with { Parameter = Value, Variable = null }, $"{path}parameters.{parameter.Name}.defaultValue", inner);
            evaluating.Remove(name);
            if (inner.All.Count > 0)
                throw new TemplateException(inner.All[0].Code, inner.All[0].Message);
            return values[name] = value;
        }

        foreach (var parameter in template.Parameters)
        {
            if (!given.ContainsKey(parameter.Name) && !parameter.HasDefault && !parameter.IsNullable)
            {
                faults.Add($"parameters.{parameter.Name}", "has no value: the template gives no default, so the deployment must");
                continue;
            }

            var before = faults.All.Count;
            var value = faults.Try($"{path}parameters.{parameter.Name}.defaultValue", () => Value(parameter.Name), null);
            if (faults.All.Count > before)
                continue;
            foreach (var fault in parameter.Faults(value))
                faults.Add($"parameters.{parameter.Name}", fault);
        }

        return values;
    }
}
