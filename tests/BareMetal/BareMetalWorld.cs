using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>
/// A whole control plane before simulated racks of every make, with their clusters and images registered in one group. Machines live in instant time; every test takes
/// places of its own and leaves the others alone.
/// </summary>
public class BareMetalWorld : IAsyncLifetime
{
    public const string Group = "metal";
    public const string BmcPassword = "planted-bmc-password-5d1c";

    private const int SmallRack = 12;

    private readonly SemaphoreSlim gate = new(1, 1);
    private readonly Dictionary<string, SimulatedRack> racks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> taken = new(StringComparer.Ordinal);
    private readonly string artefacts = Directory.CreateTempSubdirectory("boot-artefacts").FullName;
    private ControlPlaneFixture? plane;

    internal ControlPlaneFixture Plane => plane!;
    internal ArmHttp Arm => Plane.Arm;
    internal static string GroupPath => $"{ArmHttp.SubscriptionPath}/resourceGroups/{Group}";
    /// <summary>One attempt for all requests that must change nothing.</summary>
    internal DoorAgent? Victim { get; set; }

    internal byte[] BootFile { get; } = [.. Enumerable.Range(0, 3000).Select(i => (byte)(i % 251))];

    /// <summary>Long enough for a machine that works on a busy computer.</summary>
    protected virtual (string Name, string Value)[] Timeouts =>
    [
        ("BareMetal:Timeouts:AgentWait", "00:00:30"), ("BareMetal:Timeouts:Heartbeat", "00:00:20"), ("BareMetal:Timeouts:Join", "00:00:30"), ("BareMetal:Timeouts:SoftPowerOff", "00:00:02"),
        ("BareMetal:RetryDelay", "00:00:00.2"),
    ];

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllBytesAsync(Path.Combine(artefacts, "boot.efi"), BootFile);
        await File.WriteAllBytesAsync(Path.Combine(artefacts, "boot.iso"), BootFile);
        plane = await ControlPlaneFixture.StartAsync([.. Timeouts, ("Provisioning:ArtifactsPath", artefacts)]);
        await SucceedAsync(Arm.PutAsync(GroupPath, new JsonObject { ["location"] = "westeurope" }));
    }

    public async ValueTask DisposeAsync()
    {
        if (plane is not null)
            await plane.DisposeAsync();
        foreach (var rack in racks.Values)
            await rack.DisposeAsync();
        Directory.Delete(artefacts, recursive: true);
        gate.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Machines that nobody else uses, side by side in a rack of that make; the rack is started and registered when it is first asked for.</summary>
    internal async Task<IReadOnlyList<Place>> TakeAsync(int count, string make = "generic")
    {
        await gate.WaitAsync();
        try
        {
            if (!racks.TryGetValue(make, out var rack))
            {
                // Serial numbers follow the slots: two racks of one manufacturer use different ones.
                taken[make] = make is "idrac10" or "ilo6" ? SmallRack : 0;
                rack = await SimulatedRack.StartAsync(new() { Machines = make == "generic" ? 160 : taken[make] + SmallRack, Personality = make, Password = BmcPassword, TrustCaPem = ControlPlaneFixture.CaPem, Seed = 100 + racks.Count, ImageSize = 64 * 1024 });
                rack.World.PxeServer = new Uri(Plane.Endpoint, "/");
                racks[make] = rack;
                await RegisterAsync(make, rack);
            }

            var first = taken[make] + 1;
            Assert.True(first + count - 1 <= rack.Machines.Count, $"All {rack.Machines.Count} machines of make {make} are taken.");
            taken[make] = first + count - 1;
            return [.. Enumerable.Range(first, count).Select(slot => new Place(rack, slot, ClusterId(make), ImageId(make, 0), ImageId(make, 1)))];
        }
        finally
        {
            gate.Release();
        }
    }

    internal async Task<Place> TakeAsync(string make = "generic") => (await TakeAsync(1, make))[0];

    internal static string MachinePath(string name) => $"{GroupPath}/providers/ControlPlane.BareMetal/bareMetalMachines/{name}";

    internal static string RackPath(string name) => $"{GroupPath}/providers/ControlPlane.BareMetal/racks/{name}";

    internal static string ClusterId(string make) => $"{GroupPath}/providers/Microsoft.Kubernetes/connectedClusters/{make}";

    internal static string ImageId(string make, int number) => $"{GroupPath}/providers/ControlPlane.BareMetal/osImages/{make}-{number}";

    /// <summary>PUTs a machine and follows it to its end; the answer is the operation's status.</summary>
    internal async Task<ArmAnswer> PutMachineAsync(string name, JsonObject body)
    {
        var accepted = await Arm.PutAsync(MachinePath(name), body);
        Assert.True(accepted.Status is 200 or 201, accepted.ToString());
        return await FinishAsync(accepted);
    }

    /// <summary>From PUT to a node; the answer is the machine's properties.</summary>
    internal async Task<JsonElement> ProvisionAsync(string name, Place place, Action<JsonObject>? change = null)
    {
        var ended = await PutMachineAsync(name, place.Body(change));
        Assert.True(ended.OperationStatus == "Succeeded", ended.ToString());
        return await PropertiesAsync(MachinePath(name));
    }

    /// <summary>POSTs an action and follows it to its end.</summary>
    internal async Task<ArmAnswer> ActAsync(string path, string action, JsonObject? parameters = null)
    {
        var accepted = await Arm.PostAsync($"{path}/{action}", parameters);
        Assert.True(accepted.Status == 202, accepted.ToString());
        return await FinishAsync(accepted);
    }

    internal async Task<ArmAnswer> DeleteAsync(string path, string query = "")
    {
        var accepted = await Arm.DeleteAsync(path + query);
        Assert.True(accepted.Status == 202, accepted.ToString());
        return await FinishAsync(accepted);
    }

    internal Task<ArmAnswer> FinishAsync(ArmAnswer accepted) => Arm.FinishAsync(accepted, TimeSpan.FromSeconds(120));

    internal async Task<JsonElement> PropertiesAsync(string path)
    {
        var answer = await Arm.GetAsync(path);
        Assert.True(answer.Status == 200, answer.ToString());
        return answer.Json.GetProperty("properties");
    }

    internal static async Task<ArmAnswer> SucceedAsync(Task<ArmAnswer> request)
    {
        var answer = await request;
        Assert.True(answer.Status is >= 200 and < 300, answer.ToString());
        return answer;
    }

    private async Task RegisterAsync(string make, SimulatedRack rack)
    {
        var cluster = await SucceedAsync(Arm.PutAsync(ClusterId(make), Place.Envelope(new()
        {
            ["apiServer"] = rack.Ready.Cluster.Server,
            ["caCertificate"] = rack.Ready.Cluster.CaPem,
            ["credentials"] = new JsonObject { ["token"] = rack.Ready.Cluster.Token },
        })));
        Assert.Equal("Succeeded", (await FinishAsync(cluster)).OperationStatus);
        foreach (var (image, number) in rack.Ready.Images.Take(2).Select((image, number) => (image, number)))
        {
            var accepted = await SucceedAsync(Arm.PutAsync(ImageId(make, number), Place.Envelope(new()
            {
                ["version"] = $"24.04.{number}",
                ["url"] = image.Url,
                ["sha256"] = image.Sha256,
                ["sizeBytes"] = image.SizeBytes,
            })));
            Assert.Equal("Succeeded", (await FinishAsync(accepted)).OperationStatus);
        }
    }
}

/// <summary>The same world with time-outs of seconds: for machines that never come.</summary>
public sealed class ImpatientWorld : BareMetalWorld
{
    protected override (string Name, string Value)[] Timeouts =>
    [
        ("BareMetal:Timeouts:AgentWait", "00:00:03"), ("BareMetal:Timeouts:Heartbeat", "00:00:04"), ("BareMetal:Timeouts:Stall", "00:00:05"), ("BareMetal:Timeouts:Join", "00:00:06"),
        ("BareMetal:Timeouts:BmcPatience", "00:00:02"), ("BareMetal:Timeouts:Drain", "00:00:02"), ("BareMetal:ConnectTimeout", "00:00:03"), ("BareMetal:ReadTimeout", "00:00:03"),
        ("BareMetal:Attempts", "1"),
    ];
}

[CollectionDefinition(Name)]
public sealed class BareMetalSuite : ICollectionFixture<BareMetalWorld>
{
    public const string Name = "BareMetal";
}

[CollectionDefinition(Name)]
public sealed class BareMetalFaultSuite : ICollectionFixture<ImpatientWorld>
{
    public const string Name = "BareMetal faults";
}
