namespace ControlPlane.Admission.Deployments.Functions;

/// <summary>Functions of arrays, and those that take an array, an object or a string.</summary>
internal static class CollectionFunctions
{
    public static IReadOnlyList<Function> All { get; } =
    [
        new("array", 1, 1, call => call[0] as TemplateArray ?? new TemplateArray([call[0]])),
        new("createArray", 0, Function.Any, call => new TemplateArray(call.Values)),
        new("length", 1, 1, call => (long)(call[0] switch
        {
            string text => text.Length,
            TemplateArray array => array.Items.Count,
            TemplateObject members => members.Members.Count,
            _ => throw call.Wrong(0, "a string, an array or an object"),
        })),
        new("empty", 1, 1, call => call[0] switch
        {
            null => true,
            string text => text.Length == 0,
            TemplateArray array => array.Items.Count == 0,
            TemplateObject members => members.Members.Count == 0,
            _ => throw call.Wrong(0, "a string, an array or an object"),
        }),
        new("contains", 2, 2, call => call[0] switch
        {
            string text => text.Contains(TemplateValue.Text(call[1]), StringComparison.Ordinal),
            TemplateArray array => array.Items.Contains(call[1], TemplateValueComparer.Instance),
            TemplateObject members => members.Has(TemplateValue.Text(call[1])),
            _ => throw call.Wrong(0, "a string, an array or an object"),
        }),
        new("first", 1, 1, call => call[0] switch
        {
            string text => text.Length == 0 ? "" : text[..1],
            TemplateArray array => array.Items.Count == 0 ? null : array.Items[0],
            _ => throw call.Wrong(0, "a string or an array"),
        }),
        new("last", 1, 1, call => call[0] switch
        {
            string text => text.Length == 0 ? "" : text[^1..],
            TemplateArray array => array.Items.Count == 0 ? null : array.Items[^1],
            _ => throw call.Wrong(0, "a string or an array"),
        }),
        new("take", 2, 2, call => Part(call, (length, count) => (0, Math.Min(count, length)))),
        new("skip", 2, 2, call => Part(call, (length, count) => (Math.Min(count, length), length - Math.Min(count, length)))),
        new("indexOf", 2, 2, call => IndexOf(call, last: false)),
        new("lastIndexOf", 2, 2, call => IndexOf(call, last: true)),
        new("flatten", 1, 1, call => new TemplateArray([.. call.Array(0).Items.SelectMany(item => item is TemplateArray inner ? inner.Items : throw call.Fault("needs an array of arrays"))])),
        new("union", 1, Function.Any, Union),
        new("intersection", 2, Function.Any, Intersection),
    ];

    private static object? Part(Arguments call, Func<int, int, (int Start, int Length)> choose)
    {
        var count = (int)Math.Clamp(call.Integer(1), 0, int.MaxValue);
        switch (call[0])
        {
            case string text:
                var (start, length) = choose(text.Length, count);
                return text.Substring(start, length);
            case TemplateArray array:
                var (first, number) = choose(array.Items.Count, count);
                return new TemplateArray([.. array.Items.Skip(first).Take(number)]);
            default:
                throw call.Wrong(0, "a string or an array");
        }
    }

    private static object? IndexOf(Arguments call, bool last)
    {
        if (call[0] is TemplateArray array)
        {
            var places = array.Items.Select((item, at) => (item, at)).Where(pair => TemplateValue.AreEqual(pair.item, call[1])).Select(pair => (long)pair.at);
            return last ? places.DefaultIfEmpty(-1).Last() : places.DefaultIfEmpty(-1).First();
        }

        return (long)(last ? call.Text(0).LastIndexOf(call.Text(1), StringComparison.OrdinalIgnoreCase) : call.Text(0).IndexOf(call.Text(1), StringComparison.OrdinalIgnoreCase));
    }

    private static object? Union(Arguments call)
    {
        if (call[0] is TemplateObject first)
            return Enumerable.Range(1, call.Count - 1).Aggregate(first, (merged, at) => ObjectFunctions.Merge(merged, call.Object(at)));
        return new TemplateArray([.. Enumerable.Range(0, call.Count).SelectMany(at => call.Array(at).Items).Distinct(TemplateValueComparer.Instance)]);
    }

    private static object? Intersection(Arguments call)
    {
        if (call[0] is TemplateObject first)
        {
            var others = Enumerable.Range(1, call.Count - 1).Select(call.Object).ToList();
            return new TemplateObject([.. first.Members.Where(member => others.All(other => other.TryGet(member.Key, out var value) && TemplateValue.AreEqual(value, member.Value)))]);
        }

        return new TemplateArray([.. Enumerable.Range(1, call.Count - 1)
            .Aggregate(call.Array(0).Items.Distinct(TemplateValueComparer.Instance), (kept, at) => kept.Intersect(call.Array(at).Items, TemplateValueComparer.Instance))]);
    }
}

/// <summary>Equality of values as <c>equals</c> sees it, in constant time per item for sets.</summary>
internal sealed class TemplateValueComparer : IEqualityComparer<object?>
{
    public static TemplateValueComparer Instance { get; } = new();

    public new bool Equals(object? x, object? y) => TemplateValue.AreEqual(x, y);

    public int GetHashCode(object? obj) => obj switch
    {
        null => 0,
        string text => text.GetHashCode(StringComparison.Ordinal),
        long whole => ((double)whole).GetHashCode(),
        TemplateArray array => HashCode.Combine(array.Items.Count, array.Items.Count > 0 ? GetHashCode(array.Items[0]) : 0, array.Size),
        TemplateObject members => HashCode.Combine(members.Members.Count, members.Size),
        _ => obj.GetHashCode(),
    };
}
