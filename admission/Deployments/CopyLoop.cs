namespace ControlPlane.Admission.Deployments;

/// <summary>Loops: <c>copy</c> of a resource, a property, a variable or an output.</summary>
internal static class CopyLoop
{
    /// <summary>True for the <c>copy</c> of an object: a list of loops, each of which makes one property.</summary>
    public static bool IsPropertyCopy(object? value) =>
        value is TemplateArray { Items.Count: > 0 } loops && loops.Items.All(loop => loop is TemplateObject members && members.Has("name") && members.Has("count") && members.Has("input"));

    /// <summary>The properties that the loops make.</summary>
    public static IEnumerable<KeyValuePair<string, object?>> Properties(TemplateArray loops, EvaluationScope scope, string path, TemplateFaults faults, Func<Expression, bool>? keep)
    {
        foreach (var (loop, at) in loops.Items.Select((loop, at) => ((TemplateObject)loop!, at)))
        {
            var here = $"{path}[{at}]";
            if (loop["name"] is not string name)
            {
                faults.Add($"{here}.name", "must be a string: the property that the loop makes");
                continue;
            }

            var count = Count(loop["count"], scope, $"{here}.count", faults);
            yield return new(name, new TemplateArray([.. Enumerable.Range(0, count).Select(index =>
                Evaluator.Expand(loop["input"], scope with { Copy = new(name, index, scope.Copy) }, $"{here}.input", faults, keep))]));
        }
    }

    public static int Count(object? wanted, EvaluationScope scope, string path, TemplateFaults faults) => faults.Try(path, () =>
    {
        var value = wanted is string text ? Evaluator.Evaluate(text, scope) : wanted;
        if (value is not long count || count < 0)
            throw new TemplateException($"the count of a loop must be an integer from 0 on, not {TemplateValue.Kind(value)}");
        return count <= TemplateLimits.CopyCount ? (int)count
            : throw new TemplateException(TemplateFault.TooBig, $"the loop has {count:N0} rounds; at most {TemplateLimits.CopyCount} are allowed");
    }, 0);
}
