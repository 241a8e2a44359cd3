namespace ControlPlane.Admission.Deployments.Functions;

internal static class LambdaFunctions
{
    public static IReadOnlyList<Function> All { get; } =
    [
        new("lambda", 1, 4, call => new Lambda(
            [.. Enumerable.Range(0, call.Count - 1).Select(at => call.Written(at) is Expression.Literal { Value: string name } ? name : throw call.Fault("names its variables in single quotes"))],
            call.Written(call.Count - 1), call.Scope), IsLazy: true),
        new("lambdaVariables", 1, 1, Variable),
        new("map", 2, 2, call => new TemplateArray(Select(call, (lambda, item, at) => lambda.Names.Count == 2 ? lambda.Call(item, (long)at) : lambda.Call(item)))),
        new("filter", 2, 2, call => new TemplateArray([.. call.Array(0).Items.Where((item, at) =>
            call.Lambda(1, 1, 2) is var lambda && call.Truth(lambda.Names.Count == 2 ? lambda.Call(item, (long)at) : lambda.Call(item), 1))])),
        new("reduce", 3, 3, call => call.Array(0).Items.Index().Aggregate(call[1], (sum, item) =>
            call.Scope.Budget.Made(call.Lambda(2, 2, 3) is var lambda && lambda.Names.Count == 3 ? lambda.Call(sum, item.Item, (long)item.Index) : lambda.Call(sum, item.Item)))),
        new("sort", 2, 2, call => new TemplateArray(Sort(call, [.. call.Array(0).Items]))),
        new("toObject", 2, 3, ToObject),
        new("mapValues", 2, 2, call => new TemplateObject([.. call.Object(0).Members.Select(member => KeyValuePair.Create(member.Key, call.Lambda(1, 1, 1).Call(member.Value)))])),
    ];

    private static List<object?> Select(Arguments call, Func<Lambda, object?, int, object?> act)
    {
        var lambda = call.Lambda(1, 1, 2);
        return [.. call.Array(0).Items.Select((item, at) => call.Scope.Budget.Made(act(lambda, item, at)))];
    }

    private static object? Variable(Arguments call)
    {
        for (var at = call.Scope.Lambdas; at is not null; at = at.Outer)
        {
            if (at.Name.Equals(call.Text(0), StringComparison.OrdinalIgnoreCase))
                return at.Value;
        }

        throw call.Fault($"names '{call.Text(0)}', which no lambda around it has");
    }

    private static object? ToObject(Arguments call)
    {
        var key = call.Lambda(1, 1, 1);
        var value = call.Has(2) ? call.Lambda(2, 1, 1) : null;
        return new TemplateObject([.. call.Array(0).Items.Select(item => KeyValuePair.Create(
            key.Call(item) as string ?? throw call.Fault("needs keys that are strings"), value is null ? item : call.Scope.Budget.Made(value.Call(item))))]);
    }

    /// <summary>A stable merge sort: the lambda says whether its first variable comes before its second, and may be wrong about it.</summary>
    private static List<object?> Sort(Arguments call, List<object?> items)
    {
        if (items.Count < 2)
            return items;
        var before = call.Lambda(1, 2, 2);
        var (left, right) = (Sort(call, items[..(items.Count / 2)]), Sort(call, items[(items.Count / 2)..]));
        var (sorted, l, r) = (new List<object?>(items.Count), 0, 0);
        while (l < left.Count && r < right.Count)
            sorted.Add(call.Truth(before.Call(right[r], left[l]), 1) && !call.Truth(before.Call(left[l], right[r]), 1) ? right[r++] : left[l++]);
        sorted.AddRange(left[l..]);
        sorted.AddRange(right[r..]);
        return sorted;
    }
}
