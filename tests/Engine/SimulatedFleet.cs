using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>
/// Simulated machines that run an old system, and a machine resource for each of them, known and at rest. Inspecting hundreds of machines is not what these tests are
/// about, so what inspection would have found is written into the database.
/// </summary>
internal sealed class SimulatedFleet : IAsyncDisposable
{
    private readonly SimulatedRack rack;
    private readonly string group;

    private SimulatedFleet(SimulatedRack rack, string group) => (this.rack, this.group) = (rack, group);

    public int Size => rack.Machines.Count;

    /// <param name="stack">A front door; workers must not be there yet.</param>
    /// <param name="size">How many machines.</param>
    /// <param name="seed">Of the simulation.</param>
    public static async Task<SimulatedFleet> StartAsync(ProcessStack stack, int size, int seed)
    {
        var simulated = await SimulatedRack.StartAsync(new() { Machines = size, Seed = seed, Personality = "mixed" });
        var fleet = new SimulatedFleet(simulated, $"{ArmHttp.SubscriptionPath}/resourceGroups/fleet");
        await stack.Arm.PutAsync(fleet.group, new JsonObject { ["location"] = "westeurope" });
        await Parallel.ForAsync(1, size + 1, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (slot, _) =>
        {
            var put = await stack.Arm.PutAsync(fleet.PathOf(slot), fleet.ResourceOf(slot));
            Assert.True(put.Status == 201, put.ToString());
        });
        await stack.Database.ExecuteAsync("update operations set status = 'Succeeded', ended_at = now() where ended_at is null");
        await stack.Database.ExecuteAsync("""
            update resources set state = 'Succeeded', status = '{"hardwareInventory": {}, "powerState": "On", "detailedStatus": "Available"}' where type = 'ControlPlane.BareMetal/bareMetalMachines'
            """);
        return fleet;
    }

    public string PathOf(int slot) => $"{group}/providers/ControlPlane.BareMetal/bareMetalMachines/machine-{slot}";

    /// <summary>Every machine is on and its system listens to the power button; from then on power changes take their time again.</summary>
    public async Task BootAsync(double clock)
    {
        rack.World.Clock.Factor = 0;
        foreach (var machine in rack.Machines)
        {
            MachinePower.Reset(machine, "ForceOff");
            MachinePower.Reset(machine, "On");
        }

        await Eventually.Async(() => rack.Machines.All(machine => machine is { Power: PowerState.On, Phase: MachinePhase.System }), "every machine runs its system");
        rack.World.Clock.Factor = clock;
    }

    /// <summary>How often each machine was switched on or off so far, by slot.</summary>
    public IReadOnlyList<int> PowerTransitions() => [.. rack.Machines.Select(machine => machine.PowerTransitions)];

    /// <summary>Machines that are not on.</summary>
    public int Off => rack.Machines.Count(machine => machine.Power is not PowerState.On);

    /// <summary>Idempotency keys under which the same power change was carried out more than once.</summary>
    public IReadOnlyList<string> RepeatedEffects() =>
    [
        .. from key in rack.Journal.EffectsByKey()
           from effect in key.Value
           where effect.Key.StartsWith("power:", StringComparison.Ordinal) && effect.Value > 1
           select $"{key.Key}: {effect.Value} times {effect.Key}",
    ];

    /// <summary>What happened to one machine's power, for the failure message.</summary>
    public string History(int slot) => string.Join('\n', rack.Journal.Read(machine: slot).Where(entry => entry.Effect is not null || entry.Method == "POST")
        .Select(entry => $"{entry.Time:HH:mm:ss.fff} {entry.Source} {entry.Method} {entry.Path} {entry.Status} {entry.IdempotencyKey} {entry.Effect}"));

    public ValueTask DisposeAsync() => rack.DisposeAsync();

    private JsonObject ResourceOf(int slot) => new()
    {
        ["location"] = "westeurope",
        ["properties"] = new JsonObject
        {
            ["bmc"] = new JsonObject
            {
                ["endpoint"] = $"https://127.0.0.1:{rack.Ready.BmcPortBase + slot - 1}",
                ["credentials"] = new JsonObject { ["userName"] = rack.Ready.UserName, ["password"] = rack.Ready.Password },
                ["tls"] = new JsonObject { ["mode"] = "Pinned", ["sha256Fingerprint"] = rack.Ready.BmcFingerprint },
            },
        },
    };
}
