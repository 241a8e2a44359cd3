using System.Text.Json;

namespace ControlPlane.Kubernetes;

/// <summary>Asks a cluster what it is. A cluster that does not let the control plane see its nodes or add-ons is known by its version alone.</summary>
internal static class ClusterLook
{
    private const int PageSize = 500;
    private const int MostPages = 40;

    public static async Task<ObservedCluster> LookAsync(MemberApi cluster, CancellationToken stop)
    {
        var version = await cluster.GetAsync("/version", stop);
        return await LookAsync(cluster, version.TryGetProperty("gitVersion", out var given) && given.ValueKind is JsonValueKind.String ? given.GetString()! : "", stop);
    }

    /// <summary>The rest of what it is, where its version is known already.</summary>
    public static async Task<ObservedCluster> LookAsync(MemberApi cluster, string version, CancellationToken stop)
    {
        var nodes = await ListAsync(cluster, "/api/v1/nodes", stop);
        var deployments = await ListAsync(cluster, "/apis/apps/v1/namespaces/kube-system/deployments", stop);
        var daemons = await ListAsync(cluster, "/apis/apps/v1/namespaces/kube-system/daemonsets", stop);
        try
        {
            return ObservedCluster.Of(version, nodes, [.. deployments, .. daemons]);
        }
        catch (Exception failure) when (failure is InvalidOperationException or KeyNotFoundException)
        {
            throw new MemberUnreachableException($"{cluster.Server} did not answer as a Kubernetes API server does: {failure.Message}", failure);
        }
    }

    /// <summary>All of a collection, in pages.</summary>
    public static async Task<IReadOnlyList<JsonElement>> ListAsync(MemberApi cluster, string path, CancellationToken stop)
    {
        var items = new List<JsonElement>();
        var next = $"{path}?limit={PageSize}";
        try
        {
            for (var page = 0; page < MostPages; page++)
            {
                var list = await cluster.GetAsync(next, stop);
                if (list.TryGetProperty("items", out var some) && some.ValueKind is JsonValueKind.Array)
                    items.AddRange(some.EnumerateArray());
                if (!list.TryGetProperty("metadata", out var metadata) || !metadata.TryGetProperty("continue", out var more) || more.GetString() is not { Length: > 0 } token)
                    break;
                next = $"{path}?limit={PageSize}&continue={Uri.EscapeDataString(token)}";
            }
        }
        catch (MemberRefusedException refused) when (!refused.IsTransient)
        {
            return items;
        }

        return items;
    }
}
