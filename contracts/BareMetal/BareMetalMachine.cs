using System.Text.Json;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Contracts.BareMetal;

/// <summary>A physical server, from the address of its management controller to the cluster it joins.</summary>
public sealed partial record BareMetalMachine : IResource<BareMetalMachine, BareMetalMachineStatus>
{
    public static ResourceType Type { get; } = new("ControlPlane.BareMetal", "bareMetalMachines");

    public required Bmc Bmc { get; init; }

    /// <summary>The port that boots from the network; the first linked port that inspection finds when absent.</summary>
    public string? BootMacAddress { get; init; }

    /// <summary>Tried first; the other methods of the model follow when the machine does not come up.</summary>
    public BootMethod BootMethod { get; init; } = BootMethod.UefiHttp;

    public DiskLayout DiskLayout { get; init; } = new();

    /// <summary>How thoroughly disks are wiped before they are written and when the machine is given back. A level that a disk cannot do fails; it is never lowered.</summary>
    public WipePolicy WipePolicy { get; init; } = WipePolicy.Discard;

    /// <summary>The <c>osImages</c> resource to install. Without one the machine is inspected and stays Available.</summary>
    public string? OsImageId { get; init; }

    /// <summary>The <c>connectedClusters</c> resource to join.</summary>
    public string? ClusterId { get; init; }

    /// <summary>The machine's resource name, in lower case, when absent.</summary>
    public string? KubernetesNodeName { get; init; }

    public IReadOnlyDictionary<string, string> NodeLabels { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Which quota the machine counts against.</summary>
    public string SkuFamily { get; init; } = "general";

    /// <summary>Provision a model that is not on the hardware list all the same.</summary>
    public bool AllowUncertifiedHardware { get; init; }

    public static IReadOnlyList<ResourceAction> Actions { get; } =
    [
        new("inspect", "Read the hardware again, out of band; touches nothing."),
        new("start", "Power on."),
        new("powerOff", "Shut down gracefully, by force after 3 minutes or at once when asked.", typeof(PowerOffParameters)),
        new("restart", "Power off, then on again."),
        new("reimage", "Wipe and install anew, with the same or another image. Refused on a node that is not cordoned.", typeof(ReimageParameters)),
        new("replace", "Take over a replaced server in the same place: new BMC credentials, address or boot port, then install anew.", typeof(ReplaceParameters)),
        new("cordon", "Take the node out of scheduling, evicting its pods when asked.", typeof(CordonParameters)),
        new("uncordon", "Put the node back into scheduling."),
        new("release", "Drain and wipe the machine and keep it, Available, without image and cluster."),
        new("retry", "Try the failed or canceled work again from the start."),
    ];

    public static IEnumerable<Violation> Violations(BareMetalMachine wanted, BareMetalMachine? current)
    {
        if (Bmc.Address(wanted.Bmc.Endpoint) is null)
            yield return new("bmc.endpoint", "must be the https address of the management controller, optionally with the system's path, such as https://10.4.1.17/redfish/v1/Systems/1");
        foreach (var violation in RulesOfTemplate(wanted, current))
            yield return violation;
        if (wanted.BootMacAddress is { } mac && !Mac().IsMatch(mac))
            yield return new("bootMacAddress", "must be six hexadecimal pairs, such as 0c:42:a1:00:00:01");
        if (wanted.KubernetesNodeName is { } node && !Dns1123().IsMatch(node))
            yield return new("kubernetesNodeName", "must be a DNS-1123 subdomain, such as rack-1-07");
        if (current is not null && current.Bmc.Endpoint != wanted.Bmc.Endpoint)
            yield return Violation.Immutable("bmc.endpoint", "use the replace action");
        if (current is not null && !current.SkuFamily.Equals(wanted.SkuFamily, StringComparison.OrdinalIgnoreCase))
            yield return Violation.Immutable("skuFamily", "delete the machine and create it in the other family");
    }

    /// <summary>The machine after a replacement: what was not given stays, but a new BMC means new ports.</summary>
    public BareMetalMachine With(ReplaceParameters given) => this with
    {
        Bmc = Bmc with { Endpoint = given.BmcEndpoint ?? Bmc.Endpoint, Credentials = given.BmcCredentials ?? Bmc.Credentials, Tls = given.BmcTls ?? Bmc.Tls },
        BootMacAddress = given.BootMacAddress ?? (given.BmcEndpoint is null ? BootMacAddress : null),
    };

    /// <summary>The rules that hold for a machine and for the template of a rack alike.</summary>
    internal static IEnumerable<Violation> RulesOfTemplate(BareMetalMachine wanted, BareMetalMachine? current)
    {
        if (wanted.Bmc.Credentials.UserName.Length is 0 or > 128)
            yield return new("bmc.credentials.userName", "must have 1 to 128 characters");
        if (string.IsNullOrEmpty(wanted.Bmc.Credentials.Password) && current is null)
            yield return new("bmc.credentials.password", "is required on create");
        if (wanted.Bmc.Tls is { Mode: TlsMode.CaBundle, CaBundle: null or "" })
            yield return new("bmc.tls.caBundle", "is required with mode CaBundle: PEM of the CA that signed the BMC's certificate");
        if (wanted.Bmc.Tls is { Mode: TlsMode.CaBundle, CaBundle: { Length: > 0 } pem } && !pem.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal))
            yield return new("bmc.tls.caBundle", "must be PEM (-----BEGIN CERTIFICATE-----)");
        if (wanted.Bmc.Tls.Mode is TlsMode.Pinned && !Fingerprint().IsMatch(wanted.Bmc.Tls.Sha256Fingerprint ?? ""))
            yield return new("bmc.tls.sha256Fingerprint", "is required with mode Pinned: 64 hexadecimal digits, the SHA-256 of the BMC's certificate");
        if (wanted.OsImageId is null != wanted.ClusterId is null)
            yield return new(wanted.OsImageId is null ? "osImageId" : "clusterId", "is required too: a machine is installed to join a cluster; leave out both to have it inspected only");
        // The node is known in one cluster only: leaving it is what deletion is for.
        if (current?.ClusterId is { } joined && !joined.Equals(wanted.ClusterId, StringComparison.OrdinalIgnoreCase))
            yield return Violation.Immutable("clusterId", "delete the machine and create it in the other cluster");
        if (wanted.DiskLayout.RootDisk is { MinSizeGiB: < 8 })
            yield return new("diskLayout.rootDisk.minSizeGiB", "must be at least 8");
        if (wanted.DiskLayout.RootDisk.SerialNumber is { } serial && wanted.DiskLayout.Preserve.Contains(serial, StringComparer.OrdinalIgnoreCase))
            yield return new("diskLayout.preserve", $"names the root disk '{serial}', which is written");
        if (!Label().IsMatch(wanted.SkuFamily))
            yield return new("skuFamily", "must be 1 to 63 letters, digits or dashes");
        foreach (var key in wanted.NodeLabels.Keys.Where(key => key.Length is 0 or > 317))
            yield return new($"nodeLabels.{key}", "must be a Kubernetes label key");
    }

    public static IEnumerable<Reference> References(BareMetalMachine wanted)
    {
        if (wanted.OsImageId is { } image)
            yield return new("osImageId", image, OsImage.Type);
        if (wanted.ClusterId is { } cluster)
            yield return new("clusterId", cluster, ConnectedCluster.Type);
    }

    public static QuotaDemand? Quota(BareMetalMachine wanted) => new(wanted.SkuFamily, 1);

    public static string? UniqueKey(ResourceId id, BareMetalMachine wanted) =>
        Bmc.Address(wanted.Bmc.Endpoint) is { } address ? $"bmc:{address.Authority}{address.AbsolutePath.TrimEnd('/')}".ToLowerInvariant() : null;

    public static ErrorBody Taken(string other) =>
        new("ResourceAlreadyClaimed", $"The management controller named in 'properties.bmc.endpoint' already belongs to '{other}'; one of the two must be deleted first.", "properties.bmc.endpoint");

    /// <summary>The safeguards: nothing that would take a working node away happens by accident.</summary>
    public static ErrorBody? Refuse(ResourceRequest<BareMetalMachine, BareMetalMachineStatus> request)
    {
        var joined = request.Status.DetailedStatus is DetailedStatus.Provisioned;
        var none = request.Parameters.TryGetProperty("safeguardMode", out var mode) && mode.ValueKind is JsonValueKind.String && Enum.TryParse<SafeguardMode>(mode.GetString(), true, out var given) && given is SafeguardMode.None;
        return request.Name switch
        {
            "reimage" or "replace" when joined && request.Status.CordonStatus is not CordonStatus.Cordoned && !none =>
                new("MachineNotCordoned", $"The node '{request.Status.KubernetesNodeName}' still takes pods. Cordon it with evacuate first, or repeat with \"safeguardMode\": \"None\".", "safeguardMode"),
            "reimage" when request.Current.OsImageId is null && !request.Parameters.TryGetProperty("osImageId", out _) =>
                new("OsImageRequired", "The machine has no osImageId and none was given.", "osImageId"),
            "reimage" or "replace" when request.Current.ClusterId is null =>
                new("ClusterRequired", "The machine has no clusterId; PUT it with osImageId and clusterId first.", "properties.clusterId"),
            "replace" when FaultIn(request.Current, request.Parameters) is { } fault => new("InvalidParameter", $"'{fault.Target}' {fault.Message}.", fault.Target),
            "cordon" or "uncordon" when !joined => new("NodeNotJoined", $"The machine is {request.Status.DetailedStatus}; only a Provisioned machine has a node."),
            "release" when request.Current.ClusterId is null => new("NothingToRelease", "The machine has no clusterId: it is in no cluster."),
            "retry" when request.Status.ActionStates is [{ ActionType: "delete" }, ..] =>
                new("DeletionUnfinished", "The last work on the machine was its deletion, which did not succeed. DELETE it again to go on, or PUT it to install it anew."),
            "retry" when request.State is ProvisioningState.Succeeded => new("NothingToRetry", "The last operation of the machine succeeded."),
            "start" or "powerOff" or "restart" when request.Status.HardwareInventory is null => new("MachineNotInspected", "The machine's BMC was never reached; use retry."),
            _ => null,
        };
    }

    /// <summary>The first rule that the machine would break after the replacement.</summary>
    private static Violation? FaultIn(BareMetalMachine current, JsonElement parameters)
    {
        var replaced = current.With(parameters.Deserialize<ReplaceParameters>(Json.Options)!);
        return Violations(replaced, replaced).FirstOrDefault();
    }

    /// <summary>The documented limits of Azure Operator Nexus for the same actions; creation is bounded by the sum of its steps.</summary>
    public static TimeSpan TimeLimit(string request) => request switch
    {
        "cordon" or "uncordon" or "inspect" => TimeSpan.FromMinutes(10),
        "start" => TimeSpan.FromMinutes(30),
        "powerOff" or "restart" => TimeSpan.FromMinutes(40),
        "replace" => TimeSpan.FromHours(4),
        _ => TimeSpan.FromHours(3),
    };

    [GeneratedRegex("^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Mac();

    [GeneratedRegex("^([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Fingerprint();

    [GeneratedRegex("^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Dns1123();

    [GeneratedRegex("^[A-Za-z0-9-]{1,63}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Label();
}

/// <summary>The management controller of a machine.</summary>
public sealed record Bmc
{
    /// <summary>Its address, with the system's path when it manages several systems: <c>https://10.4.1.17/redfish/v1/Systems/System.Embedded.1</c>; Metal³'s <c>redfish+https://</c> is understood.</summary>
    /// <example>https://10.4.1.17</example>
    public string? Endpoint { get; init; }

    public required BmcCredentials Credentials { get; init; }
    public BmcTls Tls { get; init; } = new();

    /// <summary>The endpoint as an https address, or null when it is none.</summary>
    public static Uri? Address(string? endpoint)
    {
        if (endpoint?.StartsWith("redfish+", StringComparison.OrdinalIgnoreCase) is true)
            endpoint = endpoint["redfish+".Length..];
        return Uri.TryCreate(endpoint, UriKind.Absolute, out var address) && address.Scheme == Uri.UriSchemeHttps && address.UserInfo.Length == 0 && address.Query.Length == 0 ? address : null;
    }
}

/// <summary>How the control plane logs in to a BMC.</summary>
public sealed record BmcCredentials
{
    /// <example>root</example>
    public required string UserName { get; init; }

    /// <example>calvin</example>
    [Secret]
    public string? Password { get; init; }
}

/// <summary>Which disk carries the system and which disks nobody touches.</summary>
public sealed record DiskLayout
{
    public RootDiskHint RootDisk { get; init; } = new();

    /// <summary>Serial numbers of disks that are never wiped or written.</summary>
    public IReadOnlyList<string> Preserve { get; init; } = [];
}

/// <summary>Exactly one disk must fit all that is given; none or several is an error before anything is written. Given nothing, the smallest non-removable disk of at least 8 GiB, if that is unique.</summary>
public sealed record RootDiskHint
{
    public string? SerialNumber { get; init; }

    /// <summary>NAA or EUI-64 identifier.</summary>
    public string? Wwn { get; init; }

    public int? MinSizeGiB { get; init; }
}

/// <summary>From fast to thorough; what each guarantees is in <c>docs/bare-metal.md</c>.</summary>
public enum WipePolicy
{
    /// <summary>Signatures and partition tables: the old system cannot boot, its data remains.</summary>
    Metadata,

    /// <summary>Discard of every block.</summary>
    Discard,

    /// <summary>The drive's own erase: NVMe format or sanitize, ATA secure erase.</summary>
    SecureErase,

    /// <summary>Every block written once.</summary>
    Overwrite,
}

public enum SafeguardMode { All, None }

public enum StoragePolicy { DiscardAll, Preserve }

public sealed record PowerOffParameters
{
    /// <summary>Cut the power at once.</summary>
    public bool SkipShutdown { get; init; }
}

public sealed record ReimageParameters
{
    /// <summary>All refuses a node that still takes pods; None goes ahead.</summary>
    public SafeguardMode SafeguardMode { get; init; } = SafeguardMode.All;

    /// <summary>Another image than the machine's.</summary>
    public string? OsImageId { get; init; }
}

public sealed record ReplaceParameters
{
    public SafeguardMode SafeguardMode { get; init; } = SafeguardMode.All;
    public string? BmcEndpoint { get; init; }
    public BmcCredentials? BmcCredentials { get; init; }
    public BmcTls? BmcTls { get; init; }
    public string? BootMacAddress { get; init; }
    public StoragePolicy StoragePolicy { get; init; } = StoragePolicy.DiscardAll;
}

public sealed record CordonParameters
{
    /// <summary>Also evict the pods that run there.</summary>
    public bool Evacuate { get; init; }
}
