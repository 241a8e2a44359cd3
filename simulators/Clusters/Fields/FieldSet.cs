using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.Clusters.Fields;

/// <summary>A set of fields of an object, as managed fields keep it (FieldsV1): a tree whose steps are <c>f:name</c>, <c>k:{keys}</c> and <c>v:value</c>.</summary>
internal sealed class FieldSet
{
    private Dictionary<string, FieldSet>? children;

    /// <summary>The field itself belongs to the set, not only what is below it.</summary>
    public bool IsMember { get; set; }

    public bool IsEmpty => !IsMember && children is null or { Count: 0 };

    public bool IsLeaf => children is null or { Count: 0 };

    public IEnumerable<KeyValuePair<string, FieldSet>> Children => children ?? [];

    public FieldSet? this[string step] => children is not null && children.TryGetValue(step, out var found) ? found : null;

    public FieldSet Below(string step)
    {
        children ??= new(StringComparer.Ordinal);
        if (!children.TryGetValue(step, out var child)) children[step] = child = new FieldSet();
        return child;
    }

    public static FieldSet Parse(JsonObject? fields)
    {
        var set = new FieldSet();
        if (fields is null) return set;
        set.IsMember = fields.Count == 0 || fields.ContainsKey(".");
        foreach (var (step, below) in fields)
        {
            if (step == ".") continue;
            set.children ??= new(StringComparer.Ordinal);
            set.children[step] = Parse(below as JsonObject);
        }

        return set;
    }

    public JsonObject ToJson()
    {
        var fields = new JsonObject();
        if (IsLeaf) return fields;
        if (IsMember) fields["."] = new JsonObject();
        foreach (var (step, child) in children!.OrderBy(pair => pair.Key, StringComparer.Ordinal)) fields[step] = child.ToJson();
        return fields;
    }

    public FieldSet Copy()
    {
        var copy = new FieldSet { IsMember = IsMember };
        foreach (var (step, child) in Children) (copy.children ??= new(StringComparer.Ordinal))[step] = child.Copy();
        return copy;
    }

    /// <summary>Adds the members of another set.</summary>
    public FieldSet Add(FieldSet other)
    {
        IsMember |= other.IsMember;
        foreach (var (step, child) in other.Children) Below(step).Add(child);
        return this;
    }

    /// <summary>Removes the members of another set.</summary>
    public FieldSet Subtract(FieldSet other)
    {
        if (other.IsMember) IsMember = false;
        if (children is null) return this;
        foreach (var (step, theirs) in other.Children)
        {
            if (!children.TryGetValue(step, out var mine)) continue;
            if (mine.Subtract(theirs).IsEmpty) children.Remove(step);
        }

        return this;
    }

    /// <summary>Removes fields and everything below them, because they are gone from the object.</summary>
    public FieldSet Prune(FieldSet gone)
    {
        if (children is null) return this;
        foreach (var (step, child) in gone.Children)
        {
            if (!children.TryGetValue(step, out var mine)) continue;
            if (child.IsMember || mine.Prune(child).IsEmpty) children.Remove(step);
        }

        return this;
    }
}
