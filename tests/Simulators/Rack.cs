using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Clusters;
using ControlPlane.Simulators.Wire;
using Xunit;

namespace ControlPlane.Tests.Simulators;

/// <summary>An answer from a socket: status, body if it was a JSON object, headers.</summary>
internal sealed record WireAnswer(int Status, JsonObject? Body, HttpResponseHeaders Headers, string? ETag)
{
    /// <summary>First Redfish message, or null.</summary>
    public string? MessageId => (Body?["error"]?["@Message.ExtendedInfo"] as JsonArray)?[0]?[nameof(MessageId)]?.GetValue<string>();
}

/// <summary>A simulated rack with a provisioning door before it, and clients that speak to both through sockets.</summary>
internal sealed class Rack : IAsyncDisposable
{
    private readonly SocketsHttpHandler handler;
    private readonly HttpClient client;

    private Rack(SimulatedRack simulated, ProvisioningDoor door)
    {
        Simulated = simulated;
        Door = door;
        handler = new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 32 };
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(simulated.Ready.BmcCaPem);
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(simulated.Ready.Cluster.CaPem);
        client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(20) };
    }

    public SimulatedRack Simulated { get; }
    public ProvisioningDoor Door { get; }

    public static async Task<Rack> StartAsync(SimulationOptions options)
    {
        var door = await ProvisioningDoor.StartAsync();
        return new Rack(await SimulatedRack.StartAsync(options with { TrustCaPem = door.CaPem }), door);
    }

    public Task<WireAnswer> BmcAsync(string method, string path, JsonObject? body = null, int slot = 1, string? ifMatch = null, string? key = null, string? token = null)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), $"https://127.0.0.1:{Simulated.Ready.BmcPortBase + slot - 1}{path}");
        if (token is not null) request.Headers.Add("X-Auth-Token", token);
        else request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Simulated.Ready.UserName}:{Simulated.Ready.Password}")));
        if (ifMatch is not null) request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        return SendAsync(request, body);
    }

    public Task<WireAnswer> ControlAsync(string method, string path, JsonNode? body = null) =>
        SendAsync(new HttpRequestMessage(new HttpMethod(method), Simulated.Ready.Control + path), body);

    public Task<WireAnswer> ClusterAsync(string method, string path, JsonNode? body = null, string? token = null, string contentType = "application/json")
    {
        var request = new HttpRequestMessage(new HttpMethod(method), Simulated.Ready.Cluster.Server + path);
        if (token != "") request.Headers.Authorization = new("Bearer", token ?? Simulated.Ready.Cluster.Token);
        return SendAsync(request, body, contentType);
    }

    public string SystemPath(int slot = 1) => Simulated.Machines[slot - 1].SystemPath.TrimEnd('/');

    public Task<WireAnswer> ResetAsync(string type, int slot = 1, string? key = null) =>
        BmcAsync("POST", SystemPath(slot) + "/Actions/ComputerSystem.Reset", new JsonObject { ["ResetType"] = type }, slot, key: key);

    /// <summary>Reads the entity tag and patches with it.</summary>
    public async Task<WireAnswer> PatchAsync(string path, JsonObject body, int slot = 1)
    {
        var tag = (await BmcAsync("GET", path, slot: slot)).ETag;
        return await BmcAsync("PATCH", path, body, slot, tag is { } weak && weak.StartsWith("W/", StringComparison.Ordinal) ? weak[2..] : tag);
    }

    public async Task<JsonObject> MachineAsync(int slot = 1) => (await ControlAsync("GET", $"/machines/{slot}")).Body!;

    /// <summary>A bootstrap token, made as the control plane makes it.</summary>
    public async Task<string> NewBootstrapTokenAsync(string id, DateTimeOffset expiration)
    {
        const string secret = "0123456789abcdef";
        var made = await ClusterAsync("POST", "/api/v1/namespaces/kube-system/secrets", new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = $"bootstrap-token-{id}" }, ["type"] = BootstrapTokens.SecretType,
            ["stringData"] = new JsonObject
            {
                ["token-id"] = id, ["token-secret"] = secret, ["expiration"] = expiration.ToString("yyyy-MM-ddTHH:mm:ssZ"),
                ["usage-bootstrap-authentication"] = "true", ["usage-bootstrap-signing"] = "true",
            },
        });
        Assert.Equal(201, made.Status);
        return $"{id}.{secret}";
    }

    /// <summary>Instructions to provision a machine's first disk with the first image.</summary>
    public JsonObject ProvisionOrder(int slot = 1)
    {
        var image = Simulated.Ready.Images[0];
        var disks = Simulated.Machines[slot - 1].Disks;
        return new JsonObject
        {
            ["action"] = "provision", ["permit"] = Guid.NewGuid().ToString(), ["rootDisk"] = new JsonObject { ["serial"] = disks[0].Serial },
            ["wipe"] = new JsonObject { ["policy"] = "discard", ["disks"] = new JsonArray(new JsonObject { ["serial"] = disks[0].Serial }), ["preserve"] = Json.Array([disks[1].Serial]) },
            ["image"] = new JsonObject { ["url"] = image.Url, ["sha256"] = image.Sha256, ["sizeBytes"] = image.SizeBytes, ["signature"] = null, ["caCertificate"] = null },
            ["heartbeatSeconds"] = 1,
        };
    }

    public async Task<Attempt> OpenAttemptAsync(int slot = 1)
    {
        var machine = Simulated.Machines[slot - 1];
        var token = await NewBootstrapTokenAsync($"{slot:000000}", TimeProvider.System.GetUtcNow().AddMinutes(10));
        return Door.Open(machine.Identity, ProvisionOrder(slot), new JsonObject
        {
            ["apiServer"] = Simulated.Ready.Cluster.Server, ["caCertificate"] = Simulated.Ready.Cluster.CaPem, ["caHash"] = Simulated.Ready.Cluster.CaHash,
            ["token"] = token, ["nodeName"] = $"node-{slot}", ["providerId"] = $"controlplane:///subscriptions/s/machines/m{slot}",
        });
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        handler.Dispose();
        await Simulated.DisposeAsync();
        await Door.DisposeAsync();
    }

    private async Task<WireAnswer> SendAsync(HttpRequestMessage request, JsonNode? body, string contentType = "application/json")
    {
        using (request)
        {
            if (body is not null) request.Content = JsonContent.Create(body, new MediaTypeHeaderValue(contentType));
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            JsonObject? parsed = null;
            if (text.Length > 0 && text[0] == '{') parsed = JsonNode.Parse(text) as JsonObject;
            else if (text.Length > 0 && text[0] == '[') parsed = new JsonObject { ["items"] = JsonNode.Parse(text) };
            return new WireAnswer((int)response.StatusCode, parsed, response.Headers, response.Headers.ETag?.ToString());
        }
    }
}

/// <summary>Waits for a transition.</summary>
internal static class Until
{
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(30);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> story)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(patience);
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            try
            {
                await tick.WaitForNextTickAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail(story());
            }
        }
    }
}
