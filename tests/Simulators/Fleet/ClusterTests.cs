using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Simulators.Wire;
using ControlPlane.Tests.Fixtures;
using k8s;
using k8s.Autorest;
using k8s.Models;
using Xunit;

namespace ControlPlane.Tests.Simulators.Fleet;

/// <summary>A cluster of the fleet through the official client and through plain HTTP: what is wanted becomes available, or does not when it must not.</summary>
public sealed class ClusterTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_official_client_applies_watches_and_deletes()
    {
        await using var fleet = await TestFleet.StartAsync();
        var client = fleet.Client();
        Assert.Equal("v1.32.6", (await client.Version.GetCodeAsync(Cancel)).GitVersion);
        var made = await client.CoreV1.CreateNamespaceAsync(new V1Namespace { Metadata = new() { Name = "shop" } }, cancellationToken: Cancel);
        Assert.Equal(("Active", "shop"), (made.Status.Phase, made.Metadata.Labels["kubernetes.io/metadata.name"]));

        var patch = new V1Patch(Manifests.Deployment().ToJsonString(), V1Patch.PatchType.ApplyPatch);
        await client.AppsV1.PatchNamespacedDeploymentAsync(patch, "web", "shop", fieldManager: "tests", force: false, cancellationToken: Cancel);
        var web = await client.AppsV1.ReadNamespacedDeploymentAsync("web", "shop", cancellationToken: Cancel);
        Assert.Equal((1, 3, 3), (web.Status.ObservedGeneration, web.Status.AvailableReplicas, web.Status.UpdatedReplicas));

        var listed = await client.CoreV1.ListNamespacedConfigMapAsync("shop", cancellationToken: Cancel);
        var seen = new List<string>();
        var watching = Task.Run(async () =>
        {
            await foreach (var (type, item) in client.CoreV1.WatchListNamespacedConfigMapAsync("shop", resourceVersion: listed.Metadata.ResourceVersion, cancellationToken: Cancel))
            {
                seen.Add($"{type} {item.Metadata.Name}");
                if (type == WatchEventType.Deleted) return;
            }
        }, Cancel);
        await client.CoreV1.CreateNamespacedConfigMapAsync(new V1ConfigMap { Metadata = new() { Name = "prices" }, Data = new Dictionary<string, string>(StringComparer.Ordinal) { ["bread"] = "2" } }, "shop", cancellationToken: Cancel);
        await client.CoreV1.PatchNamespacedConfigMapAsync(new V1Patch("""{"data":{"bread":"3"}}""", V1Patch.PatchType.MergePatch), "prices", "shop", cancellationToken: Cancel);
        await client.CoreV1.DeleteNamespacedConfigMapAsync("prices", "shop", cancellationToken: Cancel);
        await watching.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.Equal(["Added prices", "Modified prices", "Deleted prices"], seen);

        await client.CoreV1.DeleteNamespaceAsync("shop", cancellationToken: Cancel);
        var gone = await Assert.ThrowsAsync<HttpOperationException>(() => client.CoreV1.ReadNamespaceAsync("shop", cancellationToken: Cancel));
        Assert.Equal(System.Net.HttpStatusCode.NotFound, gone.Response.StatusCode);
    }

    [Fact]
    public async Task A_reader_may_look_and_not_touch_and_a_stranger_neither()
    {
        await using var fleet = await TestFleet.StartAsync();
        var reader = fleet.Client(reader: true);
        Assert.Single((await reader.CoreV1.ListNodeAsync(cancellationToken: Cancel)).Items);
        var refused = await Assert.ThrowsAsync<HttpOperationException>(() => reader.CoreV1.CreateNamespaceAsync(new V1Namespace { Metadata = new() { Name = "shop" } }, cancellationToken: Cancel));
        Assert.Equal(System.Net.HttpStatusCode.Forbidden, refused.Response.StatusCode);
        Assert.Contains("\"system:serviceaccount:kube-system:reader\\\" cannot create resource", refused.Response.Content, StringComparison.Ordinal);
        Assert.Equal(401, (await fleet.SendAsync("GET", "/api/v1/nodes", token: "")).Status);
        Assert.Equal(401, (await fleet.SendAsync("GET", "/api/v1/nodes", token: "wrong")).Status);
    }

    [Fact]
    public async Task A_bad_image_leaves_the_old_replicas_and_runs_into_the_deadline()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.NamespaceAsync("shop");
        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment());
        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(image: "registry.example/web:bad"));
        var stuck = (await fleet.SendAsync("GET", Manifests.Web)).Body;
        Assert.Equal(("True MinimumReplicasAvailable", "False ProgressDeadlineExceeded"), (Manifests.Condition(stuck, "Available"), Manifests.Condition(stuck, "Progressing")));
        Assert.Equal((2, 1, 3, 1), (Status(stuck, "observedGeneration"), Status(stuck, "updatedReplicas"), Status(stuck, "availableReplicas"), Status(stuck, "unavailableReplicas")));

        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment());
        var back = (await fleet.SendAsync("GET", Manifests.Web)).Body;
        Assert.Equal((3, 3, 3, 0), (Status(back, "observedGeneration"), Status(back, "updatedReplicas"), Status(back, "availableReplicas"), Status(back, "unavailableReplicas")));
        Assert.Equal("True NewReplicaSetAvailable", Manifests.Condition(back, "Progressing"));
    }

    [Fact]
    public async Task A_rollout_takes_its_time_and_is_observed_before_it_is_available()
    {
        await using var fleet = await TestFleet.StartAsync(new() { Clock = 0.02 });
        await fleet.NamespaceAsync("shop");
        var seen = new List<string>();
        using var source = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var client = fleet.Client();
        await client.AppsV1.PatchNamespacedDeploymentAsync(new V1Patch(Manifests.Deployment().ToJsonString(), V1Patch.PatchType.ApplyPatch), "web", "shop", fieldManager: "tests", cancellationToken: Cancel);
        await foreach (var (_, item) in client.AppsV1.WatchListNamespacedDeploymentAsync("shop", cancellationToken: source.Token))
        {
            seen.Add($"{item.Status.ObservedGeneration}/{item.Status.AvailableReplicas ?? 0}");
            if (item.Status.AvailableReplicas == 3) break;
        }

        Assert.Equal("1/3", seen[^1]);
    }

    [Fact]
    public async Task A_namespace_that_ends_takes_its_content_along_and_nothing_new_in()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.NamespaceAsync("shop");
        var held = Manifests.ConfigMap("held");
        held["metadata"]!["finalizers"] = Json.Array(["example.com/hold"]);
        const string path = "/api/v1/namespaces/shop/configmaps/";
        await fleet.ApplyAsync(path + "held", held);
        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment());
        Assert.Equal(200, (await fleet.SendAsync("DELETE", "/api/v1/namespaces/shop")).Status);
        var ending = (await fleet.SendAsync("GET", "/api/v1/namespaces/shop")).Body;
        Assert.Equal(("Terminating", "True SomeFinalizersRemain"), ((ending["status"] as JsonObject).Text("phase"), Manifests.Condition(ending, "NamespaceFinalizersRemaining")));
        Assert.Equal(404, (await fleet.SendAsync("GET", Manifests.Web)).Status);
        var refused = await fleet.ApplyAsync(path + "late", Manifests.ConfigMap("late"));
        Assert.Equal((403, "NamespaceTerminating"), (refused.Status, refused.Body["details"]!["causes"]![0]!["reason"]!.GetValue<string>()));

        await fleet.SendAsync("PATCH", path + "held", JsonNode.Parse("""{"metadata":{"finalizers":null}}"""), TestFleet.Merge);
        Assert.Equal(404, (await fleet.SendAsync("GET", "/api/v1/namespaces/shop")).Status);
        Assert.Equal(404, (await fleet.ApplyAsync(path + "late", Manifests.ConfigMap("late"))).Status);
    }

    [Fact]
    public async Task A_custom_kind_is_served_once_its_definition_is_established_and_goes_with_it()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.NamespaceAsync("shop");
        const string definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tills.shop.example";
        const string till = "/apis/shop.example/v1/namespaces/shop/tills/first";
        var wanted = JsonNode.Parse("""{"apiVersion":"shop.example/v1","kind":"Till","metadata":{"name":"first"},"spec":{"drawers":2}}""")!.AsObject();
        Assert.Equal(404, (await fleet.ApplyAsync(till, wanted)).Status);
        await fleet.ApplyAsync(definition, Manifests.CustomResourceDefinition());
        var made = (await fleet.SendAsync("GET", definition)).Body;
        Assert.Equal(("True NoConflicts", "True InitialNamesAccepted"), (Manifests.Condition(made, "NamesAccepted"), Manifests.Condition(made, "Established")));
        Assert.Equal(201, (await fleet.ApplyAsync(till, wanted)).Status);
        Assert.Contains((await fleet.SendAsync("GET", "/apis/shop.example/v1")).Body["resources"]!.AsArray(), resource => resource!["name"]!.GetValue<string>() == "tills");

        await fleet.SendAsync("DELETE", definition);
        Assert.Equal(404, (await fleet.SendAsync("GET", till)).Status);
        Assert.Equal(404, (await fleet.SendAsync("GET", definition)).Status);
    }

    [Fact]
    public async Task A_quota_counts_and_refuses()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.NamespaceAsync("shop");
        const string path = "/api/v1/namespaces/shop/resourcequotas/small";
        await fleet.ApplyAsync(path, JsonNode.Parse("""{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"small"},"spec":{"hard":{"count/deployments.apps":"1","cpu":"4"}}}""")!.AsObject());
        Assert.Equal(201, (await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment())).Status);
        var quota = (await fleet.SendAsync("GET", path)).Body["status"]!;
        Assert.Equal(("1", "1", "4"), (quota["used"]!["count/deployments.apps"]!.GetValue<string>(), quota["hard"]!["count/deployments.apps"]!.GetValue<string>(), quota["hard"]!["cpu"]!.GetValue<string>()));
        var refused = await fleet.ApplyAsync("/apis/apps/v1/namespaces/shop/deployments/more", Manifests.Deployment("more"));
        Assert.Contains("exceeded quota: small", refused.Body.Text("message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deleting_minds_preconditions_and_dependents()
    {
        await using var fleet = await TestFleet.StartAsync();
        await fleet.NamespaceAsync("shop");
        const string path = "/api/v1/namespaces/shop/configmaps/";
        var owner = (await fleet.ApplyAsync(path + "owner", Manifests.ConfigMap("owner"))).Body["metadata"]!;
        var child = Manifests.ConfigMap("child");
        child["metadata"]!["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ConfigMap", ["name"] = "owner", ["uid"] = owner["uid"]!.GetValue<string>() });
        child["metadata"]!["finalizers"] = Json.Array(["example.com/hold"]);
        await fleet.ApplyAsync(path + "child", child);
        var another = await fleet.SendAsync("DELETE", path + "owner", JsonNode.Parse("""{"preconditions":{"uid":"another"}}"""));
        Assert.Equal((409, "Conflict"), (another.Status, another.Reason));
        var right = new JsonObject { ["preconditions"] = new JsonObject { ["uid"] = owner["uid"]!.GetValue<string>() }, ["propagationPolicy"] = "Foreground" };
        Assert.Equal(200, (await fleet.SendAsync("DELETE", path + "owner", right)).Status);
        Assert.Equal(200, (await fleet.SendAsync("GET", path + "owner")).Status);
        await fleet.SendAsync("PATCH", path + "child", JsonNode.Parse("""{"metadata":{"finalizers":null}}"""), TestFleet.Merge);
        Assert.Equal(404, (await fleet.SendAsync("GET", path + "owner")).Status);
        Assert.Equal(404, (await fleet.SendAsync("GET", path + "child")).Status);
    }

    [Fact]
    public async Task Nodes_follow_their_pool_and_are_replaced_when_its_image_changes()
    {
        await using var fleet = await TestFleet.StartAsync(new() { Nodes = 2, NodeImages = Shares.Of("AKSUbuntu-2204gen2containerd-202512.06.0"), Regions = Shares.Of("southeastasia") });
        var client = fleet.Client();
        var before = (await client.CoreV1.ListNodeAsync(cancellationToken: Cancel)).Items;
        Assert.All(before, node => Assert.Equal(("southeastasia", "AKSUbuntu-2204gen2containerd-202512.06.0"), (node.Metadata.Labels["topology.kubernetes.io/region"], node.Metadata.Labels["kubernetes.azure.com/node-image-version"])));
        const string pool = "/apis/cluster.x-k8s.io/v1beta1/namespaces/kube-system/machinedeployments/nodepool1";
        var change = JsonNode.Parse("""{"spec":{"replicas":3,"template":{"metadata":{"labels":{"kubernetes.azure.com/node-image-version":"AKSUbuntu-2204gen2containerd-202601.13.0"}},"spec":{"version":"v1.33.1"}}}}""");
        Assert.Equal(200, (await fleet.SendAsync("PATCH", pool, change, TestFleet.Merge)).Status);
        var after = (await client.CoreV1.ListNodeAsync(cancellationToken: Cancel)).Items;
        Assert.Equal(3, after.Count);
        Assert.All(after, node => Assert.Equal(("v1.33.1", "AKSUbuntu-2204gen2containerd-202601.13.0"), (node.Status.NodeInfo.KubeletVersion, node.Metadata.Labels["kubernetes.azure.com/node-image-version"])));
        Assert.Empty(after.Select(node => node.Metadata.Uid).Intersect(before.Select(node => node.Metadata.Uid)));
    }

    [Fact]
    public async Task Lists_come_in_pages_and_by_selector_and_a_forgotten_version_is_gone()
    {
        await using var fleet = await TestFleet.StartAsync(new() { HistoryLimit = 4 });
        await fleet.NamespaceAsync("shop");
        const string path = "/api/v1/namespaces/shop/configmaps";
        for (var number = 0; number < 10; number++)
        {
            var item = Manifests.ConfigMap($"item-{number}");
            item["metadata"]!["labels"] = new JsonObject { ["even"] = number % 2 == 0 ? "yes" : "no" };
            await fleet.ApplyAsync($"{path}/item-{number}", item);
        }

        var first = (await fleet.SendAsync("GET", path + "?limit=4&labelSelector=even")).Body;
        var more = Uri.EscapeDataString(first["metadata"]!["continue"]!.GetValue<string>());
        var second = (await fleet.SendAsync("GET", $"{path}?limit=40&labelSelector=even&continue={more}")).Body;
        Assert.Equal((4, 6), (first["items"]!.AsArray().Count, second["items"]!.AsArray().Count));
        Assert.Equal(5, (await fleet.SendAsync("GET", path + "?labelSelector=" + Uri.EscapeDataString("even in (yes,maybe)"))).Body["items"]!.AsArray().Count);
        Assert.Single((await fleet.SendAsync("GET", path + "?fieldSelector=metadata.name%3Ditem-3")).Body["items"]!.AsArray());
        for (var round = 0; round < 6; round++) await fleet.ApplyAsync(path + "/item-0", Manifests.ConfigMap("item-0", ("round", $"{round}")));
        var old = await fleet.SendAsync("GET", $"{path}?watch=true&resourceVersion={first["metadata"]!["resourceVersion"]}");
        Assert.Equal((410, "Expired"), (old.Status, old.Reason));
    }

    private static int Status(JsonObject item, string field) => item["status"]?[field]?.GetValue<int>() ?? 0;
}
