using System.Text.Json;

namespace ControlPlane.Kubernetes;

/// <summary>Asks a cluster what it is, over whichever connection there is. A cluster that does not let the control plane see its nodes or add-ons is known by its version alone.</summary>
internal static class ClusterLook
{
    private const int PageSize = 500;
    private const int MostPages = 40;

    /// <summary>What is at a path of the API server; null when there is nothing, or it is not to be seen.</summary>
    public delegate Task<JsonElement?> Get(string path, CancellationToken stop);

    /// <exception cref="FormatException">It does not answer as an API server does.</exception>
    public static async Task<ObservedCluster> LookAsync(Get get, CancellationToken stop)
    {
        var version = await get("/version", stop);
        return await LookAsync(get, version is { } given && given.TryGetProperty("gitVersion", out var text) && text.ValueKind is JsonValueKind.String ? text.GetString()! : "", stop);
    }

    /// <summary>The rest of what it is, where its version is known already.</summary>
    public static async Task<ObservedCluster> LookAsync(Get get, string version, CancellationToken stop)
    {
        var nodes = await ListAsync(get, "/api/v1/nodes", stop);
        var deployments = await ListAsync(get, "/apis/apps/v1/namespaces/kube-system/deployments", stop);
        var daemons = await ListAsync(get, "/apis/apps/v1/namespaces/kube-system/daemonsets", stop);
        try
        {
            return ObservedCluster.Of(version, nodes, [.. deployments, .. daemons]);
        }
        catch (Exception failure) when (failure is InvalidOperationException or KeyNotFoundException)
        {
            throw new FormatException($"It did not answer as a Kubernetes API server does: {failure.Message}", failure);
        }
    }

    /// <summary>All of a collection, in pages.</summary>
    private static async Task<IReadOnlyList<JsonElement>> ListAsync(Get get, string path, CancellationToken stop)
    {
        var items = new List<JsonElement>();
        var next = $"{path}?limit={PageSize}";
        for (var page = 0; page < MostPages && await get(next, stop) is { ValueKind: JsonValueKind.Object } list; page++)
        {
            if (list.TryGetProperty("items", out var some) && some.ValueKind is JsonValueKind.Array)
                items.AddRange(some.EnumerateArray());
            if (!list.TryGetProperty("metadata", out var metadata) || !metadata.TryGetProperty("continue", out var more) || more.GetString() is not { Length: > 0 } token)
                break;
            next = $"{path}?limit={PageSize}&continue={Uri.EscapeDataString(token)}";
        }

        return items;
    }
}
