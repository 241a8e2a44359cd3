using System.Runtime.CompilerServices;
using ControlPlane.Admission.Deployments.Functions;

namespace ControlPlane.Admission.Deployments;

/// <summary>Evaluates expressions and whole parts of a template. It fails with <see cref="TemplateException"/> and nothing else, whatever it is given.</summary>
internal static class Evaluator
{
    public static object? Evaluate(Expression expression, EvaluationScope scope)
    {
        scope.Budget.Step();
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new TemplateException(TemplateFault.TooBig, "the expressions refer to each other too many levels deep");
        return expression switch
        {
            Expression.Literal literal => literal.Value,
            Expression.Access access => Access(access, scope),
            Expression.Call call => FunctionTable.Call(call, scope),
            _ => throw new TemplateException("the expression is of no known kind"),
        };
    }

    /// <summary>A string of the template: the value of its expression, or its text.</summary>
    public static object? Evaluate(string text, EvaluationScope scope)
    {
        if (!ExpressionParser.IsExpression(text))
            return ExpressionParser.Unescape(text);
        var value = Evaluate(scope.Parse(text), scope);
        return value is Lambda ? throw new TemplateException("a lambda is only an argument of map, filter, reduce, sort and toObject") : value;
    }

    /// <summary>
    /// Everything in <paramref name="value"/> evaluated, <c>copy</c> loops of properties included. Faults go to <paramref name="faults"/> with their path; with
    /// <paramref name="keep"/>, expressions for which it is true stay as they are written.
    /// </summary>
    public static object? Expand(object? value, EvaluationScope scope, string path, TemplateFaults faults, Func<Expression, bool>? keep = null)
    {
        scope.Budget.Step();
        switch (value)
        {
            case string text:
                return faults.Try(path, () => keep is not null && ExpressionParser.IsExpression(text) && keep(scope.Parse(text)) ? text : scope.Budget.Made(Evaluate(text, scope)), null);
            case TemplateArray array:
                return new TemplateArray([.. array.Items.Select((item, at) => Expand(item, scope, $"{path}[{at}]", faults, keep))]);
            case TemplateObject members:
                var expanded = new List<KeyValuePair<string, object?>>(members.Members.Count);
                foreach (var (name, item) in members.Members)
                {
                    if (name.Equals("copy", StringComparison.OrdinalIgnoreCase) && CopyLoop.IsPropertyCopy(item))
                        expanded.AddRange(CopyLoop.Properties((TemplateArray)item!, scope, $"{path}.{name}", faults, keep));
                    else
                        expanded.Add(new(faults.Try($"{path}.{name}", () => Name(name, scope), name), Expand(item, scope, $"{path}.{name}", faults, keep)));
                }

                return new TemplateObject(expanded);
            default:
                return value;
        }
    }

    /// <summary>Names may be expressions too, as in the tags of many templates.</summary>
    private static string Name(string name, EvaluationScope scope) =>
        !ExpressionParser.IsExpression(name) ? ExpressionParser.Unescape(name)
        : Evaluate(name, scope) as string ?? throw new TemplateException($"the name '{name}' does not evaluate to a string");

    private static object? Access(Expression.Access access, EvaluationScope scope)
    {
        var target = Evaluate(access.Target, scope);
        if (access.IsSafe && target is null)
            return null;
        return Get(target, Evaluate(access.Key, scope), access.IsSafe);
    }

    /// <summary>An item of an array, or a property; one that is missing is a fault unless <paramref name="isSafe"/>.</summary>
    public static object? Get(object? target, object? key, bool isSafe)
    {
        switch (target, key)
        {
            case (TemplateArray array, long index):
                return index >= 0 && index < array.Items.Count ? array.Items[(int)index]
                    : isSafe ? null : throw new TemplateException($"the index {index} is outside of the array, which has {array.Items.Count} items");
            case (TemplateObject members, string name):
                if (members.TryGet(name, out var value))
                    return value;
                var known = string.Join(", ", members.Members.Take(20).Select(member => member.Key));
                return isSafe ? null : throw new TemplateException($"there is no property '{name}'; available are: {(known.Length == 0 ? "none" : known)}");
            default:
                return isSafe && target is null ? null : throw new TemplateException($"{TemplateValue.Kind(target)} has no property or item '{TemplateValue.Text(key)}'");
        }
    }
}
