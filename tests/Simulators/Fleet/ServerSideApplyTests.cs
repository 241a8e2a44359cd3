using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using Xunit;

namespace ControlPlane.Tests.Simulators.Fleet;

/// <summary>Server-side apply as an API server does it: owners of fields, conflicts, and what becomes of a field that its owner drops.</summary>
public sealed class ServerSideApplyTests
{
    [Fact]
    public async Task Applying_twice_changes_nothing_and_keeps_the_resource_version()
    {
        await using var fleet = await ShopAsync();
        var first = await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment());
        Assert.Equal(201, first.Status);
        var settled = await fleet.SendAsync("GET", Manifests.Web);
        var again = await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment());
        Assert.Equal((200, Version(settled)), (again.Status, Version(again)));
        Assert.Equal(1, again.Body["metadata"]!["generation"]!.GetValue<int>());
        Assert.Equal("tests Apply", Assert.Single(Owners(again)));
    }

    [Fact]
    public async Task A_field_of_another_manager_is_a_conflict_unless_forced()
    {
        await using var fleet = await ShopAsync();
        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(), "fleet");
        var refused = await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(replicas: 5), "autoscaler");
        Assert.Equal((409, "Conflict"), (refused.Status, refused.Reason));
        var cause = Assert.Single(refused.Body["details"]!["causes"]!.AsArray());
        Assert.Equal("FieldManagerConflict .spec.replicas conflict with \"fleet\"", $"{cause!["reason"]} {cause["field"]} {cause["message"]}");

        var forced = await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(replicas: 5), "autoscaler", force: true);
        Assert.Equal((200, 5, 2), (forced.Status, forced.Body["spec"]!["replicas"]!.GetValue<int>(), forced.Body["metadata"]!["generation"]!.GetValue<int>()));
        var back = await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(), "fleet");
        Assert.Equal(409, back.Status);
    }

    [Fact]
    public async Task Two_managers_share_a_field_as_long_as_they_agree()
    {
        await using var fleet = await ShopAsync();
        const string path = "/api/v1/namespaces/shop/configmaps/prices";
        await fleet.ApplyAsync(path, Manifests.ConfigMap("prices", ("bread", "2"), ("milk", "1")), "fleet");
        Assert.Equal(200, (await fleet.ApplyAsync(path, Manifests.ConfigMap("prices", ("bread", "2")), "manager")).Status);

        // The fleet drops both: bread stays, because somebody else wants it as well.
        var dropped = await fleet.ApplyAsync(path, Manifests.ConfigMap("prices"), "fleet");
        Assert.Equal(["bread"], (dropped.Body["data"] as JsonObject)!.Select(pair => pair.Key));
        var gone = await fleet.ApplyAsync(path, Manifests.ConfigMap("prices"), "manager");
        Assert.Null(gone.Body["data"]);

        // An empty map is not shown, and who owns it owns nothing in it.
        var empty = Manifests.ConfigMap("prices");
        empty["data"] = new JsonObject();
        Assert.Null((await fleet.ApplyAsync(path, empty, "fleet")).Body["data"]);
        Assert.Equal(200, (await fleet.ApplyAsync(path, Manifests.ConfigMap("prices", ("bread", "4")), "manager")).Status);
    }

    [Fact]
    public async Task Items_of_keyed_lists_have_owners_of_their_own()
    {
        await using var fleet = await ShopAsync();
        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(), "fleet");
        var sidecar = JsonNode.Parse("""{"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"mesh","image":"registry.example/mesh:1"}]}}}}""")!.AsObject();
        var joined = await fleet.ApplyAsync(Manifests.Web, sidecar, "mesh");
        Assert.Equal(["web", "mesh"], Containers(joined));

        var changed = Manifests.Deployment(image: "registry.example/web:2.0");
        (changed["spec"]!["template"]!["spec"]!["containers"]![0] as JsonObject)!.Remove("env");
        var applied = await fleet.ApplyAsync(Manifests.Web, changed, "fleet");
        Assert.Equal(["web", "mesh"], Containers(applied));
        var web = applied.Body["spec"]!["template"]!["spec"]!["containers"]![0]!;
        Assert.Equal("registry.example/web:2.0", web["image"]!.GetValue<string>());
        Assert.Null(web["env"]);
        Assert.Equal("TCP", web["ports"]![0]!["protocol"]!.GetValue<string>());

        sidecar["spec"] = new JsonObject();
        Assert.Equal(["web"], Containers(await fleet.ApplyAsync(Manifests.Web, sidecar, "mesh")));
    }

    [Fact]
    public async Task Taints_are_owned_as_a_whole_as_the_API_declares_them()
    {
        await using var fleet = await TestFleet.StartAsync();
        const string path = "/api/v1/nodes/nodepool1-000000";
        static JsonObject Taint(string key) => new()
        {
            ["apiVersion"] = "v1", ["kind"] = "Node", ["spec"] = new JsonObject { ["taints"] = new JsonArray(new JsonObject { ["key"] = key, ["effect"] = "NoSchedule" }) },
        };
        Assert.Equal(200, (await fleet.ApplyAsync(path, Taint("policy.example/noncompliant"), "policy")).Status);
        var refused = await fleet.ApplyAsync(path, Taint("maintenance.example"), "maintenance");
        Assert.Equal((409, ".spec.taints"), (refused.Status, refused.Body["details"]!["causes"]![0]!["field"]!.GetValue<string>()));
        var lifted = await fleet.ApplyAsync(path, JsonNode.Parse("""{"apiVersion":"v1","kind":"Node"}""")!.AsObject(), "policy");
        Assert.Null(lifted.Body["spec"]!["taints"]);
    }

    [Fact]
    public async Task What_somebody_patches_is_his_and_the_applier_hears_of_it()
    {
        await using var fleet = await ShopAsync();
        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(), "fleet");
        var edited = await fleet.SendAsync("PATCH", Manifests.Web + "?fieldManager=kubectl-edit", JsonNode.Parse("""{"spec":{"replicas":9}}"""), TestFleet.Merge);
        Assert.Equal(["fleet Apply", "kubectl-edit Update"], Owners(edited));
        var refused = await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(), "fleet");
        Assert.Equal("Apply failed with 1 conflict: conflict with \"kubectl-edit\" using apps/v1: .spec.replicas", refused.Body.Text("message"));
    }

    [Fact]
    public async Task A_dry_run_answers_what_would_be_and_stores_nothing()
    {
        await using var fleet = await ShopAsync();
        var would = await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(), more: "&dryRun=All");
        Assert.Equal((201, 600), (would.Status, would.Body["spec"]!["progressDeadlineSeconds"]!.GetValue<int>()));
        Assert.Equal(404, (await fleet.SendAsync("GET", Manifests.Web)).Status);
        await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment());
        Assert.Equal(2, (await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(replicas: 4), more: "&dryRun=All")).Body["metadata"]!["generation"]!.GetValue<int>());
        Assert.Equal(5, (await fleet.SendAsync("PATCH", Manifests.Web + "/scale?fieldManager=hpa&dryRun=All", JsonNode.Parse("""{"spec":{"replicas":5}}"""), TestFleet.Merge)).Body["spec"]!["replicas"]!.GetValue<int>());
        var before = (await fleet.SendAsync("GET", Manifests.Web)).Body;
        Assert.Equal(3, before["spec"]!["replicas"]!.GetValue<int>());
        // What would change nothing answers the object as it is, whoever asks, but for who would own it.
        var same = (await fleet.ApplyAsync(Manifests.Web, Manifests.Deployment(), "another", more: "&force=true&dryRun=All")).Body;
        foreach (var one in new[] { before, same })
            one["metadata"]!.AsObject().Remove("managedFields");
        Assert.True(JsonNode.DeepEquals(before, same), $"{before}\n{same}");
    }

    [Fact]
    public async Task Without_a_field_manager_nothing_is_applied()
    {
        await using var fleet = await ShopAsync();
        Assert.Equal(422, (await fleet.SendAsync("PATCH", Manifests.Web, Manifests.Deployment(), TestFleet.Apply)).Status);
        Assert.Equal(415, (await fleet.SendAsync("PATCH", "/api/v1/namespaces/shop?fieldManager=x", Manifests.Namespace("shop"), "text/plain")).Status);
        var invalid = Manifests.Deployment();
        invalid["spec"]!["selector"]!["matchLabels"]!["app"] = "other";
        var refused = await fleet.ApplyAsync(Manifests.Web, invalid);
        Assert.Equal((422, "Invalid", "spec.template.metadata.labels"), (refused.Status, refused.Reason, refused.Body["details"]!["causes"]![0]!["field"]!.GetValue<string>()));
    }

    private static async Task<TestFleet> ShopAsync()
    {
        var fleet = await TestFleet.StartAsync();
        await fleet.NamespaceAsync("shop");
        return fleet;
    }

    private static string? Version(ClusterAnswer answer) => (answer.Body["metadata"] as JsonObject).Text("resourceVersion");

    private static string[] Owners(ClusterAnswer answer) => [.. answer.Body["metadata"]!["managedFields"]!.AsArray().Select(entry => $"{entry!["manager"]} {entry["operation"]}")];

    private static string[] Containers(ClusterAnswer answer) => [.. answer.Body["spec"]!["template"]!["spec"]!["containers"]!.AsArray().Select(container => container!["name"]!.GetValue<string>())];
}
