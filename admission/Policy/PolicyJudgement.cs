using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Policy;

namespace ControlPlane.Admission.Policy;

/// <summary>What the policies in force make of a write: the resource as it is to be stored, and those that refuse it.</summary>
internal sealed record PolicyVerdict(JsonObject? Changed, IReadOnlyList<AssignedPolicy> Denials)
{
    public static PolicyVerdict Pass { get; } = new(Changed: null, []);
}

/// <summary>Judges a resource by policies, purely. As in Azure, modify and append come first, and what they made is what deny looks at.</summary>
internal static class PolicyJudgement
{
    public static PolicyVerdict Judge(PolicyTarget target, IReadOnlyList<AssignedPolicy> policies)
    {
        var inForce = policies.Where(policy => policy.IsEnforced).ToList();
        var denials = new List<AssignedPolicy>();
        var changed = Change(target, inForce.Where(policy => policy.Compiled.Effect is PolicyEffect.Modify or PolicyEffect.Append), denials);
        var result = changed is null ? target : target with { Resource = JsonSerializer.SerializeToElement(changed) };
        denials.AddRange(inForce.Where(policy => policy.Compiled.Effect is PolicyEffect.Deny && policy.Compiled.Holds(result)));
        return changed is null && denials.Count == 0 ? PolicyVerdict.Pass : new(changed, denials);
    }

    private static JsonObject? Change(PolicyTarget target, IEnumerable<AssignedPolicy> policies, List<AssignedPolicy> denials)
    {
        JsonObject? changed = null;
        var written = new Dictionary<string, (JsonElement Value, PolicyEffect OnConflict)>(StringComparer.OrdinalIgnoreCase);
        foreach (var policy in policies.Where(policy => policy.Compiled.Holds(target)))
        {
            var scope = new PolicyScope(target);
            foreach (var operation in policy.Compiled.Operations.Where(operation => operation.Applies(scope)))
            {
                if (operation.Field(scope) is not { } field || (field.AliasType is { } type && !type.Equals(target.Type, StringComparison.OrdinalIgnoreCase)))
                    continue;
                var value = operation.Kind is PolicyOperationKind.Remove ? default : operation.Value(scope);
                var conflictEffect = policy.Compiled.Details.ConflictEffect;
                if (written.TryGetValue(field.Text, out var other) && !PolicyComparison.Same(other.Value, value))
                {
                    if (conflictEffect is PolicyEffect.Deny && other.OnConflict is PolicyEffect.Deny)
                        denials.Add(policy);
                    continue;
                }

                written[field.Text] = (value, conflictEffect);
                // Append refuses what it would have to overwrite.
                if (policy.Compiled.Effect is PolicyEffect.Append && !field.IsMany && PolicyFields.Value(field, scope) is var present && !PolicyJson.IsMissing(present))
                {
                    if (!PolicyComparison.Same(present, value))
                        denials.Add(policy);
                    continue;
                }

                changed ??= JsonObject.Create(target.Resource)!;
                PolicyWriter.Write(changed, field, operation.Kind, value);
            }
        }

        return changed;
    }
}

/// <summary>Changes a field of a resource.</summary>
internal static class PolicyWriter
{
    public static void Write(JsonObject resource, PolicyField field, PolicyOperationKind kind, JsonElement value)
    {
        if (field.Tag is { } tag)
            Set(Object(resource, "tags", kind), tag, kind, value);
        else if (field.Part is { } part)
            Set(resource, part, kind, value);
        else
            Walk(Object(resource, "properties", kind), field.Path, kind, value);
    }

    private static void Walk(JsonNode? at, IReadOnlyList<PolicyStep> path, PolicyOperationKind kind, JsonElement value)
    {
        if (path is [{ IsEach: false } last])
            Set(at as JsonObject, last.Name, kind, value);
        else if (path is [{ IsEach: false } list, { IsEach: true }])
            Append(at as JsonObject, list.Name, kind, value);
        else if (path[0].IsEach)
        {
            foreach (var item in (at as JsonArray)?.ToList() ?? [])
                Walk(item, [.. path.Skip(1)], kind, value);
        }
        else if (at is JsonObject parent)
            Walk(path[1].IsEach ? parent[Spelled(parent, path[0].Name)] : Object(parent, path[0].Name, kind), [.. path.Skip(1)], kind, value);
    }

    private static void Set(JsonObject? parent, string name, PolicyOperationKind kind, JsonElement value)
    {
        if (parent is null)
            return;
        var spelled = Spelled(parent, name);
        if (kind is PolicyOperationKind.Remove)
            parent.Remove(spelled);
        else if (kind is PolicyOperationKind.AddOrReplace || parent[spelled] is null)
            parent[spelled] = Node(value);
    }

    /// <summary>Puts a value into a list that lacks it, or takes it out.</summary>
    private static void Append(JsonObject? parent, string name, PolicyOperationKind kind, JsonElement value)
    {
        if (parent is null || (parent[Spelled(parent, name)] is not null and not JsonArray))
            return;
        var list = parent[Spelled(parent, name)] as JsonArray;
        if (kind is PolicyOperationKind.Remove)
            list?.Clear();
        else if (list is null)
            parent[Spelled(parent, name)] = new JsonArray(Node(value));
        else if (!list.Any(item => JsonNode.DeepEquals(item, Node(value))))
            list.Add(Node(value));
    }

    /// <summary>What a name leads to, made if something is to be put there.</summary>
    private static JsonObject? Object(JsonObject parent, string name, PolicyOperationKind kind)
    {
        var spelled = Spelled(parent, name);
        if (parent[spelled] is null && kind is not PolicyOperationKind.Remove)
            parent[spelled] = new JsonObject();
        return parent[spelled] as JsonObject;
    }

    private static string Spelled(JsonObject parent, string name) =>
        parent.ContainsKey(name) ? name : parent.Select(member => member.Key).FirstOrDefault(key => key.Equals(name, StringComparison.OrdinalIgnoreCase)) ?? name;

    private static JsonNode? Node(JsonElement value) => PolicyJson.IsMissing(value) ? null : JsonNode.Parse(value.GetRawText());
}
