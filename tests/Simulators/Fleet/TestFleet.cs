using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Simulators.Wire;
using k8s;
using Xunit;

namespace ControlPlane.Tests.Simulators.Fleet;

/// <summary>An answer of an API server.</summary>
internal sealed record ClusterAnswer(int Status, JsonObject Body, HttpResponseHeaders Headers)
{
    public string? Reason => Body.Text("reason");

    public override string ToString() => $"{Status} {Body.ToJsonString()}";
}

/// <summary>A simulated fleet, and clients that speak to its clusters through sockets: plain HTTP, and the official client.</summary>
internal sealed class TestFleet : IAsyncDisposable
{
    public const string Apply = "application/apply-patch+yaml";
    public const string Merge = "application/merge-patch+json";

    private readonly SocketsHttpHandler handler;
    private readonly List<IDisposable> clients = [];

    private TestFleet(ClusterFleet simulated)
    {
        Simulated = simulated;
        handler = Handler(simulated.Ready.Clusters[0].Ca);
        Http = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(30) };
    }

    public ClusterFleet Simulated { get; }
    public HttpClient Http { get; }

    public static async Task<TestFleet> StartAsync(FleetOptions? options = null) => new(await ClusterFleet.StartAsync(options ?? new(), TestContext.Current.CancellationToken));

    public static SocketsHttpHandler Handler(string ca)
    {
        var made = new SocketsHttpHandler { UseProxy = false };
        made.SslOptions.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        made.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(ca);
        return made;
    }

    public FleetCluster Cluster(int index = 0) => Simulated.Ready.Clusters[index];

    /// <summary>The official client, as a service of its users would make it.</summary>
    public k8s.Kubernetes Client(int index = 0, bool reader = false)
    {
        var cluster = Cluster(index);
        var client = new k8s.Kubernetes(new KubernetesClientConfiguration
        {
            Host = cluster.Url, AccessToken = reader ? cluster.ReaderToken : cluster.Token, SslCaCerts = [X509Certificate2.CreateFromPem(cluster.Ca)],
        });
        clients.Add(client);
        return client;
    }

    public async Task<ClusterAnswer> SendAsync(string method, string path, JsonNode? body = null, string contentType = "application/json", string? token = null, int index = 0)
    {
        var cluster = Cluster(index);
        using var request = new HttpRequestMessage(new HttpMethod(method), cluster.Url + path);
        if (token != "") request.Headers.Authorization = new("Bearer", token ?? cluster.Token);
        if (body is not null) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToJsonString())) { Headers = { ContentType = new(contentType) } };
        using var response = await Http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return new ClusterAnswer((int)response.StatusCode, JsonNode.Parse(text) as JsonObject ?? [], response.Headers);
    }

    /// <summary>Server-side apply.</summary>
    public Task<ClusterAnswer> ApplyAsync(string path, JsonObject wanted, string manager = "tests", bool force = false, string more = "", int index = 0) =>
        SendAsync("PATCH", $"{path}?fieldManager={manager}{(force ? "&force=true" : "")}{more}", wanted, Apply, index: index);

    public async Task<JsonObject> ControlAsync(string method, string path, JsonObject? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), Simulated.Ready.Control + path);
        if (body is not null) request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await Http.SendAsync(request, TestContext.Current.CancellationToken);
        var parsed = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.True(response.IsSuccessStatusCode, parsed?.ToJsonString());
        return parsed as JsonObject ?? new JsonObject { ["items"] = parsed };
    }

    public async Task NamespaceAsync(string name, int index = 0)
    {
        var made = await ApplyAsync($"/api/v1/namespaces/{name}", Manifests.Namespace(name), index: index);
        Assert.True(made.Status is 200 or 201, made.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients) client.Dispose();
        Http.Dispose();
        handler.Dispose();
        await Simulated.DisposeAsync();
    }
}

/// <summary>Manifests that tests apply.</summary>
internal static class Manifests
{
    public const string Web = "/apis/apps/v1/namespaces/shop/deployments/web";

    public static JsonObject Namespace(string name) => new() { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["metadata"] = new JsonObject { ["name"] = name } };

    public static JsonObject ConfigMap(string name, params (string Key, string Value)[] data)
    {
        var item = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ConfigMap", ["metadata"] = new JsonObject { ["name"] = name } };
        if (data.Length > 0) item["data"] = new JsonObject(data.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
        return item;
    }

    public static JsonObject Deployment(string name = "web", string image = "registry.example/web:1.0", int replicas = 3) => new()
    {
        ["apiVersion"] = "apps/v1", ["kind"] = "Deployment", ["metadata"] = new JsonObject { ["name"] = name, ["labels"] = new JsonObject { ["app"] = name } },
        ["spec"] = new JsonObject
        {
            ["replicas"] = replicas, ["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["app"] = name } },
            ["template"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["app"] = name } },
                ["spec"] = new JsonObject
                {
                    ["containers"] = new JsonArray(new JsonObject
                    {
                        ["name"] = "web", ["image"] = image, ["ports"] = new JsonArray(new JsonObject { ["containerPort"] = 8080 }),
                        ["env"] = new JsonArray(new JsonObject { ["name"] = "MODE", ["value"] = "store" }),
                    }),
                },
            },
        },
    };

    public static JsonObject CustomResourceDefinition() => new()
    {
        ["apiVersion"] = "apiextensions.k8s.io/v1", ["kind"] = "CustomResourceDefinition", ["metadata"] = new JsonObject { ["name"] = "tills.shop.example" },
        ["spec"] = new JsonObject
        {
            ["group"] = "shop.example", ["scope"] = "Namespaced", ["names"] = new JsonObject { ["plural"] = "tills", ["kind"] = "Till" },
            ["versions"] = new JsonArray(new JsonObject
            {
                ["name"] = "v1", ["served"] = true, ["storage"] = true,
                ["schema"] = new JsonObject { ["openAPIV3Schema"] = new JsonObject { ["type"] = "object", ["x-kubernetes-preserve-unknown-fields"] = true } },
            }),
        },
    };

    public static string? Condition(JsonObject item, string type) =>
        (item["status"]?["conditions"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(condition => condition.Text("type") == type) is { } found ? $"{found.Text("status")} {found.Text("reason")}" : null;
}
