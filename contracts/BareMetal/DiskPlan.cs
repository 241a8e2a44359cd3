using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.BareMetal;

/// <summary>What an attempt is to do to the disks, before the machine has said which it has.</summary>
public sealed record DiskPlan
{
    /// <summary><c>provision</c>: wipe, write, join. <c>wipe</c>: wipe only, when a machine is given back.</summary>
    public required string Action { get; init; }

    public required DiskLayout Layout { get; init; }
    public required WipePolicy WipePolicy { get; init; }

    /// <summary>Wipe the root disk only: what a replaced server with StoragePolicy Preserve asks for.</summary>
    public bool RootDiskOnly { get; init; }

    public ImageSource? Image { get; init; }

    /// <summary>What the image asks of the root disk, whatever the layout says.</summary>
    public int MinimumDiskGiB { get; init; } = 1;
}

/// <summary>What to write, as the machine is told.</summary>
public sealed record ImageSource(Uri Url, string Sha256, long SizeBytes, string? Signature, string? CaCertificate);

/// <summary>A disk as the machine itself sees it.</summary>
public sealed record AgentDisk
{
    public required string Name { get; init; }
    public string? Serial { get; init; }
    public string? Wwn { get; init; }
    public required long SizeBytes { get; init; }
    public string? MediaType { get; init; }
    public bool Removable { get; init; }
    public bool ReadOnly { get; init; }

    /// <summary>The filesystem signature on it, such as VMFS, null when there is none.</summary>
    public string? Filesystem { get; init; }

    /// <summary>discard, secureErase, as far as the disk can.</summary>
    public IReadOnlyList<string> Supports { get; init; } = [];
}

/// <summary>The instruction document of <c>docs/provisioning.md</c>.</summary>
public sealed record ProvisioningInstructions
{
    public required string Action { get; init; }
    public Guid? Permit { get; init; }
    public DiskReference? RootDisk { get; init; }
    public WipeInstructions? Wipe { get; init; }
    public ImageSource? Image { get; init; }
    public int HeartbeatSeconds { get; init; } = 1;
}

public sealed record DiskReference(string Serial);

public sealed record WipeInstructions(string Policy, IReadOnlyList<DiskReference> Disks, IReadOnlyList<string> Preserve);

/// <summary>Decides which disks are wiped and which one is written, or why nothing may be. Pure.</summary>
public static class DiskPlanning
{
    private const long GiB = 1L << 30;
    private const long SmallestRoot = 8 * GiB;

    /// <summary>Filesystems that several machines share: wiping them destroys what belongs to others (ironic-python-agent's safety check).</summary>
    private static readonly HashSet<string> Shared = new(["VMFS", "GPFS", "GFS2", "OCFS2"], StringComparer.OrdinalIgnoreCase);

    public static (ProvisioningInstructions? Instructions, ErrorBody? Refusal) Decide(DiskPlan plan, IReadOnlyList<AgentDisk> disks, Guid permit)
    {
        var usable = disks.Where(disk => !disk.Removable && !disk.ReadOnly && !string.IsNullOrWhiteSpace(disk.Serial)).ToList();
        var wiped = usable.Where(disk => !plan.Layout.Preserve.Contains(disk.Serial, StringComparer.OrdinalIgnoreCase)).ToList();
        if (wiped.FirstOrDefault(disk => disk.Filesystem is { } filesystem && Shared.Contains(filesystem)) is { } shared)
            return Refuse("SharedDiskFound", $"Disk '{shared.Serial}' carries {shared.Filesystem}, which other machines use. Put its serial number into diskLayout.preserve, or detach it.");
        AgentDisk? root = null;
        if (plan.Action == "provision")
        {
            var candidates = Candidates(plan.Layout.RootDisk, plan.MinimumDiskGiB, wiped);
            if (candidates.Count == 0)
                return Refuse("RootDiskNotFound", $"No disk fits diskLayout.rootDisk and the image's minimumDiskGiB of {plan.MinimumDiskGiB}; the machine has {Names(usable)}.");
            if (candidates.Count > 1)
                return Refuse("RootDiskAmbiguous", $"{candidates.Count} disks fit diskLayout.rootDisk: {Names(candidates)}. Name one by serialNumber or wwn.");
            root = candidates[0];
            if (plan.Image is { } image && image.SizeBytes > root.SizeBytes)
                return Refuse("DiskFull", $"The image has {image.SizeBytes} bytes, the root disk '{root.Serial}' only {root.SizeBytes}.");
            if (plan.RootDiskOnly)
                wiped = [root];
        }

        if (wiped.FirstOrDefault(disk => !CanWipe(disk, plan.WipePolicy)) is { } incapable)
            return Refuse("WipeNotSupported", $"Disk '{incapable.Serial}' cannot do {plan.WipePolicy}; choose another wipePolicy or preserve the disk. A level is never lowered silently.");
        return (new()
        {
            Action = plan.Action,
            Permit = permit,
            RootDisk = root is null ? null : new(root.Serial!),
            Wipe = new(char.ToLowerInvariant(plan.WipePolicy.ToString()[0]) + plan.WipePolicy.ToString()[1..], [.. wiped.Select(disk => new DiskReference(disk.Serial!))], plan.Layout.Preserve),
            Image = plan.Image,
        }, null);
    }

    /// <summary>What the wipe that was reported lacks of the one that was ordered: a disk, or the level. A level is never lowered silently. Pure.</summary>
    public static ErrorBody? Shortfall(WipeInstructions ordered, IReadOnlyList<WipedDisk> reported)
    {
        var level = Level(ordered.Policy);
        foreach (var disk in ordered.Disks)
        {
            var done = reported.Where(wiped => wiped.Serial.Equals(disk.Serial, StringComparison.OrdinalIgnoreCase)).Select(wiped => wiped.Method).FirstOrDefault();
            if (Level(done) is not { } reached || reached < level)
                return new("WipeIncomplete", $"Disk '{disk.Serial}' was to be wiped by '{ordered.Policy}' and was {(done is null ? "not wiped" : $"wiped by '{done}'")}.");
        }

        return null;
    }

    private static WipePolicy? Level(string? method) => Enum.TryParse<WipePolicy>(method, ignoreCase: true, out var level) && Enum.IsDefined(level) ? level : null;

    /// <summary>With a hint, every disk that fits all of it; without, the smallest that is large enough, and every other of the same size.</summary>
    private static List<AgentDisk> Candidates(RootDiskHint hint, int minimumGiB, List<AgentDisk> disks)
    {
        var fitting = disks.Where(disk =>
            (hint.SerialNumber is null || hint.SerialNumber.Equals(disk.Serial, StringComparison.OrdinalIgnoreCase))
            && (hint.Wwn is null || hint.Wwn.Equals(disk.Wwn, StringComparison.OrdinalIgnoreCase))
            && disk.SizeBytes >= Math.Max(hint.MinSizeGiB is { } min ? min * GiB : SmallestRoot, minimumGiB * GiB)).ToList();
        if (hint.SerialNumber is not null || hint.Wwn is not null || fitting.Count == 0)
            return fitting;
        var smallest = fitting.Min(disk => disk.SizeBytes);
        return [.. fitting.Where(disk => disk.SizeBytes == smallest)];
    }

    private static bool CanWipe(AgentDisk disk, WipePolicy policy) => policy switch
    {
        WipePolicy.Discard => disk.Supports.Contains("discard", StringComparer.OrdinalIgnoreCase),
        WipePolicy.SecureErase => disk.Supports.Contains("secureErase", StringComparer.OrdinalIgnoreCase),
        _ => true,
    };

    private static string Names(IEnumerable<AgentDisk> disks) => string.Join(", ", disks.Select(disk => $"'{disk.Serial}' ({disk.SizeBytes / GiB} GiB)"));

    private static (ProvisioningInstructions?, ErrorBody?) Refuse(string code, string message) => (null, new(code, message));
}
