using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Fleets;
using Xunit;

namespace ControlPlane.Tests.Clients;

/// <summary>
/// The packages @azure/… as they come from npm: one script for each area, below npm/. They are installed by <c>./dev test</c>, which names their folder, and the Node.js among
/// them, in TEST_NPM_CLIENTS.
/// </summary>
[Collection(ClientSuite.Name)]
public sealed class NodeTests(ClientWorld world)
{
    [Fact]
    public async Task Subscriptions_tenants_and_locations_are_found()
    {
        var seen = await RunAsync("subscriptions.mjs");
        Assert.Equal($$"""["{{ControlPlaneFixture.Tenant}}"]""", Text(seen, "tenants"));
        Assert.Equal($$"""["{{ControlPlaneFixture.Subscription}}"]""", Text(seen, "subscriptions"));
        Assert.Equal("""{"displayName":"Default subscription","state":"Enabled"}""", Text(seen, "subscription"));
        Assert.Equal("""["westeurope","westus"]""", Text(seen, "locations"));
    }

    [Fact]
    public async Task Groups_machines_tags_and_providers_are_managed()
    {
        var seen = await RunAsync("resources.mjs", world.Write("npm-machine.json", world.Machine().ToJsonString()));
        Assert.Equal(("\"Succeeded\"", "true", "false", """{"env":"prod"}"""), (Text(seen, "group"), Text(seen, "exists"), Text(seen, "missing"), Text(seen, "updated")));
        Assert.Contains("npm-resources", Text(seen, "groups"), StringComparison.Ordinal);
        Assert.Equal(("\"Succeeded\"", """{"tier":"gold"}""", """["m1"]"""), (Text(seen, "machine"), Text(seen, "patched"), Text(seen, "listed")));
        Assert.Equal(("""{"rack":"r1"}""", """{"row":"7","rack":"r1"}""", "{}"), (Text(seen, "tags"), Text(seen, "merged"), Text(seen, "untagged")));
        Assert.Equal(("\"ResourceNotFound\"", "\"ResourceGroupNotFound\""), (Text(seen, "deleted"), Text(seen, "groupDeleted")));
        Assert.Equal("\"Registered\"", Text(seen, "registered"));
        Assert.Contains("ControlPlane.BareMetal", Text(seen, "providers"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lock_refuses_deletion_until_it_is_removed() =>
        Assert.Equal("""{"level":"CanNotDelete","locks":["keep"],"refused":"ScopeLocked"}""", (await RunAsync("locks.mjs")).GetRawText());

    [Fact]
    public async Task Roles_are_defined_and_assigned() =>
        Assert.Equal(
            $$"""{"reader":"Reader","scope":"{{ArmHttp.SubscriptionPath}}","mine":true,"twice":"RoleAssignmentExists","found":true,"deleted":"ResourceNotFound","custom":"Machine rebooter"}""",
            (await RunAsync("authorization.mjs")).GetRawText());

    [Fact]
    public async Task A_policy_denies_what_it_describes() =>
        Assert.Equal("""{"assignments":["npm-no-west"],"refused":"RequestDisallowedByPolicy"}""", (await RunAsync("policy.mjs")).GetRawText());

    [Fact]
    public async Task The_graph_is_asked() =>
        Assert.Equal($$"""{"totalRecords":1,"data":[{"subscriptionId":"{{ControlPlaneFixture.Subscription}}"}]}""", (await RunAsync("graph.mjs")).GetRawText());

    [Fact]
    public async Task A_cluster_is_connected_as_Azure_Arc_does_it() =>
        Assert.Equal(
            """{"created":["Succeeded","k3s","generic"],"found":["edge-1","Connecting"],"tags":{"site":"42"},"listed":["edge-1"],"everywhere":true,"deleted":"ResourceNotFound"}""",
            (await RunAsync("hybridkubernetes.mjs")).GetRawText());

    [Fact]
    public async Task A_template_is_validated_foreseen_deployed_and_forgotten()
    {
        var machines = new JsonArray([.. Enumerable.Range(0, 2).Select(_ => world.Machine()["properties"]!.DeepClone())]);
        var seen = await RunAsync("deployments.mjs", world.Write("npm-machines.json", machines.ToJsonString()));
        Assert.Equal(("null", """["Create","Create"]""", "\"Succeeded\""), (Text(seen, "valid"), Text(seen, "foreseen"), Text(seen, "deployed")));
        Assert.Equal($"\"{ArmHttp.SubscriptionPath}/resourceGroups/npm-deployments/providers/ControlPlane.BareMetal/bareMetalMachines/m1\"", Text(seen, "output"));
        Assert.Equal(("true", """["site"]"""), (Text(seen, "exists"), Text(seen, "listed")));
        Assert.DoesNotContain("Failed", Text(seen, "operations"), StringComparison.Ordinal);
        Assert.Equal(("\"DeploymentCannotBeCancelled\"", "\"ResourceNotFound\""), (Text(seen, "cancel"), Text(seen, "deleted")));
    }

    [Fact]
    public async Task A_fleet_is_updated_stage_by_stage()
    {
        const string image = "AKSUbuntu-2204gen2containerd-202602.10.0";
        // The control plane calls the first, the second has an agent: no client sees a difference.
        await using var site = await FleetSite.StartAsync(world.Plane, new() { Clusters = 2 }, joined: 0, isPull: cluster => cluster.Name.EndsWith('2'));
        await using var agent = await TestAgent.StartAsync(site, site.Clusters.Ready.Clusters[1].Name);
        var seen = await RunAsync("fleet.mjs", [site.Group.Split('/')[^1], image, .. site.Clusters.Ready.Clusters.Select(cluster => site.Cluster(cluster.Name))]);
        Assert.Equal(("\"Succeeded\"", """["Succeeded","Succeeded"]""", "\"first\"", "\"NotStarted\""), (Text(seen, "fleet"), Text(seen, "members"), Text(seen, "moved"), Text(seen, "written")));
        Assert.Equal(("\"string\"", """["first Completed: member-0 Completed","second Completed: member-1 Completed"]""", "\"UpdateRunCannotStart\""), (Text(seen, "started"), Text(seen, "run"), Text(seen, "again")));
        Assert.Equal(("\"string\"", "\"Stopped\"", "\"Skipped\""), (Text(seen, "stopping"), Text(seen, "stopped"), Text(seen, "wait")));
        Assert.Equal("""["first Completed: member-0 Completed","second Completed: member-1 Completed"]""", Text(seen, "ended"));
        Assert.Equal("""{"fleets":["npm"],"members":["member-0","member-1"],"strategies":["safe"],"runs":["patch","waits"]}""", Text(seen, "listed"));
        Assert.Equal(("\"ResourceNotFound\"", "\"ResourceNotFound\""), (Text(seen, "gone"), Text(seen, "deleted")));
    }

    private async Task<JsonElement> RunAsync(string script, params string[] arguments)
    {
        var packages = Environment.GetEnvironmentVariable("TEST_NPM_CLIENTS")
            ?? throw new InvalidOperationException("TEST_NPM_CLIENTS is not set to the folder where `npm ci` ran with tests/Clients/npm/package.json. `./dev test` sets it.");
        var environment = new[]
        {
            ("NODE_EXTRA_CA_CERTS", world.CaFile), ("ENDPOINT", world.Endpoint), ("TENANT", ControlPlaneFixture.Tenant), ("CLIENT_ID", ControlPlaneFixture.ClientId),
            ("CLIENT_SECRET", ControlPlaneFixture.ClientSecret), ("SUBSCRIPTION", ControlPlaneFixture.Subscription),
        };
        var modules = Path.Combine(packages, "node_modules");
        // The newest packages want a newer Node.js than Debian has, so it is one of the packages; older versions of npm do not link it into .bin.
        var node = Path.Combine(Assert.Single(Directory.GetDirectories(modules, "node-linux-*")), "bin", "node");
        var scripts = PlaceScripts(modules);
        return (await ClientProcess.RunAsync(node, [Path.Combine(scripts, script), .. arguments], environment, world.Folder)).Json();
    }

    /// <summary>Node.js looks for packages beside a script, so the scripts are put where the packages seem to be.</summary>
    private string PlaceScripts(string packages, [CallerFilePath] string here = "")
    {
        var folder = Path.Combine(world.Folder, "npm");
        if (Directory.Exists(folder))
            return folder;
        Directory.CreateDirectory(folder);
        Directory.CreateSymbolicLink(Path.Combine(folder, "node_modules"), packages);
        foreach (var script in Directory.EnumerateFiles(Path.Combine(Path.GetDirectoryName(here)!, "npm"), "*.mjs"))
            File.Copy(script, Path.Combine(folder, Path.GetFileName(script)));
        return folder;
    }

    private static string Text(JsonElement answer, string name) => answer.GetProperty(name).GetRawText();
}
