using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>A control plane that looks at its fleets and policies several times a second.</summary>
public sealed class InsightFixture : IAsyncLifetime
{
    public const string OldImage = "AKSUbuntu-2204gen2containerd-202601.1.0";
    public const string NewImage = "AKSUbuntu-2204gen2containerd-202602.1.0";
    private static int count;
    private ControlPlaneFixture? plane;

    internal ControlPlaneFixture Plane => plane!;
    internal ArmHttp Arm => Plane.Arm;

    public async ValueTask InitializeAsync() =>
        plane = await ControlPlaneFixture.StartAsync(("Fleets:InsightSweep", "00:00:00.5"), ("Fleets:ComplianceSweep", "00:00:00.2"), ("Policy:Sweep", "00:00:00.2"), ("Metering:NodeSweep", "00:00:00.5"), ("Clusters:LookEvery", "00:00:01"));

    public async ValueTask DisposeAsync() => await Plane.DisposeAsync();

    /// <summary>A fleet of its own in a group of its own; the answer is its path.</summary>
    internal static async Task<string> FleetAsync(ControlPlaneFixture plane)
    {
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/insight-{Interlocked.Increment(ref count)}";
        (await plane.Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        var fleet = $"{group}/providers/Microsoft.ContainerService/fleets/stores";
        Assert.Equal("Succeeded", (await plane.Arm.FinishAsync((await plane.Arm.PutAsync(fleet, new JsonObject { ["location"] = "westeurope" })).Is(201))).OperationStatus);
        return fleet;
    }

    /// <summary>
    /// Clusters 1 to <paramref name="clusters"/>, as they are once an agent has joined and reported them: each fourth in southeastasia, each fifth with one of its four nodes on the old image, each tenth with an
    /// old driver, each seventh offline, odd ones of the tier gold.
    /// </summary>
    internal static async Task PlantAsync(ControlPlaneFixture plane, string fleet, int clusters)
    {
        var group = fleet[..fleet.IndexOf("/providers/", StringComparison.Ordinal)];
        const string envelope = "version, refs, tags, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type";
        const string same = "1, '{}', '{}', now(), 'test', 'User', now(), 'test', 'User'";
        await plane.Database.ExecuteAsync($$"""
            insert into resources (key, id, parent_key, type, name, subscription, resource_group, location, properties, status, state, {{envelope}})
            select lower($1 || '/providers/Microsoft.Kubernetes/connectedClusters/' || name), $1 || '/providers/Microsoft.Kubernetes/connectedClusters/' || name, lower($1), 'Microsoft.Kubernetes/connectedClusters', name,
                split_part(lower($1), '/', 3), split_part(lower($1), '/', 5), case when n % 4 = 0 then 'southeastasia' else 'westeurope' end, '{"access":"Pull"}',
                jsonb_build_object('connectivityStatus', case when n % 7 = 0 then 'Offline' else 'Connected' end), 'Succeeded', {{same}}
            from (select n, 'c' || lpad(n::text, 5, '0') as name from generate_series(1, $2) n) planted
            """, group, clusters);
        await plane.Database.ExecuteAsync($$"""
            insert into resources (key, id, parent_key, type, name, subscription, resource_group, location, properties, status, state, {{envelope}})
            select lower($1 || '/members/' || name), $1 || '/members/' || name, lower($1), 'Microsoft.ContainerService/fleets/members', name, split_part(lower($1), '/', 3), split_part(lower($1), '/', 5), null,
                jsonb_build_object('clusterResourceId', $2 || '/providers/Microsoft.Kubernetes/connectedClusters/' || name), '{}', 'Succeeded', {{same}}
            from (select n, 'c' || lpad(n::text, 5, '0') as name from generate_series(1, $3) n) planted
            """, fleet, group, clusters);
        await plane.Database.ExecuteAsync("""
            insert into fleet_members (resource_key, fleet_key, cluster_key, name, labels, properties, taints, is_pull, is_leaving)
            select lower($1 || '/members/' || name), lower($1), lower($2 || '/providers/Microsoft.Kubernetes/connectedClusters/' || name), name,
                jsonb_build_object('tier', case when n % 2 = 1 then 'gold' else 'silver' end, 'region', 'label-' || n % 2), '{}', '[]', true, false
            from (select n, 'c' || lpad(n::text, 5, '0') as name from generate_series(1, $3) n) planted
            """, fleet, group, clusters);
        await plane.Database.ExecuteAsync("""
            insert into cluster_inventories (cluster_key, last_seen, inventory_at, kubernetes_version, distribution, node_count, ready_node_count, core_count, memory_bytes, allocatable_milli_cpu, allocatable_memory_bytes, attempts, node_images, add_ons, agent_epoch)
            select lower($1 || '/providers/Microsoft.Kubernetes/connectedClusters/' || name), now(), now(), case when n % 3 = 0 then 'v1.31.9' else 'v1.32.6' end, 'k3s', 4, 4, 16, 68719476736, 16000, 68719476736, 0,
                case when n % 5 = 0 then jsonb_build_object($3::text, 1, $4::text, 3) else jsonb_build_object($4::text, 4) end,
                jsonb_build_object('coredns', '1.11.3', 'secrets-store-csi-driver', case when n % 10 = 0 then '1.4.2' else '1.4.8' end), 0
            from (select n, 'c' || lpad(n::text, 5, '0') as name from generate_series(1, $2) n) planted
            """, group, clusters, OldImage, NewImage);
    }

    /// <summary>Puts a vulnerability into the catalogue.</summary>
    internal static async Task PublishAsync(ControlPlaneFixture plane, string cve, string severity, params JsonObject[] affects)
    {
        var answer = await plane.Arm.PutAsync($"/providers/ControlPlane.Fleet/vulnerabilities/{cve}", new JsonObject { ["properties"] = new JsonObject { ["severity"] = severity, ["affects"] = new JsonArray([.. affects]) } });
        Assert.True(answer.Status is 200 or 201, answer.ToString());
    }

    internal static string Query(string path, params (string Name, string Value)[] query) => $"{path}?{string.Join('&', query.Select(one => $"{Uri.EscapeDataString(one.Name)}={Uri.EscapeDataString(one.Value)}"))}";
}

/// <summary>One world for the suite.</summary>
[CollectionDefinition(Name)]
public sealed class InsightSuite : ICollectionFixture<InsightFixture>
{
    public const string Name = "Insight";
}
