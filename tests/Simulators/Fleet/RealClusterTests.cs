using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using k8s;
using Xunit;

namespace ControlPlane.Tests.Simulators.Fleet;

/// <summary>
/// The simulator against the real thing: one script of requests, and what a kube-apiserver answers to it. The simulator must always answer
/// so; the cluster of <c>CONTROLPLANE_KUBECONFIG</c>, where it is set, is asked as well. The script needs no workload to run, so a bare
/// kube-apiserver with etcd will do.
/// </summary>
public sealed class RealClusterTests
{
    private const string Variable = "CONTROLPLANE_KUBECONFIG";
    private const string Json = "application/json";

    private readonly string space = $"transcript-{Guid.NewGuid().ToString("n")[..8]}";

    private string ConfigMap => $"/api/v1/namespaces/{space}/configmaps/prices";

    private string Deployment => $"/apis/apps/v1/namespaces/{space}/deployments/web";

    [Fact]
    public async Task The_simulator_and_a_real_API_server_answer_the_same()
    {
        await using var fleet = await TestFleet.StartAsync();
        Assert.Equal(Expected, await TranscriptAsync(fleet.Client()));
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } kubeconfig)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"Not run against a real API server: {Variable} names no kubeconfig.");
            return;
        }

        using var real = new k8s.Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig));
        Assert.Equal(Expected, await TranscriptAsync(real));
    }

    private static readonly string[] Expected =
    [
        "create namespace: 201 labelled",
        "create it again: 409 AlreadyExists",
        "apply a config map: 201 owners=fleet/Apply",
        "apply it again: 200 owners=fleet/Apply same version",
        "another manager, another value: 409 Conflict FieldManagerConflict .data.bread",
        "by force: 200 owners=fleet/Apply,other/Apply",
        "drop a field, and one that is another's now: 200 data=bread,milk",
        "without a manager: 422 Invalid",
        "merge patch: 200 owners=editor/Update,fleet/Apply,other/Apply",
        "update with an old version: 409 Conflict",
        "apply a deployment: 201 generation=1 replicas=2 deadline=600 protocol=TCP",
        "label it: 200 generation=1",
        "scale it: 200 generation=2",
        "dry run: 200 replicas=7",
        "after the dry run: 200 replicas=3",
        "a sidecar of another manager: 200 containers=web,mesh",
        "the sidecar goes: 200 containers=web",
        "change the selector: 422 Invalid",
        "an unknown resource: 404 NotFound",
        "delete with another's uid: 409 Conflict",
        "delete: 200",
        "get what is gone: 404 NotFound",
        "delete namespace: 200",
    ];

    private async Task<string[]> TranscriptAsync(k8s.Kubernetes client)
    {
        var lines = new List<string>();
        async Task<JsonObject> Say(string what, string method, string path, string? body, Func<JsonObject, string>? more = null, string type = TestFleet.Apply)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(client.BaseUri, path));
            if (client.Credentials is not null) await client.Credentials.ProcessHttpRequestAsync(request, TestContext.Current.CancellationToken);
            if (body is not null) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
            using var response = await client.HttpClient.SendAsync(request, TestContext.Current.CancellationToken);
            var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)) as JsonObject ?? [];
            var failed = (int)response.StatusCode >= 400;
            var seen = failed ? $" {answer.Text("reason")}" : more is null ? "" : " " + more(answer);
            if (failed && more is not null) seen += " " + more(answer);
            lines.Add($"{what}: {(int)response.StatusCode}{seen}");
            return answer;
        }

        await Say("create namespace", "POST", "/api/v1/namespaces", Body("v1", "Namespace", space, ""), item => item["metadata"]?["labels"]?["kubernetes.io/metadata.name"]?.ToString() == space ? "labelled" : "", Json);
        await Say("create it again", "POST", "/api/v1/namespaces", Body("v1", "Namespace", space, ""), null, Json);
        var made = await Say("apply a config map", "PATCH", ConfigMap + "?fieldManager=fleet", Prices("\"bread\":\"2\",\"milk\":\"1\",\"eggs\":\"4\""), Owners);
        await Say("apply it again", "PATCH", ConfigMap + "?fieldManager=fleet", Prices("\"bread\":\"2\",\"milk\":\"1\",\"eggs\":\"4\""), item => Owners(item) + (Version(item) == Version(made) ? " same version" : ""));
        await Say("another manager, another value", "PATCH", ConfigMap + "?fieldManager=other", Prices("\"bread\":\"3\""), Cause);
        await Say("by force", "PATCH", ConfigMap + "?fieldManager=other&force=true", Prices("\"bread\":\"3\""), Owners);
        await Say("drop a field, and one that is another's now", "PATCH", ConfigMap + "?fieldManager=fleet", Prices("\"milk\":\"1\""), item => "data=" + string.Join(',', (item["data"] as JsonObject ?? []).Select(pair => pair.Key)));
        await Say("without a manager", "PATCH", ConfigMap, Prices(""));
        await Say("merge patch", "PATCH", ConfigMap + "?fieldManager=editor", """{"metadata":{"labels":{"edited":"yes"}}}""", Owners, TestFleet.Merge);
        await Say("update with an old version", "PUT", ConfigMap, Body("v1", "ConfigMap", "prices", "", $"\"resourceVersion\":\"{Version(made)}\","), null, Json);

        await Say("apply a deployment", "PATCH", Deployment + "?fieldManager=fleet", Web(2), item =>
            $"generation={item["metadata"]!["generation"]} replicas={item["spec"]!["replicas"]} deadline={item["spec"]!["progressDeadlineSeconds"]} protocol={item["spec"]!["template"]!["spec"]!["containers"]![0]!["ports"]![0]!["protocol"]}");
        await Say("label it", "PATCH", Deployment + "?fieldManager=editor", """{"metadata":{"labels":{"edited":"yes"}}}""", Generation, TestFleet.Merge);
        await Say("scale it", "PATCH", Deployment + "?fieldManager=fleet", Web(3), Generation);
        await Say("dry run", "PATCH", Deployment + "?fieldManager=fleet&dryRun=All", Web(7), Replicas);
        await Say("after the dry run", "GET", Deployment, null, Replicas);
        await Say("a sidecar of another manager", "PATCH", Deployment + "?fieldManager=mesh", Sidecar("""{"name":"mesh","image":"registry.example/mesh:1"}"""), Containers);
        await Say("the sidecar goes", "PATCH", Deployment + "?fieldManager=mesh", Body("apps/v1", "Deployment", "web", ""), Containers);
        await Say("change the selector", "PATCH", Deployment + "?fieldManager=fleet&force=true", Web(3).Replace("\"app\":\"web\"", "\"app\":\"other\"", StringComparison.Ordinal));
        await Say("an unknown resource", "GET", $"/api/v1/namespaces/{space}/things", null);

        await Say("delete with another's uid", "DELETE", ConfigMap, """{"preconditions":{"uid":"another"}}""", null, Json);
        await Say("delete", "DELETE", ConfigMap, null);
        await Say("get what is gone", "GET", ConfigMap, null);
        await Say("delete namespace", "DELETE", $"/api/v1/namespaces/{space}", null);
        return [.. lines];
    }

    private static string Prices(string data) => Body("v1", "ConfigMap", "prices", data.Length == 0 ? "" : $",\"data\":{{{data}}}");

    private static string Web(int replicas) => Body("apps/v1", "Deployment", "web", $$$"""
        ,"spec":{"replicas":{{{replicas}}},"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
        "spec":{"containers":[{"name":"web","image":"registry.example/web:1","ports":[{"containerPort":80}]} ] } } }
        """);

    private static string Sidecar(string container) => Body("apps/v1", "Deployment", "web", ",\"spec\":{\"template\":{\"spec\":{\"containers\":[" + container + "]}}}");

    private static string Body(string version, string kind, string name, string more, string metadata = "") =>
        $"{{\"apiVersion\":\"{version}\",\"kind\":\"{kind}\",\"metadata\":{{{metadata}\"name\":\"{name}\"}}{more}}}";

    private static string? Version(JsonObject item) => (item["metadata"] as JsonObject).Text("resourceVersion");

    private static string Owners(JsonObject item) => "owners=" + string.Join(',', item["metadata"]!["managedFields"]!.AsArray().Select(entry => $"{entry!["manager"]}/{entry["operation"]}").Order(StringComparer.Ordinal));

    private static string Cause(JsonObject item) => string.Join(' ', item["details"]!["causes"]!.AsArray().Select(cause => $"{cause!["reason"]} {cause["field"]}"));

    private static string Generation(JsonObject item) => $"generation={item["metadata"]!["generation"]}";

    private static string Replicas(JsonObject item) => $"replicas={item["spec"]!["replicas"]}";

    private static string Containers(JsonObject item) => "containers=" + string.Join(',', item["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Select(container => container!["name"]));
}
