using System.Text.Json.Nodes;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Fleets;
using Xunit;

namespace ControlPlane.Tests.Clusters;

/// <summary>What is known of clusters, how it follows them, and whom it concerns.</summary>
[Collection(ClusterSuite.Name)]
public sealed class InventoryTests(ClusterWorld world)
{
    [Fact]
    public async Task A_cluster_is_known_as_soon_as_it_is_connected()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 1, Nodes = 3, KubernetesVersions = Shares.Of("v1.32.6+k3s1") });
        var properties = (await site.Arm.GetAsync(site.Cluster("store-0001"))).Is(200).Json.GetProperty("properties");
        Assert.Equal(("v1.32.6+k3s1", "3", "12", "Connected"), (properties.Text("kubernetesVersion"), properties.Text("totalNodeCount"), properties.Text("totalCoreCount"), properties.Text("connectivityStatus")));
        var inventory = properties.GetProperty("inventory");
        Assert.Equal(("k3s", "3"), (inventory.Text("distribution"), inventory.Text("readyNodeCount")));
        Assert.Equal(3, inventory.GetProperty("nodeImages").GetProperty("AKSUbuntu-2204gen2containerd-202601.13.0").GetInt32());
        Assert.Equal(("1.11.3", "1.4.8"), (inventory.GetProperty("addOns").Text("coredns"), inventory.GetProperty("addOns").Text("secrets-store-csi-driver")));
        var listed = (await site.Arm.GetAsync($"{site.Group}/providers/Microsoft.Kubernetes/connectedClusters")).Is(200).Json.GetProperty("value")[0].GetProperty("properties");
        Assert.Equal("Connected", listed.Text("connectivityStatus"));
    }

    [Fact]
    public async Task Heartbeats_change_nothing_and_changes_are_seen()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 1 });
        var store = site.Clusters.Find("store-0001")!;
        var etag = (await site.Arm.GetAsync(site.Cluster("store-0001"))).Is(200).Json.Text("etag");
        var before = store.Tally.Reads;
        await Eventually.Async(() => store.Tally.Reads > before + 8, "the cluster is looked at twice more");
        Assert.Equal(etag, (await site.Arm.GetAsync(site.Cluster("store-0001"))).Is(200).Json.Text("etag"));

        var version = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["app.kubernetes.io/version"] = "1.5.0" } } };
        await site.ChangeAsync("store-0001", "/apis/apps/v1/namespaces/kube-system/deployments/secrets-store-csi-driver", version);
        await site.PropertiesAsync(site.Cluster("store-0001"), seen => seen.GetProperty("inventory").GetProperty("addOns").Text("secrets-store-csi-driver") == "1.5.0", "the new version of the add-on is seen");
    }

    [Fact]
    public async Task A_cluster_that_is_silent_is_offline_and_so_is_its_member_until_it_is_back()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 2 });
        site.Clusters.Faults.Add(new() { Action = ClusterFaultAction.ResetConnection, Clusters = ["store-0001"], Id = "cut" });
        var offline = await site.PropertiesAsync(site.Cluster("store-0001"), seen => seen.Text("connectivityStatus") == "Offline", "the cluster is offline");
        Assert.NotNull(offline.Text("connectivityMessage"));
        await site.PropertiesAsync(site.Member("store-0001"), seen => seen.Text("connectivityStatus") == "Offline", "its member is offline");
        Assert.Equal("Connected", (await site.Arm.GetAsync(site.Member("store-0002"))).Is(200).Json.GetProperty("properties").Text("connectivityStatus"));

        // Of two, one can be picked: the one that is there.
        await site.PlaceAsync("one", FleetSite.Shop(), new() { ["policy"] = new JsonObject { ["placementType"] = "PickN", ["numberOfClusters"] = 1 } });
        Assert.Equal(["store-0002"], (await site.ClustersAsync("one")).Select(cluster => cluster.Name));
        await site.PlaceAsync("all", FleetSite.Shop(space: "everywhere"));

        site.Clusters.Faults.Remove("cut");
        await site.PropertiesAsync(site.Cluster("store-0001"), seen => seen.Text("connectivityStatus") == "Connected" && seen.Text("connectivityMessage") is null, "the cluster is back");
        await site.PropertiesAsync(site.Member("store-0001"), seen => seen.Text("connectivityStatus") == "Connected", "its member is back");
        await Eventually.Async(() => site.Find("store-0001", "/apis/apps/v1/namespaces/everywhere/deployments/web") is not null, "what was to be brought to it is brought");
    }

    [Fact]
    public async Task Placements_follow_what_their_members_are()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 2, Nodes = 1 });
        var many = new JsonObject { ["name"] = "kubernetes-fleet.io/node-count", ["operator"] = "Ge", ["values"] = new JsonArray("3") };
        await site.PlaceAsync("big", FleetSite.Shop(), new()
        {
            ["policy"] = new JsonObject
            {
                ["affinity"] = new JsonObject
                {
                    ["clusterAffinity"] = new JsonObject
                    {
                        ["requiredDuringSchedulingIgnoredDuringExecution"] = new JsonObject
                        {
                            ["clusterSelectorTerms"] = new JsonArray(new JsonObject { ["propertySelector"] = new JsonObject { ["matchExpressions"] = new JsonArray(many) } }),
                        },
                    },
                },
            },
        });
        Assert.Empty(await site.ClustersAsync("big"));

        await site.ChangeAsync("store-0002", "/apis/cluster.x-k8s.io/v1beta1/namespaces/kube-system/machinedeployments/nodepool1", new() { ["spec"] = new JsonObject { ["replicas"] = 3 } });
        await Eventually.Async(async () => (await site.ClustersAsync("big")).Select(cluster => cluster.Name).SequenceEqual(["store-0002"]), "the cluster that grew is chosen", TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_kubeconfig_is_all_it_takes_and_is_never_shown()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 1 }, joined: 0);
        var cluster = site.Clusters.Ready.Clusters[0];
        var path = site.Cluster("by-kubeconfig");
        var body = new JsonObject { ["location"] = "westeurope", ["properties"] = new JsonObject { ["credentials"] = new JsonObject { ["kubeconfig"] = cluster.Kubeconfig() } } };
        await site.DoneAsync((await site.Arm.PutAsync(path, body)).Is(201));
        var seen = (await site.Arm.GetAsync(path)).Is(200);
        Assert.Equal("Connected", seen.Json.GetProperty("properties").Text("connectivityStatus"));
        Assert.DoesNotContain(cluster.Token, seen.Text, StringComparison.Ordinal);

        // What was read may be written back: the credentials stay.
        await site.DoneAsync((await site.Arm.PutAsync(path, JsonNode.Parse(seen.Text)!.AsObject())).Is(200));
        await site.DoneAsync((await site.Arm.PatchAsync(path, new JsonObject { ["properties"] = new JsonObject { ["distribution"] = "k3s" } })).Is(202));
        Assert.Equal("k3s", (await site.Arm.GetAsync(path)).Is(200).Json.GetProperty("properties").Text("distribution"));
    }

    [Fact]
    public async Task Contradictions_are_named()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 1 }, joined: 0);
        var cluster = site.Clusters.Ready.Clusters[0];
        await AssertRefusedAsync(new() { ["apiServer"] = cluster.Url, ["credentials"] = new JsonObject { ["kubeconfig"] = cluster.Kubeconfig() } }, "properties.apiServer");
        await AssertRefusedAsync(new() { ["credentials"] = new JsonObject { ["kubeconfig"] = "current-context: x" } }, "properties.credentials.kubeconfig");
        await AssertRefusedAsync(new() { ["access"] = "Pull", ["caCertificate"] = cluster.Ca }, "properties.caCertificate");
        await AssertRefusedAsync(new() { ["apiServer"] = cluster.Url, ["credentials"] = new JsonObject { ["token"] = "a\nb" } }, "properties.credentials.token");
        await AssertRefusedAsync(new() { ["apiServer"] = cluster.Url, ["caCertificate"] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", ["credentials"] = new JsonObject { ["token"] = "t" } }, "properties.caCertificate");

        async Task AssertRefusedAsync(JsonObject properties, string target)
        {
            var answer = (await site.Arm.PutAsync(site.Cluster("wrong"), new JsonObject { ["location"] = "westeurope", ["properties"] = properties })).Is(400);
            Assert.Contains($"'{target}'", answer.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_cluster_as_Azures_clients_describe_it_waits_for_its_agent()
    {
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 1 }, joined: 0);
        var path = site.Cluster("arc");
        await site.DoneAsync((await site.Arm.PutAsync($"{path}?api-version=2021-10-01", new JsonObject
        {
            ["location"] = "westeurope", ["identity"] = new JsonObject { ["type"] = "SystemAssigned" }, ["properties"] = new JsonObject { ["agentPublicKeyCertificate"] = "MIICYzCCAcygAwIBAgIBADANBgkqhkiG", ["distribution"] = "k3s" },
        })).Is(201));
        var seen = await site.PropertiesAsync(path, properties => properties.Text("connectivityStatus") == "Connecting", "it is waited for");
        Assert.Equal(("Pull", "k3s"), (seen.Text("access"), seen.Text("distribution")));
        (await site.Arm.PatchAsync(path, new JsonObject { ["identity"] = new JsonObject { ["type"] = "SystemAssigned" }, ["tags"] = new JsonObject { ["site"] = "one" } })).Is(200);
    }
}
