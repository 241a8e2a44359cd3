using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Policy;

/// <summary>The definitions that every tenant has. Those that Azure has too stand under Azure's names.</summary>
public static class BuiltInPolicies
{
    public const string AllowedLocations = "e56962a6-4747-49cd-b67b-bf8b01975c4c";
    public const string AllowedResourceTypes = "a08ec900-254a-4555-9bf5-e42af04b5c5c";
    public const string RequireTag = "871b6d14-10aa-478d-b590-94f262ecfa99";
    public const string RequireTagAndValue = "1e30110a-5ceb-460c-a204-c1c3969c6d62";
    public const string AddTag = "4f9dc7db-30c1-420c-b61a-e1d640128d26";
    public const string InheritTag = "cd3aa116-8754-49c9-a813-ad46512ece54";
    public const string CertifiedHardware = "6d0f3c52-8a1b-4e7d-9b64-2f5c0d1e7a01";
    public const string VulnerableImages = "6d0f3c52-8a1b-4e7d-9b64-2f5c0d1e7a02";

    public const string RequireAddonVersion = "6d0f3c52-8a1b-4e7d-9b64-2f5c0d1e7a03";
    public const string RequireKubernetesVersion = "6d0f3c52-8a1b-4e7d-9b64-2f5c0d1e7a04";

    /// <summary>What a fleet does with members that break a policy about clusters.</summary>
    private const string Cordon = """
        "cordon":{"type":"Boolean","defaultValue":false,"metadata":{"displayName":"Keep new placements and pods away from clusters that do not comply, until they do"}},
        "gracePeriod":{"type":"Integer","defaultValue":0,"metadata":{"displayName":"Seconds for which a cluster may break the policy before that"}},
        "effect":{"type":"String","allowedValues":["audit","disabled"],"defaultValue":"audit"}
        """;

    private const string Tag = """{"tagName":{"type":"String","metadata":{"displayName":"Tag Name","description":"Such as environment."}}}""";
    private const string TagAndValue = """{"tagName":{"type":"String","metadata":{"displayName":"Tag Name"}},"tagValue":{"type":"String","metadata":{"displayName":"Tag Value"}}}""";

    public static IReadOnlyDictionary<string, PolicyDefinition> ByName { get; } = new Dictionary<string, PolicyDefinition>(StringComparer.OrdinalIgnoreCase)
    {
        [AllowedLocations] = Define("Allowed locations", "General", "Resources are only where they may be. Resource groups are not judged.", "Indexed",
            """{"listOfAllowedLocations":{"type":"Array","metadata":{"displayName":"Allowed locations","strongType":"location"}}}""",
            """{"if":{"allOf":[{"field":"location","notIn":"[parameters('listOfAllowedLocations')]"},{"field":"location","notEquals":"global"}]},"then":{"effect":"deny"}}"""),
        [AllowedResourceTypes] = Define("Allowed resource types", "General", "Only resources of these types are created.", "Indexed",
            """{"listOfResourceTypesAllowed":{"type":"Array","metadata":{"displayName":"Allowed resource types","strongType":"resourceTypes"}}}""",
            """{"if":{"not":{"field":"type","in":"[parameters('listOfResourceTypesAllowed')]"}},"then":{"effect":"deny"}}"""),
        [RequireTag] = Define("Require a tag on resources", "Tags", "Resources have the tag, whatever its value.", "Indexed", Tag,
            """{"if":{"field":"[concat('tags[', parameters('tagName'), ']')]","exists":"false"},"then":{"effect":"deny"}}"""),
        [RequireTagAndValue] = Define("Require a tag and its value on resources", "Tags", "Resources have the tag, with this value.", "Indexed", TagAndValue,
            """{"if":{"not":{"field":"[concat('tags[', parameters('tagName'), ']')]","equals":"[parameters('tagValue')]"}},"then":{"effect":"deny"}}"""),
        [AddTag] = Define("Add a tag to resources", "Tags", "Resources that lack the tag get it when they are written.", "Indexed", TagAndValue,
            """{"if":{"field":"[concat('tags[', parameters('tagName'), ']')]","exists":"false"},"then":{"effect":"modify","details":{"operations":[{"operation":"add","field":"[concat('tags[', parameters('tagName'), ']')]","value":"[parameters('tagValue')]"}]}}}"""),
        [InheritTag] = Define("Inherit a tag from the resource group", "Tags", "Resources have the tag with the value of their resource group.", "Indexed", Tag,
            """
            {"if":{"allOf":[{"field":"[concat('tags[', parameters('tagName'), ']')]","notEquals":"[resourceGroup().tags[parameters('tagName')]]"},{"value":"[resourceGroup().tags[parameters('tagName')]]","exists":"true"}]},
            "then":{"effect":"modify","details":{"operations":[{"operation":"addOrReplace","field":"[concat('tags[', parameters('tagName'), ']')]","value":"[resourceGroup().tags[parameters('tagName')]]"}]}}}
            """),
        [CertifiedHardware] = Define("Bare-metal machines are on certified hardware", "Bare Metal", "No machine is provisioned on hardware that is not on the list of certified models.", "Indexed",
            """{"effect":{"type":"String","allowedValues":["audit","deny","disabled"],"defaultValue":"deny"}}""",
            """{"if":{"allOf":[{"field":"type","equals":"ControlPlane.BareMetal/bareMetalMachines"},{"field":"ControlPlane.BareMetal/bareMetalMachines/allowUncertifiedHardware","equals":"true"}]},"then":{"effect":"[parameters('effect')]"}}"""),
        [VulnerableImages] = Define("Machines do not run images with known vulnerabilities", "Bare Metal", "Machines whose image is among these are reported.", "Indexed",
            """{"vulnerableImages":{"type":"Array","metadata":{"displayName":"Names or ids of images with known vulnerabilities"}},"effect":{"type":"String","allowedValues":["audit","deny","disabled"],"defaultValue":"audit"}}""",
            """
            {"if":{"allOf":[{"field":"type","equals":"ControlPlane.BareMetal/bareMetalMachines"},{"anyOf":[
            {"field":"ControlPlane.BareMetal/bareMetalMachines/osImageId","in":"[parameters('vulnerableImages')]"},
            {"value":"[last(split(field('ControlPlane.BareMetal/bareMetalMachines/osImageId'), '/'))]","in":"[parameters('vulnerableImages')]"}]}]},"then":{"effect":"[parameters('effect')]"}}
            """),
        [RequireAddonVersion] = Define("Clusters have a version of an add-on or a later one", "Kubernetes", "Connected clusters that lack the add-on, or have an earlier version of it, do not comply; a cluster that was never looked at is not judged by it.", "Indexed",
            """{"addOn":{"type":"String","metadata":{"displayName":"Name of the add-on","description":"Such as secrets-store-csi-driver."}},"version":{"type":"String","metadata":{"displayName":"The earliest version"}},"""
            + Cordon + "}",
            """
            {"if":{"allOf":[{"field":"type","equals":"Microsoft.Kubernetes/connectedClusters"},{"field":"Microsoft.Kubernetes/connectedClusters/inventory","exists":"true"},
            {"not":{"value":"[compareVersions(field('Microsoft.Kubernetes/connectedClusters/inventory.addOns')[parameters('addOn')], parameters('version'))]","greaterOrEquals":0}}]},"then":{"effect":"[parameters('effect')]"}}
            """),
        [RequireKubernetesVersion] = Define("Clusters run a version of Kubernetes or a later one", "Kubernetes", "Connected clusters that run an earlier version do not comply; a cluster that was never looked at is not judged by it.", "Indexed",
            """{"version":{"type":"String","metadata":{"displayName":"The earliest version","description":"Such as 1.32."}},""" + Cordon + "}",
            """
            {"if":{"allOf":[{"field":"type","equals":"Microsoft.Kubernetes/connectedClusters"},{"field":"Microsoft.Kubernetes/connectedClusters/inventory","exists":"true"},
            {"value":"[compareVersions(field('Microsoft.Kubernetes/connectedClusters/inventory.kubernetesVersion'), parameters('version'))]","less":0}]},"then":{"effect":"[parameters('effect')]"}}
            """),
    };

    private static PolicyDefinition Define(string name, string category, string description, string mode, string parameters, string rule) => new()
    {
        DisplayName = name,
        Description = description,
        PolicyType = PolicyType.BuiltIn,
        Mode = mode,
        Version = "1.0.0",
        Metadata = Json.Element(new { version = "1.0.0", category }),
        Parameters = Json.Read<Dictionary<string, PolicyParameter>>(parameters),
        PolicyRule = Json.Read<JsonElement>(rule),
    };
}
