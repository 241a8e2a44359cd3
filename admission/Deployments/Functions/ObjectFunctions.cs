namespace ControlPlane.Admission.Deployments.Functions;

internal static class ObjectFunctions
{
    public static IReadOnlyList<Function> All { get; } =
    [
        new("createObject", 0, Function.Any, Create),
        new("items", 1, 1, call => new TemplateArray([.. call.Object(0).Members.OrderBy(member => member.Key, StringComparer.OrdinalIgnoreCase).Select(member => TemplateValue.Object(("key", member.Key), ("value", member.Value)))])),
        new("objectKeys", 1, 1, call => new TemplateArray([.. call.Object(0).Members.Select(member => member.Key).Order(StringComparer.OrdinalIgnoreCase)])),
        new("shallowMerge", 1, 1, call => new TemplateObject([.. call.Array(0).Items.SelectMany(item => item is TemplateObject members ? members.Members : throw call.Fault("needs an array of objects"))
            .GroupBy(member => member.Key, StringComparer.OrdinalIgnoreCase).Select(group => group.Last())])),
        new("tryGet", 2, Function.Any, call => Enumerable.Range(1, call.Count - 1).Aggregate(call[0], (target, at) => Evaluator.Get(target, call[at], isSafe: true))),
    ];

    /// <summary>The second wins; objects in both are merged, arrays are not.</summary>
    public static TemplateObject Merge(TemplateObject left, TemplateObject right)
    {
        var merged = new Dictionary<string, object?>(left.Members, StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in right.Members)
            merged[name] = value is TemplateObject after && merged.GetValueOrDefault(name) is TemplateObject before ? Merge(before, after) : value;
        return new([.. merged]);
    }

    private static object? Create(Arguments call)
    {
        if (call.Count % 2 != 0)
            throw call.Fault("needs a value behind every name");
        var members = new List<KeyValuePair<string, object?>>();
        for (var at = 0; at < call.Count; at += 2)
            members.Add(new(call.Text(at), call[at + 1]));
        return new TemplateObject(members);
    }
}
