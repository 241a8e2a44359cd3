using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>The other pure decisions: patterns, boot methods, node names, what a rack shows.</summary>
public sealed class RuleTests
{
    private static readonly ResourceId RackId = ResourceId.Create("s", "g", Rack.Type, ["rack1"]);

    [Theory]
    [InlineData("{rack}-{slot:00}", 7, "r-07")]
    [InlineData("https://10.4.1.{slot+100}", 7, "https://10.4.1.107")]
    [InlineData("{slot-1}", 1, "0")]
    [InlineData("0c:42:a1:00:00:{slot:x2}", 31, "0c:42:a1:00:00:1f")]
    [InlineData("{slot+16:X2}", 1, "11")]
    public void A_pattern_is_expanded_per_slot(string pattern, int slot, string expanded) => Assert.Equal(expanded, SlotPattern.Expand(pattern, "r", slot));

    [Theory]
    [InlineData("{shelf}")]
    [InlineData("{slot")]
    [InlineData("slot}")]
    [InlineData("{slot:yy}")]
    [InlineData("{slot+x}")]
    [InlineData("{{slot}}")]
    public void A_pattern_that_says_something_else_is_a_fault(string pattern) => Assert.NotNull(SlotPattern.Faults(pattern));

    [Fact]
    public void Any_text_either_expands_without_a_brace_or_is_a_fault() =>
        Gen.String[Gen.OneOf(Gen.Char["{}slotrack+-:0x17"]), 0, 24].Sample(pattern =>
            Assert.True(SlotPattern.Faults(pattern) is not null || SlotPattern.Expand(pattern, "r", 3).IndexOfAny(['{', '}']) < 0));

    [Fact]
    public void Different_slots_get_different_text_as_long_as_the_pattern_names_the_slot() =>
        Gen.Select(Gen.Int[1, 1024], Gen.Int[1, 1024], Of("{slot}", "a{slot+5}b", "{slot:000}", "{slot:x4}", "{rack}{slot-1}")).Sample((one, other, pattern) =>
            Assert.Equal(one == other, SlotPattern.Expand(pattern, "r", one) == SlotPattern.Expand(pattern, "r", other)));

    [Fact]
    public void The_wanted_boot_method_comes_twice_and_only_what_the_bmc_offers_comes_at_all() =>
        Gen.Select(Gen.Enum<BootMethod>(), Gen.Enum<BootMethod>().Array[0, 4]).Sample((wanted, offered) =>
        {
            var methods = BootSteps.Methods(Machine(wanted), new() { BootMethods = offered });
            Assert.Equal(methods[0], methods[1]);
            Assert.Equal(offered.Length == 0 || offered.Contains(wanted) ? wanted : offered[0], methods[0]);
            Assert.All(methods, method => Assert.True(offered.Length == 0 || offered.Contains(method)));
            Assert.Equal(offered.Append(methods[0]).Distinct().Order(), methods.Distinct().Order());
            Assert.Equal(methods.Distinct().Count() + 1, methods.Count);
        });

    [Fact]
    public void Any_resource_name_gives_a_node_name_that_kubernetes_takes() =>
        Gen.String[Gen.Char[" -._()aZ09äß#"], 1, 260].Sample(name => Assert.Matches(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", NodeSteps.NodeNameOf(name)));

    [Fact]
    public void The_parts_of_a_rack_summary_add_up_and_every_failure_has_a_reason() =>
        Gen.Select(Gen.Int[1, 40], Gen.Enum<ProvisioningState>().Array[0, 40], Gen.Bool, Gen.Bool).Sample((count, states, refuseFirst, goneIsWrong) =>
        {
            var rack = Template(count);
            var slots = states.Take(count).Select((state, at) => new RackSlot($"/m{at}", rack.MachineIn(at + 1, "rack1").Name, state, null, 40, "Inspect", null)).ToList();
            var refused = refuseFirst ? new Dictionary<string, ErrorBody>(StringComparer.Ordinal) { [rack.MachineIn(1, "rack1").Name] = new("BmcAlreadyInUse", "") } : [];
            var shown = RackView.Of(rack, RackId, slots, refused, goneIsWrong ? new("MachineDeleted", "") : null);
            var summary = shown.Summary!;
            Assert.Equal(count, summary.Machines);
            Assert.Equal(count, summary.Provisioned + summary.InProgress + summary.Failed);
            Assert.Equal(count, shown.Machines!.Count);
            Assert.Equal(summary.Failed, shown.Machines.Count(machine => machine.Error is not null));
            if (goneIsWrong)
                Assert.True(summary.Failed >= count - slots.Count);
        });

    [Theory]
    [InlineData("https://127.0.0.1:{slot+65534}", "bmcEndpoint")]
    [InlineData("https://127.0.0.1:{slot+65535}", "bmcEndpoint")]
    public void A_rack_must_give_every_slot_an_address(string endpoint, string target) =>
        Assert.Contains(Rack.Violations(Template(2) with { BmcEndpoint = endpoint }, null), violation => violation.Target == target);

    [Theory]
    [InlineData("node", "machine.kubernetesNodeName")]
    [InlineData("node_{slot}", "machine.kubernetesNodeName")]
    [InlineData("node-{shelf}", "machine.kubernetesNodeName")]
    public void Every_node_of_a_rack_needs_a_name_of_its_own(string pattern, string target) =>
        Assert.Equal(target, Assert.Single(Rack.Violations(Template(2) with { Machine = Machine(BootMethod.Pxe) with { KubernetesNodeName = pattern } }, null)).Target);

    [Fact]
    public void A_rack_may_name_nodes_and_boot_ports_by_slot() =>
        Assert.Empty(Rack.Violations(Template(42) with { Machine = Machine(BootMethod.Pxe) with { KubernetesNodeName = "Node-{slot:00}", BootMacAddress = "0c:42:a1:00:00:{slot:x2}" } }, null));

    private static Rack Template(int count) => new() { Slots = new(1, count), BmcEndpoint = "https://10.4.1.{slot+100}", Machine = Machine(BootMethod.UefiHttp) };

    private static BareMetalMachine Machine(BootMethod method) => new() { Bmc = new() { Credentials = new() { UserName = "admin", Password = "p" } }, BootMethod = method };

    private static Gen<T> Of<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(at => values[at]);
}
