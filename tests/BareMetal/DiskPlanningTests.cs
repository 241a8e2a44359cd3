using ControlPlane.Contracts.BareMetal;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>The pure decision what to do to the disks.</summary>
public sealed class DiskPlanningTests
{
    private const long GiB = 1L << 30;

    private static readonly Gen<AgentDisk> Disks =
        from number in Gen.Int[0, 5]
        from size in Of(4L, 8, 480, 480, 3840)
        from removable in Gen.Frequency((5, Gen.Const(false)), (1, Gen.Const(true)))
        from readOnly in Gen.Frequency((5, Gen.Const(false)), (1, Gen.Const(true)))
        from filesystem in Of<string?>(null, null, "ext4", "VMFS")
        from supports in Of<string[]>([], ["discard"], ["discard", "secureErase"])
        select new AgentDisk { Name = $"d{number}", Serial = $"S{number}", Wwn = $"eui.{number}", SizeBytes = size * GiB, Removable = removable, ReadOnly = readOnly, Filesystem = filesystem, Supports = supports };

    private static readonly Gen<DiskPlan> Plans =
        from preserve in Of<string[]>([], ["S1"], ["s2", "S3"])
        from hint in Of<RootDiskHint>(new(), new() { SerialNumber = "s0" }, new() { Wwn = "eui.1" }, new() { MinSizeGiB = 100 }, new() { SerialNumber = "absent" })
        from policy in Gen.Enum<WipePolicy>()
        from action in Of("provision", "wipe")
        from rootOnly in Gen.Bool
        select new DiskPlan { Action = action, Layout = new() { RootDisk = hint, Preserve = preserve }, WipePolicy = policy, RootDiskOnly = rootOnly };

    private static readonly Gen<(DiskPlan Plan, AgentDisk[] Disks)> Machines = Gen.Select(Plans, Disks.Array[0, 5].Select(disks => disks.DistinctBy(disk => disk.Serial).ToArray()));

    [Fact]
    public void Nothing_is_ever_wiped_or_written_that_must_not_be() => Machines.Sample(machine =>
    {
        var (instructions, refusal) = DiskPlanning.Decide(machine.Plan, machine.Disks, Guid.NewGuid());
        Assert.NotEqual(instructions is null, refusal is null);
        if (instructions is null)
            return;
        var touched = machine.Disks.Where(disk => instructions.Wipe!.Disks.Any(wiped => wiped.Serial == disk.Serial) || instructions.RootDisk?.Serial == disk.Serial).ToList();
        Assert.DoesNotContain(touched, disk => disk.Removable || disk.ReadOnly || disk.Filesystem == "VMFS");
        Assert.DoesNotContain(touched, disk => machine.Plan.Layout.Preserve.Contains(disk.Serial, StringComparer.OrdinalIgnoreCase));
        Assert.All(touched, disk => Assert.True(machine.Plan.WipePolicy is not WipePolicy.SecureErase || disk.Supports.Contains("secureErase")));
        Assert.All(touched, disk => Assert.True(machine.Plan.WipePolicy is not WipePolicy.Discard || disk.Supports.Contains("discard")));
    });

    [Fact]
    public void The_root_disk_is_wiped_before_it_is_written_and_is_the_only_one_that_fits() => Machines.Sample(machine =>
    {
        var instructions = DiskPlanning.Decide(machine.Plan, machine.Disks, Guid.NewGuid()).Instructions;
        Assert.True(instructions is null || instructions.RootDisk is not null == (machine.Plan.Action == "provision"));
        if (instructions?.RootDisk is not { } root)
            return;
        Assert.Contains(root, instructions.Wipe!.Disks);
        var hint = machine.Plan.Layout.RootDisk;
        var disk = machine.Disks.Single(disk => disk.Serial == root.Serial);
        Assert.True(hint.SerialNumber is null || hint.SerialNumber.Equals(disk.Serial, StringComparison.OrdinalIgnoreCase));
        Assert.True(hint.Wwn is null || hint.Wwn == disk.Wwn);
        Assert.True(disk.SizeBytes >= (hint.MinSizeGiB ?? 8) * GiB);
    });

    [Fact]
    public void Every_other_usable_disk_is_wiped_too_unless_only_the_root_disk_was_asked_for() => Machines.Sample(machine =>
    {
        if (DiskPlanning.Decide(machine.Plan, machine.Disks, Guid.NewGuid()).Instructions is not { } instructions)
            return;
        var wiped = instructions.Wipe!.Disks.Select(disk => disk.Serial).Order(StringComparer.Ordinal);
        var usable = machine.Disks.Where(disk => !disk.Removable && !disk.ReadOnly && !machine.Plan.Layout.Preserve.Contains(disk.Serial, StringComparer.OrdinalIgnoreCase)).Select(disk => disk.Serial!).Order(StringComparer.Ordinal);
        Assert.Equal(machine.Plan is { RootDiskOnly: true, Action: "provision" } ? [instructions.RootDisk!.Serial] : usable, wiped);
    });

    [Fact]
    public void Two_disks_of_the_smallest_size_are_ambiguous()
    {
        AgentDisk[] disks = [Disk("A", 480), Disk("B", 480), Disk("C", 3840)];
        Assert.Equal("RootDiskAmbiguous", DiskPlanning.Decide(Plan(new()), disks, Guid.NewGuid()).Refusal!.Code);
        Assert.Equal("C", DiskPlanning.Decide(Plan(new() { MinSizeGiB = 500 }), disks, Guid.NewGuid()).Instructions!.RootDisk!.Serial);
    }

    [Fact]
    public void Hints_must_all_fit_the_same_disk() =>
        Assert.Equal("RootDiskNotFound", DiskPlanning.Decide(Plan(new() { SerialNumber = "A", Wwn = "eui.B" }), [Disk("A", 480), Disk("B", 480)], Guid.NewGuid()).Refusal!.Code);

    [Fact]
    public void A_disk_that_other_machines_share_is_refused() =>
        Assert.Equal("SharedDiskFound", DiskPlanning.Decide(Plan(new()), [Disk("A", 480), Disk("B", 960) with { Filesystem = "vmfs" }], Guid.NewGuid()).Refusal!.Code);

    [Fact]
    public void An_image_larger_than_the_root_disk_is_refused() =>
        Assert.Equal("DiskFull", DiskPlanning.Decide(Plan(new()) with { Image = new(new("https://images.example/i"), "", 481 * GiB, null, null) }, [Disk("A", 480)], Guid.NewGuid()).Refusal!.Code);

    [Theory]
    [InlineData("discard", "metadata", false)]
    [InlineData("discard", "discard", true)]
    [InlineData("discard", "overwrite", true)]
    [InlineData("overwrite", "secureErase", false)]
    [InlineData("metadata", "chanting", false)]
    [InlineData("metadata", "7", false)]
    public void A_wipe_may_be_more_thorough_than_ordered_and_never_less(string ordered, string done, bool enough)
    {
        var shortfall = DiskPlanning.Shortfall(new(ordered, [new("A")], []), [new() { Serial = "a", Method = done }]);
        Assert.Equal(enough ? null : "WipeIncomplete", shortfall?.Code);
    }

    [Fact]
    public void A_disk_that_was_forgotten_is_a_shortfall() =>
        Assert.Contains("'B'", DiskPlanning.Shortfall(new("discard", [new("A"), new("B")], []), [new() { Serial = "A", Method = "discard" }])!.Message, StringComparison.Ordinal);

    [Fact]
    public void A_disk_that_the_image_does_not_fit_on_once_written_is_none()
    {
        var plan = Plan(new()) with { MinimumDiskGiB = 100 };
        Assert.Equal("B", DiskPlanning.Decide(plan, [Disk("A", 64), Disk("B", 128)], Guid.Empty).Instructions!.RootDisk!.Serial);
        Assert.Contains("minimumDiskGiB of 100", DiskPlanning.Decide(plan, [Disk("A", 64)], Guid.Empty).Refusal!.Message, StringComparison.Ordinal);
    }

    private static DiskPlan Plan(RootDiskHint hint) => new() { Action = "provision", Layout = new() { RootDisk = hint }, WipePolicy = WipePolicy.Discard };

    private static AgentDisk Disk(string serial, long sizeGiB) => new() { Name = serial, Serial = serial, Wwn = $"eui.{serial}", SizeBytes = sizeGiB * GiB, Supports = ["discard", "secureErase"] };

    private static Gen<T> Of<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(at => values[at]);
}
