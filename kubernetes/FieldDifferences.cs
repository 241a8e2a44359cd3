using System.Text.Json;
using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Kubernetes;

/// <summary>A field that differs, by its JSON pointer (RFC 6901); a value is absent where there is none.</summary>
internal readonly record struct FieldDifference(string Path, JsonElement? InMember, JsonElement? InHub);

/// <summary>How an object on a member differs from what a placement would make of it. Pure.</summary>
internal static class FieldDifferences
{
    private const string Obscured = "(obscured: the value of a Secret)";

    /// <summary>What a cluster writes into every object by itself.</summary>
    private static readonly HashSet<string> OfTheCluster = new(["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"], StringComparer.Ordinal);

    /// <summary>The fields in which two objects of one cluster differ, but those that the cluster writes itself.</summary>
    /// <param name="isMarkCompared">Whether it differs when only one of them says that it is the placement's.</param>
    public static IEnumerable<FieldDifference> Between(JsonElement inMember, JsonElement inHub, bool isMarkCompared) =>
        Compare("", inMember, inHub).Where(one => !IsOfTheCluster(one.Path)).SelectMany(one => isMarkCompared ? [one] : WithoutMark(one));

    /// <summary>The fields that a manifest names and an object has otherwise: what is left where a cluster refuses to say what it would make of the manifest.</summary>
    public static IEnumerable<FieldDifference> Named(JsonElement inMember, JsonElement manifest, bool isMarkCompared) => Between(inMember, manifest, isMarkCompared).Where(one => one.InHub is not null);

    /// <summary>The fields of an object that somebody else than the placement has set (Kubernetes, managedFields); a status is nobody's.</summary>
    public static IEnumerable<FieldDifference> Foreign(JsonElement thing)
    {
        if (!thing.TryGetProperty("metadata", out var metadata) || !metadata.TryGetProperty("managedFields", out var entries) || entries.ValueKind is not JsonValueKind.Array)
            return [];
        var (own, theirs) = (new HashSet<string>(StringComparer.Ordinal), new Dictionary<string, FieldDifference>(StringComparer.Ordinal));
        foreach (var entry in entries.EnumerateArray())
        {
            var isOwn = entry.TryGetProperty("manager", out var manager) && manager.GetString() == Ownership.FieldManager;
            if (!entry.TryGetProperty("fieldsV1", out var fields) || (entry.TryGetProperty("subresource", out var part) && part.GetString() is "status"))
                continue;
            foreach (var (path, value) in Leaves("", fields, thing))
            {
                if (isOwn)
                    own.Add(path);
                else
                    theirs.TryAdd(path, new(path, value, InHub: null));
            }
        }

        return theirs.Values.Where(one => !own.Contains(one.Path) && !IsOfTheCluster(one.Path)).OrderBy(one => one.Path, StringComparer.Ordinal);
    }

    /// <summary>A difference as it is told: short, and of a Secret without its values.</summary>
    public static ObjectDifference Told(this FieldDifference difference, DifferenceKind kind, ObjectReference thing)
    {
        var isSecret = thing.Kind is "Secret";
        string? Text(JsonElement? value) => value is not { } given ? null : isSecret ? Obscured : Cut(given.ValueKind is JsonValueKind.String ? given.GetString()! : given.GetRawText(), ObjectDifference.LongestValue);
        return new(kind, Cut(thing.Identity, ObjectDifference.LongestObject), Cut(difference.Path, ObjectDifference.LongestPath), Text(difference.InMember), Text(difference.InHub));
    }

    private static IEnumerable<FieldDifference> Compare(string path, JsonElement inMember, JsonElement inHub)
    {
        if (JsonElement.DeepEquals(inMember, inHub))
            return [];
        return (inMember.ValueKind, inHub.ValueKind) switch
        {
            (JsonValueKind.Object, JsonValueKind.Object) => Members(path, inMember, inHub),
            (JsonValueKind.Array, JsonValueKind.Array) => Items(path, inMember, inHub),
            _ => [new(path, inMember, inHub)],
        };
    }

    private static IEnumerable<FieldDifference> Members(string path, JsonElement inMember, JsonElement inHub)
    {
        foreach (var one in inMember.EnumerateObject())
        {
            var here = Below(path, one.Name);
            foreach (var difference in inHub.TryGetProperty(one.Name, out var other) ? Compare(here, one.Value, other) : [new(here, one.Value, InHub: null)])
                yield return difference;
        }

        foreach (var one in inHub.EnumerateObject().Where(one => !inMember.TryGetProperty(one.Name, out _)))
            yield return new(Below(path, one.Name), InMember: null, one.Value);
    }

    /// <summary>Items with names are matched by them, others by their place when there are as many, and else the list differs as a whole. Places are those on the member.</summary>
    private static IEnumerable<FieldDifference> Items(string path, JsonElement inMember, JsonElement inHub)
    {
        if (Names(inMember) is { } names && Names(inHub) is { } others)
        {
            foreach (var (name, at) in names)
            {
                foreach (var difference in others.TryGetValue(name, out var there) ? Compare($"{path}/{at}", inMember[at], inHub[there]) : [new($"{path}/{at}", inMember[at], InHub: null)])
                    yield return difference;
            }

            var added = 0;
            foreach (var (name, there) in others.Where(one => !names.ContainsKey(one.Key)))
                yield return new($"{path}/{names.Count + added++}", InMember: null, inHub[there]);
        }
        else if (inMember.GetArrayLength() == inHub.GetArrayLength())
        {
            for (var at = 0; at < inMember.GetArrayLength(); at++)
            {
                foreach (var difference in Compare($"{path}/{at}", inMember[at], inHub[at]))
                    yield return difference;
            }
        }
        else
        {
            yield return new(path, inMember, inHub);
        }
    }

    /// <summary>Where each item is by its name; null when they have none of their own.</summary>
    private static Dictionary<string, int>? Names(JsonElement list)
    {
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind is not JsonValueKind.Object || !item.TryGetProperty("name", out var name) || name.ValueKind is not JsonValueKind.String || !names.TryAdd(name.GetString()!, names.Count))
                return null;
        }

        return names;
    }

    /// <summary>The fields of an entry with the values that they have (structured-merge-diff: f: a field, k: an item by its keys, v: an item by its value).</summary>
    private static IEnumerable<(string Path, JsonElement Value)> Leaves(string path, JsonElement fields, JsonElement value)
    {
        var isLeaf = true;
        foreach (var step in fields.EnumerateObject())
        {
            isLeaf = false;
            // The dot says that the field itself is theirs, whatever is in it.
            if (step.Name is "." || Step(value, step.Name) is not { } found)
                continue;
            foreach (var leaf in Leaves(Below(path, found.Name), step.Value, found.Value))
                yield return leaf;
        }

        if (isLeaf)
            yield return (path, value);
    }

    private static (string Name, JsonElement Value)? Step(JsonElement value, string step)
    {
        if (step.StartsWith("f:", StringComparison.Ordinal))
            return value.ValueKind is JsonValueKind.Object && value.TryGetProperty(step[2..], out var field) ? (step[2..], field) : null;
        if (value.ValueKind is not JsonValueKind.Array || step[0] is not ('k' or 'v'))
            return null;
        using var keys = JsonDocument.Parse(step[2..]);
        foreach (var (at, item) in value.EnumerateArray().Index())
        {
            if (step[0] is 'v' ? JsonElement.DeepEquals(item, keys.RootElement) : item.ValueKind is JsonValueKind.Object && keys.RootElement.EnumerateObject().All(key => item.TryGetProperty(key.Name, out var own) && JsonElement.DeepEquals(own, key.Value)))
                return ($"{at}", item);
        }

        return null;
    }

    private static bool IsOfTheCluster(string path) =>
        path is "/status" || path.StartsWith("/status/", StringComparison.Ordinal) || (path.StartsWith("/metadata/", StringComparison.Ordinal) && OfTheCluster.Contains(path.Split('/')[2]));

    /// <summary>The annotation that an object gets when it becomes the placement's says nothing of what it is.</summary>
    private static IEnumerable<FieldDifference> WithoutMark(FieldDifference one)
    {
        if (one.Path == Below("/metadata/annotations", Ownership.Annotation))
            return [];
        if (one is not { Path: "/metadata/annotations", InMember: null, InHub: { ValueKind: JsonValueKind.Object } annotations })
            return [one];
        return annotations.EnumerateObject().Where(annotation => annotation.Name != Ownership.Annotation).Select(annotation => new FieldDifference(Below(one.Path, annotation.Name), InMember: null, annotation.Value));
    }

    private static string Below(string path, string name) => $"{path}/{name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";

    private static string Cut(string text, int most) => text.Replace('\0', '?') is var clean && clean.Length > most ? $"{clean[..(most - 1)]}…" : clean;
}
