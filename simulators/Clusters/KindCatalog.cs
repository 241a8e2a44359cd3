using System.Collections.Immutable;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>The kinds that one cluster serves: the built-in ones and those of its established CustomResourceDefinitions.</summary>
internal sealed class KindCatalog
{
    private ImmutableDictionary<(string ApiVersion, string Plural), ResourceKind> custom = ImmutableDictionary<(string, string), ResourceKind>.Empty;

    public IEnumerable<ResourceKind> All => ResourceKinds.BuiltIn.Concat(custom.Values);

    public ResourceKind? Find(string apiVersion, string plural) =>
        ResourceKinds.ByPath.TryGetValue((apiVersion, plural), out var kind) || custom.TryGetValue((apiVersion, plural), out kind) ? kind : null;

    /// <summary>Any version of what is on a shelf.</summary>
    public ResourceKind? OnShelf(string shelf) =>
        ResourceKinds.ByShelf.TryGetValue(shelf, out var kind) ? kind : custom.Values.FirstOrDefault(one => one.Shelf == shelf);

    /// <summary>Serves what a definition defines, each version that it says is served.</summary>
    public void Establish(JsonObject definition)
    {
        var spec = definition["spec"] as JsonObject;
        var names = spec?["names"] as JsonObject;
        var kinds = (spec?["versions"] as JsonArray ?? []).OfType<JsonObject>().Where(version => version["served"]?.GetValue<bool>() is true).Select(version => new ResourceKind
        {
            Group = spec.Text("group") ?? "", Version = version.Text("name") ?? "", Plural = names.Text("plural") ?? "", Kind = names.Text("kind") ?? "",
            Namespaced = spec.Text("scope") == "Namespaced", HasGeneration = true, IsCustom = true,
            HasStatus = version["subresources"]?["status"] is not null, HasScale = version["subresources"]?["scale"] is not null,
            ShortNames = [.. (names?["shortNames"] as JsonArray ?? []).Select(name => name!.GetValue<string>())],
            Schema = (JsonObject?)(version["schema"]?["openAPIV3Schema"] as JsonObject)?.DeepClone(),
        });
        var without = Without(definition);
        foreach (var kind in kinds) without = without.SetItem((kind.ApiVersion, kind.Plural), kind);
        custom = without;
    }

    public void Withdraw(JsonObject definition) => custom = Without(definition);

    private ImmutableDictionary<(string, string), ResourceKind> Without(JsonObject definition)
    {
        var shelf = $"{(definition["spec"]?["names"] as JsonObject).Text("plural")}.{(definition["spec"] as JsonObject).Text("group")}";
        return custom.RemoveRange(custom.Where(pair => pair.Value.Shelf == shelf).Select(pair => pair.Key));
    }
}
