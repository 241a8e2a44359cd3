using ControlPlane.Contracts.BareMetal;
using ControlPlane.Simulators;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using PowerState = ControlPlane.Worker.BareMetal.Redfish.PowerState;

namespace ControlPlane.Tests.BareMetal.Redfish;

/// <summary>The client against every make that the simulator plays: the conformance run that the hardware list names as evidence.</summary>
public sealed class SimulatedMakesTests
{
    private static readonly CancellationToken Go = CancellationToken.None;
    private static readonly Uri File = new("https://127.0.0.1:9/provision/0123/boot.efi");
    private static readonly Uri Image = new("https://127.0.0.1:9/provision/0123/boot.iso");

    [Theory]
    [InlineData("generic", "Generic")]
    [InlineData("idrac9", "Idrac9")]
    [InlineData("idrac10", "Idrac")]
    [InlineData("ilo5", "Ilo5")]
    [InlineData("ilo6", "Ilo6")]
    [InlineData("supermicro", "Supermicro")]
    [InlineData("ami", "Ami")]
    public async Task Every_make_is_recognised_inspected_booted_from_the_network_and_given_back_to_its_disk(string make, string profile)
    {
        await using var rack = await SimulatedRack.StartAsync(new() { Machines = 1, Personality = make });
        var connector = Connector();
        var machine = await connector.ConnectAsync(Target(rack), Go);
        Assert.StartsWith(profile, machine.Profile.Name, StringComparison.Ordinal);

        var found = await machine.InspectAsync(Go);
        Assert.Equal(("CZ3D0001", 2), (found.SerialNumber, found.Disks.Length));
        Assert.All(found.Disks, disk => Assert.StartsWith("S6XNNE0T", disk.SerialNumber, StringComparison.Ordinal));
        Assert.True(found is { MemoryGiB: > 0, Processors.Length: > 0, Nics.Length: > 0, BmcMacAddress: not null });

        Assert.True((await machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go)).EnsureStuck().Stuck);
        await NothingIsDoneTwiceAsync(rack, () => machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go));
        Assert.True((await machine.BootFromNetworkAsync(BootMethod.VirtualMedia, Image, Go)).EnsureStuck().Stuck);
        await NothingIsDoneTwiceAsync(rack, () => machine.BootFromNetworkAsync(BootMethod.VirtualMedia, Image, Go));
        Assert.True((await machine.BootFromNetworkAsync(BootMethod.Pxe, null, Go)).EnsureStuck().Stuck);
        await NothingIsDoneTwiceAsync(rack, () => machine.BootFromNetworkAsync(BootMethod.Pxe, null, Go));

        await machine.RequestPowerAsync(ResetType.On, Go);
        await machine.RequestPowerAsync(ResetType.On, Go);
        await UntilAsync(machine, PowerState.On);
        await machine.RequestPowerAsync(ResetType.ForceOff, Go);
        await UntilAsync(machine, PowerState.Off);
        Assert.Equal(2, rack.Machines[0].PowerTransitions);

        Assert.True((await machine.BootFromDiskAsync(Go)).EnsureStuck().Stuck);
        Assert.All(rack.Machines[0].Bmc.Media, slot => Assert.False(slot.Inserted));
        await connector.DisposeAsync();
        Assert.Empty(rack.Machines[0].Bmc.Sessions.Open(TimeProvider.System.GetUtcNow()));
    }

    [Fact]
    public async Task Every_model_of_a_mixed_rack_is_on_the_hardware_list()
    {
        await using var rack = await SimulatedRack.StartAsync(new() { Machines = 9 });
        await using var connector = Connector();
        for (var slot = 0; slot < 9; slot++)
        {
            var found = await (await connector.ConnectAsync(Target(rack, slot), Go)).InspectAsync(Go);
            Assert.Empty(HardwareCatalogue.Match(found).Violations);
        }
    }

    [Fact]
    public async Task A_Dell_with_a_job_of_an_earlier_attempt_is_Busy_until_its_reset()
    {
        await using var rack = await SimulatedRack.StartAsync(new() { Machines = 1, Personality = "idrac9" });
        await using var connector = Connector();
        var machine = await connector.ConnectAsync(Target(rack), Go);
        var outcome = await machine.BootFromNetworkAsync(BootMethod.UefiHttp, File, Go);
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.BootFromNetworkAsync(BootMethod.UefiHttp, new Uri("https://127.0.0.1:9/provision/4567/boot.efi"), Go));
        Assert.Equal((RedfishFailure.Busy, true), (fault.Failure, fault.IsTransient));
        Assert.Equal(TaskProgress.Scheduled, (await machine.PollTaskAsync(outcome.PendingJob!, Go)).Progress);

        await machine.RequestPowerAsync(ResetType.On, Go);
        await Until(async () => (await machine.PollTaskAsync(outcome.PendingJob!, Go)).Progress == TaskProgress.Succeeded);
    }

    [Theory]
    [InlineData(Scenario.Dead, RedfishFailure.Unreachable)]
    [InlineData(Scenario.Hangs, RedfishFailure.Timeout)]
    [InlineData(Scenario.WrongPassword, RedfishFailure.BadCredentials)]
    [InlineData(Scenario.SessionLimit, RedfishFailure.TooManySessions)]
    [InlineData(Scenario.CertificateChanged, RedfishFailure.CertificateChanged)]
    public async Task A_troubled_BMC_is_a_typed_failure(object scenario, object failure)
    {
        await using var rack = await SimulatedRack.StartAsync(new() { Machines = 1, Personality = "idrac9" });
        rack.Machines[0].Scenario = (Scenario)scenario;
        await using var connector = Connector(options => options.ConnectTimeout = options.ReadTimeout = TimeSpan.FromMilliseconds(300));

        Assert.Equal((RedfishFailure)failure, (await Assert.ThrowsAsync<RedfishException>(() => connector.ConnectAsync(Target(rack), Go))).Failure);
    }

    private static RedfishConnector Connector(Action<RedfishOptions>? change = null)
    {
        var options = new RedfishOptions { ManagementNetworks = ["127.0.0.0/8"], RetryDelay = TimeSpan.FromMilliseconds(20) };
        change?.Invoke(options);
        return new(options, TimeProvider.System, NullLogger<RedfishConnector>.Instance);
    }

    private static BmcTarget Target(SimulatedRack rack, int slot = 0) => new(
        new Uri($"https://127.0.0.1:{rack.Ready.BmcPortBase + slot}"), rack.Ready.UserName, rack.Ready.Password,
        new() { Mode = TlsMode.Pinned, Sha256Fingerprint = rack.Ready.BmcFingerprint }, "operation-1/step-2");

    private static async Task NothingIsDoneTwiceAsync(SimulatedRack rack, Func<Task<BootOutcome>> again)
    {
        var before = Effects(rack);
        Assert.True((await again()).Stuck);
        Assert.Equal(before, Effects(rack));

        static int Effects(SimulatedRack rack) => rack.Journal.EffectsByKey().Values.Sum(effects => effects.Values.Sum());
    }

    private static Task UntilAsync(RedfishMachine machine, PowerState state) => Until(async () => await machine.ReadPowerAsync(Go) == state);

    private static async Task Until(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await holds()) await beat.WaitForNextTickAsync(limit.Token);
    }
}
