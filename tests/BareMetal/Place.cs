using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.Wire;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>One simulated machine in its rack, what to ask of the control plane to get it, and what really happened to it.</summary>
internal sealed record Place(SimulatedRack Rack, int Slot, string ClusterId, string ImageId, string OtherImageId)
{
    public Machine Machine => Rack.Machines[Slot - 1];

    public string Endpoint => $"https://127.0.0.1:{Machine.Port}";

    /// <summary>Everything that was asked of the machine, and everything it did, in order.</summary>
    public IReadOnlyList<JournalEntry> Journal => Rack.Journal.Read(machine: Slot);

    public string RootSerial => Machine.Disks[0].Serial;

    public string DataSerial => Machine.Disks[1].Serial;

    /// <summary>The attempt token that the BMC was told, out of the boot address.</summary>
    public string? BootToken
    {
        get
        {
            lock (Machine.Gate)
            {
                var address = (Machine.FutureBoot ?? Machine.Boot).HttpBootUri ?? Machine.Bmc.Media.Select(slot => slot.Image).FirstOrDefault(image => image is not null);
                return address?.Split('/')[^2];
            }
        }
    }

    public string? NodeName
    {
        get
        {
            lock (Machine.Gate)
                return Machine.NodeName;
        }
    }

    public IReadOnlyList<DestructiveStep> DestructiveSteps
    {
        get
        {
            lock (Machine.Gate)
                return [.. Machine.DestructiveSteps];
        }
    }

    public int WipesOf(string serial)
    {
        lock (Machine.Gate)
            return Machine.Disks.Single(disk => disk.Serial == serial).Wipes;
    }

    public DiskContent ContentOf(string serial)
    {
        lock (Machine.Gate)
            return Machine.Disks.Single(disk => disk.Serial == serial).Content;
    }

    /// <summary>What is wrong with the machine from now on.</summary>
    public Place Suffers(Scenario scenario)
    {
        lock (Machine.Gate)
            Machine.Scenario = scenario;
        return this;
    }

    /// <summary>A PUT that installs this machine: uncertified hardware allowed, the BMC's certificate checked against its vendor's CA.</summary>
    public JsonObject Body(Action<JsonObject>? change = null)
    {
        var properties = Template();
        properties["bmc"]!["endpoint"] = Endpoint;
        change?.Invoke(properties);
        return Envelope(properties);
    }

    /// <summary>The properties without an endpoint, as a rack wants them.</summary>
    public JsonObject Template() => new()
    {
        ["bmc"] = new JsonObject
        {
            ["credentials"] = new JsonObject { ["userName"] = Rack.Ready.UserName, ["password"] = Rack.Ready.Password },
            ["tls"] = new JsonObject { ["mode"] = "CaBundle", ["caBundle"] = Rack.Ready.BmcCaPem },
        },
        ["osImageId"] = ImageId,
        ["clusterId"] = ClusterId,
        ["allowUncertifiedHardware"] = true,
    };

    /// <summary>An object of the cluster that the machine joins, as its administrator sees it; null when there is none.</summary>
    public async Task<JsonObject?> ClusterAsync(HttpMethod method, string path, JsonObject? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(new Uri(Rack.Ready.Cluster.Server), path));
        request.Headers.Authorization = new("Bearer", Rack.Ready.Cluster.Token);
        if (body is not null)
            request.Content = JsonContent.Create(body, new MediaTypeHeaderValue("application/json"));
        using var response = await Rack.World.Network.For(Rack.Ready.Cluster.CaPem).SendAsync(request);
        if (response.StatusCode is HttpStatusCode.NotFound)
            return null;
        Assert.True(response.IsSuccessStatusCode, $"{method} {path} -> {response.StatusCode}");
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!.AsObject();
    }

    public Task<JsonObject?> NodeAsync(string name) => ClusterAsync(HttpMethod.Get, $"/api/v1/nodes/{name}");

    /// <summary>A pod on a node.</summary>
    public Task RunPodAsync(string node, string name) => ClusterAsync(HttpMethod.Post, "/api/v1/namespaces/default/pods", new()
    {
        ["metadata"] = new JsonObject { ["name"] = name },
        ["spec"] = new JsonObject { ["nodeName"] = node },
    });

    public static JsonObject Envelope(JsonObject properties) => new() { ["location"] = "westeurope", ["properties"] = properties };
}
