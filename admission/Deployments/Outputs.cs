using ControlPlane.Contracts.Deployments;

namespace ControlPlane.Admission.Deployments;

/// <summary>What a deployment hands back.</summary>
internal static class Outputs
{
    public static IReadOnlyDictionary<string, DeploymentValue> Evaluate(DeploymentPlan plan, Func<string, bool, object?> reference, TemplateFaults faults)
    {
        var (scope, secure) = (plan.Scope with { Reference = reference }, new SecureValues(plan));
        var outputs = new Dictionary<string, DeploymentValue>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, declared) in plan.Template.Outputs.Members)
        {
            var path = $"outputs.{name}";
            if (declared is not TemplateObject output)
            {
                faults.Add(path, "must be an object with 'type' and 'value'");
                continue;
            }

            if (ParameterDefinition.TypeOf(output["type"], $"{path}.type", faults) is not { } type
                || (output["condition"] is { } condition && Evaluator.Expand(condition, scope, $"{path}.condition", faults) is not true))
                continue;
            var value = output["copy"] is TemplateObject copy ? Copied(copy, scope, path, faults) : Evaluator.Expand(output["value"], scope, $"{path}.value", faults);
            if (value is null || !ParameterDefinition.IsOfType(type, value))
                faults.Add(path, $"is declared as {output["type"]} but is {TemplateValue.Kind(value)}");
            else
                outputs[name] = new(DeploymentPlan.ShownType(type), ParameterDefinition.IsSecureType(type) ? null : TemplateValue.ToElement(secure.Hide(value)));
        }

        return outputs;
    }

    private static TemplateArray Copied(TemplateObject copy, EvaluationScope scope, string path, TemplateFaults faults)
    {
        var count = CopyLoop.Count(copy["count"], scope, $"{path}.copy.count", faults);
        return new([.. Enumerable.Range(0, count).Select(round => Evaluator.Expand(copy["input"], scope with { Copy = new(copy["name"] as string ?? "outputs", round, scope.Copy) }, $"{path}.copy.input", faults))]);
    }
}
