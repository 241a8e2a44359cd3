namespace ControlPlane.Cli;

/// <summary>Addresses of resources by type and name, and the short words people type for types.</summary>
internal static class ResourceAddress
{
    public const string Group = "Microsoft.Resources/resourceGroups";
    public const string Machine = "ControlPlane.BareMetal/bareMetalMachines";
    public const string Rack = "ControlPlane.BareMetal/racks";

    // Resource groups are Azure's own type and follow Azure's own version.
    private const string GroupApiVersion = "2021-04-01";

    private static readonly Dictionary<string, string> ShortNames = new(StringComparer.OrdinalIgnoreCase)
    {
        ["group"] = Group,
        ["rg"] = Group,
        ["machine"] = Machine,
        ["rack"] = Rack,
        ["image"] = "ControlPlane.BareMetal/osImages",
        ["cluster"] = "Microsoft.Kubernetes/connectedClusters",
        ["fleet"] = FleetCommands.Fleet,
        ["member"] = $"{FleetCommands.Fleet}/members",
        ["placement"] = PlacementCommands.Placement,
    };

    /// <summary>`machine`, `machines` or a full `Namespace/type`.</summary>
    public static string TypeOf(string word)
    {
        if (word.Contains('/', StringComparison.Ordinal))
            return word;
        return ShortNames.GetValueOrDefault(word) ?? ShortNames.GetValueOrDefault(word.TrimEnd('s'))
            ?? throw new UsageException($"'{word}' is no type: use {string.Join(", ", ShortNames.Keys)} or Namespace/type");
    }

    public static string Id(string subscription, string? group, string type, string name)
    {
        if (IsGroup(type))
            return $"/subscriptions/{subscription}/resourceGroups/{name}";
        return $"{Collection(subscription, group ?? throw new UsageException($"{type} lives in a resource group: give --resource-group"), type, name)}";
    }

    /// <summary>The address of a list: in a group, or in the whole subscription.</summary>
    public static string List(string subscription, string? group, string type)
    {
        if (IsGroup(type))
            return $"/subscriptions/{subscription}/resourceGroups";
        var scope = group is null ? $"/subscriptions/{subscription}" : $"/subscriptions/{subscription}/resourceGroups/{group}";
        return $"{scope}/providers/{type}";
    }

    public static string Versioned(string id, string? apiVersion = null) =>
        $"{id}{(id.Contains('?', StringComparison.Ordinal) ? '&' : '?')}api-version={apiVersion ?? VersionOf(id)}";

    public static bool IsId(string text) => text.StartsWith("/subscriptions/", StringComparison.OrdinalIgnoreCase);

    /// <summary>The last segment but one names the type: `…/racks/r1` is a rack.</summary>
    public static bool IsOfType(string id, string type) =>
        id.Contains($"/providers/{type}/", StringComparison.OrdinalIgnoreCase);

    public static bool IsOperation(string text) =>
        text.Contains("/operationStatuses/", StringComparison.OrdinalIgnoreCase) || text.Contains("/operationResults/", StringComparison.OrdinalIgnoreCase);

    private static bool IsGroup(string type) => string.Equals(type, Group, StringComparison.OrdinalIgnoreCase);

    private static string VersionOf(string id) =>
        id.Contains("/providers/", StringComparison.OrdinalIgnoreCase) ? ArmClient.ApiVersion : GroupApiVersion;

    // A nested type takes one name for each level: "fleets/members" with "f1/m1" is fleets/f1/members/m1.
    private static string Collection(string subscription, string group, string type, string name)
    {
        var types = type.Split('/');
        var names = name.Split('/');
        if (types.Length - 1 != names.Length)
            throw new UsageException($"{type} needs {types.Length - 1} name(s), separated by '/': '{name}' has {names.Length}");
        var path = string.Join('/', types.Skip(1).Zip(names, (t, n) => $"{t}/{Uri.EscapeDataString(n)}"));
        return $"/subscriptions/{subscription}/resourceGroups/{group}/providers/{types[0]}/{path}";
    }
}
