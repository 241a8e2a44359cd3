using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Policy;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Simulators.Fleet;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Clusters that break a policy are cordoned until they keep it; what somebody else has tainted or cordoned stays as it is.</summary>
[Collection(InsightSuite.Name)]
public sealed class ComplianceTests(InsightFixture world)
{
    private const string Driver = "secrets-store-csi-driver";
    private const string Nodes = "/api/v1/nodes";

    [Fact]
    public async Task A_cluster_that_breaks_a_policy_is_cordoned_until_it_keeps_it()
    {
        await using var site = await SiteAsync(clusters: 2);
        var (good, late) = (site.Clusters.Ready.Clusters[0], site.Clusters.Ready.Clusters[1]);
        await UpgradeAsync(site, good, "1.4.8");
        await UpgradeAsync(site, late, "1.4.2");
        await UserTaintAsync(site, late.Name);
        var nodes = await NodesAsync(late);
        await CordonAsync(late, nodes[0], cordoned: true);

        var assignment = await AssignAsync(site, cordon: true);
        await StateAsync(site, good.Name, "Compliant");
        await StateAsync(site, late.Name, "NonCompliant");
        await Eventually.Async(async () => await CordonedAsync(late), seen => seen.Count == 3, "every node of the cluster is cordoned");
        Assert.Empty(await CordonedAsync(good));
        Assert.Null(await StampAsync(late, nodes[0]));
        Assert.Equal(assignment, await StampAsync(late, nodes[1]), ignoreCase: true);
        var shown = (await ShownAsync(site, late.Name)).GetProperty("properties");
        Assert.Equal(("NonCompliant", "policy.fleet.controlplane.io/noncompliant"), (shown.GetProperty("complianceState").GetString(), shown.GetProperty("policyTaints")[0].GetProperty("key").GetString()));
        Assert.Equal(assignment, shown.GetProperty("policyTaints")[0].GetProperty("owner").GetString(), ignoreCase: true);
        var card = (await world.Arm.GetAsync($"{site.Fleet}/insights")).Is(200).Json.GetProperty("properties").GetProperty("total").GetProperty("compliance");
        Assert.Equal((1, 1, 1), (card.GetProperty("compliant").GetInt32(), card.GetProperty("nonCompliant").GetInt32(), card.GetProperty("cordoned").GetInt32()));

        // New placements go elsewhere, those that are there stay.
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.Summary("available") == 1 && seen.Summary("selected") == 1, "the placement is where the policy is kept");

        // An upgrade is all that it takes.
        await UpgradeAsync(site, late, "1.5.0");
        await StateAsync(site, late.Name, "Compliant");
        await Eventually.Async(async () => await CordonedAsync(late), seen => seen.SequenceEqual([nodes[0]], StringComparer.Ordinal), "nothing is cordoned but what somebody had cordoned before");
        Assert.Null(await StampAsync(late, nodes[1]));
        await Eventually.Async(async () => (await ShownAsync(site, late.Name)).GetProperty("properties"), seen => seen.GetProperty("policyTaints").GetArrayLength() == 0 && !seen.TryGetProperty("cordonedAt", out _), "its taint is gone");
        var taints = (await world.Arm.GetAsync(site.Member(late.Name))).Is(200).Json.GetProperty("properties").GetProperty("taints");
        Assert.Equal(["mine"], taints.EnumerateArray().Select(taint => taint.GetProperty("key").GetString()));
    }

    [Fact]
    public async Task The_nodes_of_a_cluster_behind_an_agent_are_cordoned_by_the_agent_until_the_policy_is_kept()
    {
        await using var site = await SiteAsync(clusters: 1, isPull: true);
        var cluster = site.Clusters.Ready.Clusters[0];
        await using var agent = await TestAgent.StartAsync(site, cluster.Name);
        var nodes = await NodesAsync(cluster);
        await CordonAsync(cluster, nodes[0], cordoned: true);
        var assignment = await AssignAsync(site, cordon: true);
        await Eventually.Async(async () => await CordonedAsync(cluster), seen => seen.Count == 3, "every node of the cluster is cordoned");
        Assert.Null(await StampAsync(cluster, nodes[0]));
        Assert.Equal(assignment, await StampAsync(cluster, nodes[1]), ignoreCase: true);
        Assert.True((await ShownAsync(site, cluster.Name)).GetProperty("properties").TryGetProperty("cordonedAt", out _));

        // The update that remedies it is done by the agent too, and what it comes to is known at once.
        await site.RunAsync("driver", new()
        {
            ["managedClusterUpdate"] = new JsonObject { ["upgrade"] = new JsonObject { ["type"] = "AddonVersion", ["addonVersion"] = new JsonObject { ["name"] = Driver, ["version"] = "1.4.8" } } },
        });
        await site.ActAsync("driver", "start");
        await StateAsync(site, cluster.Name, "Compliant");
        await Eventually.Async(async () => await CordonedAsync(cluster), seen => seen.SequenceEqual([nodes[0]], StringComparer.Ordinal), "nothing is cordoned but what somebody had cordoned before");
        Assert.Null(await StampAsync(cluster, nodes[1]));
        await Eventually.Async(async () => (await ShownAsync(site, cluster.Name)).GetProperty("properties"), seen => seen.GetProperty("policyTaints").GetArrayLength() == 0 && !seen.TryGetProperty("cordonedAt", out _), "its taint is gone");
        Assert.Empty(agent.Log.Errors);
    }

    [Fact]
    public async Task A_member_behind_an_agent_leaves_when_its_nodes_are_uncordoned_and_an_answer_about_an_earlier_cordon_changes_nothing()
    {
        await using var site = await SiteAsync(clusters: 1, isPull: true);
        var cluster = site.Clusters.Ready.Clusters[0];
        await using var agent = await TestAgent.StartAsync(site, cluster.Name);
        await AssignAsync(site, cordon: true);
        await Eventually.Async(async () => await CordonedAsync(cluster), seen => seen.Count == 3, "every node of the cluster is cordoned");
        await agent.StopAsync();
        var leaving = (await world.Arm.DeleteAsync(site.Member(cluster.Name))).Is(202);
        var (hub, state) = agent.Speak();
        using (hub)
        {
            // The wish to uncordon, and an answer to another one.
            var work = await Eventually.Async(() => hub.WorkAsync(state.Identity()!, cursor: 0, TimeSpan.Zero, CancellationToken.None), work => work.Cordon is { Owners.Count: 0 }, "the nodes are to be uncordoned");
            await hub.ReportAsync(state.Identity()!, new() { SettledCordon = work.Cordon!.Generation - 1 }, CancellationToken.None);
            Assert.Equal(work.Cordon, (await hub.WorkAsync(state.Identity()!, cursor: 0, TimeSpan.Zero, CancellationToken.None)).Cordon! with { Owners = work.Cordon.Owners });
        }

        await agent.StartAsync();
        await site.DoneAsync(leaving);
        Assert.Empty(await CordonedAsync(cluster));
    }

    [Fact]
    public async Task Two_policies_cordon_once_and_each_lifts_its_own()
    {
        await using var site = await SiteAsync(clusters: 1);
        var cluster = site.Clusters.Ready.Clusters[0];
        await UpgradeAsync(site, cluster, "1.4.2");
        var first = await AssignAsync(site, cordon: true);
        var second = await AssignAsync(site, cordon: true);
        await Eventually.Async(async () => (await ShownAsync(site, cluster.Name)).GetProperty("properties").GetProperty("policyTaints").GetArrayLength(), count => count == 2, "each policy has a taint of its own");
        await Eventually.Async(async () => await CordonedAsync(cluster), seen => seen.Count == 3, "its nodes are cordoned");
        (await world.Arm.DeleteAsync($"{first}?api-version=2023-04-01")).Is(200);
        var left = await Eventually.Async(async () => (await ShownAsync(site, cluster.Name)).GetProperty("properties").GetProperty("policyTaints"), taints => taints.GetArrayLength() == 1, "the policy that is gone has none");
        Assert.Equal(second, left[0].GetProperty("owner").GetString(), ignoreCase: true);
        await Eventually.Async(async () => await StampAsync(cluster, (await CordonedAsync(cluster))[0]), stamp => string.Equals(stamp, second, StringComparison.OrdinalIgnoreCase), "the nodes are cordoned for the other");
        Assert.Equal(3, (await CordonedAsync(cluster)).Count);

        // Whoever leaves the fleet leaves as it came.
        await site.DoneAsync((await world.Arm.DeleteAsync(site.Member(cluster.Name))).Is(202));
        Assert.Empty(await CordonedAsync(cluster));
    }

    [Fact]
    public async Task Without_cordon_before_the_grace_period_and_when_not_enforced_a_policy_only_reports()
    {
        await using var site = await SiteAsync(clusters: 1);
        var cluster = site.Clusters.Ready.Clusters[0];
        await UpgradeAsync(site, cluster, "1.4.2");
        await AssignAsync(site, cordon: false);
        await AssignAsync(site, cordon: true, gracePeriod: 86_400);
        await AssignAsync(site, cordon: true, mode: "DoNotEnforce");
        await Eventually.Async(async () => (await StatesAsync(site, cluster.Name)).Count(state => state == "NonCompliant"), count => count == 3, "all of them report it");
        // One more that cordons: once it has, the loop has seen the others too.
        var fourth = await AssignAsync(site, cordon: true);
        var taints = await Eventually.Async(async () => (await ShownAsync(site, cluster.Name)).GetProperty("properties").GetProperty("policyTaints"), seen => seen.GetArrayLength() > 0, "the fourth cordons");
        Assert.Equal(fourth, Assert.Single(taints.EnumerateArray()).GetProperty("owner").GetString(), ignoreCase: true);
    }

    [Fact]
    public async Task A_rule_of_ones_own_audits_the_inventory()
    {
        await using var site = await SiteAsync(clusters: 1);
        var cluster = site.Clusters.Ready.Clusters[0];
        await UpgradeAsync(site, cluster, "1.10.0");
        var definition = $"{ArmHttp.SubscriptionPath}/providers/Microsoft.Authorization/policyDefinitions/d-{Guid.NewGuid():N}";
        (await world.Arm.PutAsync($"{definition}?api-version=2023-04-01", new JsonObject
        {
            ["properties"] = new JsonObject
            {
                ["mode"] = "Indexed",
                ["policyRule"] = JsonNode.Parse("""
                    {"if":{"anyOf":[
                        {"field":"Microsoft.Kubernetes/connectedClusters/inventory.nodeImages[*]","like":"AKSUbuntu-2204*"},
                        {"value":"[compareVersions(field('Microsoft.Kubernetes/connectedClusters/inventory.addOns.secrets-store-csi-driver'), '1.9.1')]","less":0}]},"then":{"effect":"audit"}}
                    """),
            },
        })).Is(201);
        var path = $"{site.Group}/providers/Microsoft.Authorization/policyAssignments/a-{Guid.NewGuid():N}";
        (await world.Arm.PutAsync($"{path}?api-version=2023-04-01", new JsonObject { ["properties"] = new JsonObject { ["policyDefinitionId"] = definition } })).Is(201);
        await StateAsync(site, cluster.Name, "NonCompliant");
        foreach (var node in await NodesAsync(cluster))
            await SendAsync(cluster, HttpMethod.Patch, $"{Nodes}/{node}", Labels("kubernetes.azure.com/node-image-version", "Mariner-3"));
        await StateAsync(site, cluster.Name, "Compliant");
    }

    [Fact]
    public async Task A_remediation_updates_exactly_the_exposed_clusters()
    {
        const string image = "AKSEdge-2204gen2containerd";
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 4, Nodes = 2, NodeImages = Shares.Parse($"{image}-202601.1.0:1,{image}-202602.1.0:1") }, isPull: cluster => cluster.Name[^1] is '1' or '3');
        await using var first = await TestAgent.StartAsync(site, site.Clusters.Ready.Clusters[0].Name);
        await using var third = await TestAgent.StartAsync(site, site.Clusters.Ready.Clusters[2].Name);
        await InsightFixture.PublishAsync(world.Plane, "CVE-2026-3001", "Critical", new JsonObject { ["nodeImage"] = $"{image}-*", ["versions"] = "<202602.1.0", ["fixedIn"] = $"{image}-202602.1.0" });
        var exposed = InsightFixture.Query($"{site.Fleet}/insights/clusters", ("$filter", "cve eq 'CVE-2026-3001'"));
        async Task<IReadOnlyList<string>> ExposedAsync() => [.. (await world.Arm.GetAsync(exposed)).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("name").GetString()!)];
        await Eventually.Async(async () => (await world.Arm.GetAsync($"{site.Fleet}/insights")).Is(200).Json.GetProperty("properties").GetProperty("total").GetProperty("clusters").GetProperty("nodes").GetInt32(), nodes => nodes == 8, "all clusters were looked at");
        var meant = await ExposedAsync();
        Assert.Equal(2, meant.Count);
        // One of them is behind an agent.
        Assert.Equal("store-0003", Assert.Single(meant, name => name is "store-0001" or "store-0003"));

        await site.DoneAsync((await world.Arm.PostAsync($"{site.Fleet}/remediate", new JsonObject { ["cve"] = "CVE-2026-3001", ["updateRunName"] = "patch" })).Is(202));
        var run = (await world.Arm.GetAsync($"{site.Fleet}/updateRuns/patch")).Is(200).Json.GetProperty("properties");
        Assert.Equal(meant, run.GetProperty("members").EnumerateArray().Select(member => member.GetString()!));
        await Eventually.Async(ExposedAsync, left => left.Count == 0, "no cluster is exposed any more");
        var again = await world.Arm.FinishAsync((await world.Arm.PostAsync($"{site.Fleet}/remediate", new JsonObject { ["cve"] = "CVE-2026-3001" })).Is(202));
        Assert.Equal("RemediationTargetUnknown", again.Json.GetProperty("error").GetProperty("code").GetString());
    }

    private Task<FleetSite> SiteAsync(int clusters, bool isPull = false) =>
        FleetSite.StartAsync(world.Plane, new() { Clusters = clusters, Nodes = 3, AddOns = new Dictionary<string, Shares>(StringComparer.Ordinal) { [Driver] = Shares.Of("1.4.2") } }, isPull: _ => isPull);

    /// <summary>The cluster runs this version of the driver from now on, and was seen to.</summary>
    private async Task UpgradeAsync(FleetSite site, FleetCluster cluster, string version)
    {
        await SendAsync(cluster, HttpMethod.Patch, $"/apis/apps/v1/namespaces/kube-system/deployments/{Driver}", Labels("app.kubernetes.io/version", version));
        await Eventually.Async(async () => (await ShownAsync(site, cluster.Name)).GetProperty("properties").GetProperty("addOns"), seen => seen.TryGetProperty(Driver, out var running) && running.GetString() == version, "the version of the driver is seen");
    }

    private static JsonObject Labels(string name, string value) => new() { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [name] = value } } };

    private static async Task<IReadOnlyList<string>> NodesAsync(FleetCluster cluster) =>
        [.. (await SendAsync(cluster, HttpMethod.Get, Nodes)).GetProperty("items").EnumerateArray().Select(node => node.GetProperty("metadata").GetProperty("name").GetString()!)];

    private async Task UserTaintAsync(FleetSite site, string name) => await site.DoneAsync((await world.Arm.PutAsync(site.Member(name), new JsonObject
    {
        ["properties"] = new JsonObject { ["clusterResourceId"] = site.Cluster(name), ["taints"] = new JsonArray(new JsonObject { ["key"] = "mine", ["value"] = "yes", ["effect"] = "NoExecute" }) },
    })).Is(200));

    private async Task<string> AssignAsync(FleetSite site, bool cordon, int gracePeriod = 0, string mode = "Default")
    {
        var path = $"{site.Group}/providers/Microsoft.Authorization/policyAssignments/a-{Guid.NewGuid():N}";
        static JsonObject Value(JsonNode value) => new() { ["value"] = value };
        (await world.Arm.PutAsync($"{path}?api-version=2023-04-01", new JsonObject
        {
            ["properties"] = new JsonObject
            {
                ["policyDefinitionId"] = $"/providers/Microsoft.Authorization/policyDefinitions/{BuiltInPolicies.RequireAddonVersion}",
                ["enforcementMode"] = mode,
                ["parameters"] = new JsonObject { ["addOn"] = Value(Driver), ["version"] = Value("1.4.8"), ["cordon"] = Value(cordon), ["gracePeriod"] = Value(gracePeriod) },
            },
        })).Is(201);
        return path;
    }

    private async Task StateAsync(FleetSite site, string name, string state) =>
        await Eventually.Async(() => StatesAsync(site, name), seen => seen.Count > 0 && seen.All(one => one == state), $"{name} is {state}");

    private async Task<IReadOnlyList<string>> StatesAsync(FleetSite site, string name) =>
        [.. (await world.Arm.PostAsync($"{site.Cluster(name)}/providers/Microsoft.PolicyInsights/policyStates/latest/queryResults?api-version=2019-10-01")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("complianceState").GetString()!)];

    private async Task<JsonElement> ShownAsync(FleetSite site, string name) =>
        (await world.Arm.GetAsync($"{site.Fleet}/insights/clusters")).Is(200).Json.GetProperty("value").EnumerateArray().Single(one => one.GetProperty("name").GetString() == name);

    private static async Task<IReadOnlyList<string>> CordonedAsync(FleetCluster cluster) =>
    [
        .. (await SendAsync(cluster, HttpMethod.Get, Nodes)).GetProperty("items").EnumerateArray().Where(node => node.GetProperty("spec").TryGetProperty("unschedulable", out var cordoned) && cordoned.GetBoolean())
            .Select(node => node.GetProperty("metadata").GetProperty("name").GetString()!).Order(StringComparer.Ordinal),
    ];

    private static async Task<string?> StampAsync(FleetCluster cluster, string node) =>
        (await SendAsync(cluster, HttpMethod.Get, $"{Nodes}/{node}")).GetProperty("metadata").TryGetProperty("annotations", out var annotations) && annotations.TryGetProperty("policy.fleet.controlplane.io/cordoned-by", out var stamp) ? stamp.GetString() : null;

    private static Task CordonAsync(FleetCluster cluster, string node, bool cordoned) => SendAsync(cluster, HttpMethod.Patch, $"{Nodes}/{node}", new JsonObject { ["spec"] = new JsonObject { ["unschedulable"] = cordoned } });

    private static async Task<JsonElement> SendAsync(FleetCluster cluster, HttpMethod method, string path, JsonObject? change = null)
    {
        using var client = new HttpClient(TestFleet.Handler(cluster.Ca));
        using var request = new HttpRequestMessage(method, cluster.Url + path);
        if (change is not null)
            request.Content = new StringContent(change.ToJsonString(), Encoding.UTF8, TestFleet.Merge);
        request.Headers.Authorization = new("Bearer", cluster.Token);
        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }
}
