using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Fleets;
using ControlPlane.Tests.Simulators.Fleet;
using Xunit;

namespace ControlPlane.Tests.Clusters;

/// <summary>One control plane that looks at its clusters often and soon believes them lost.</summary>
public sealed class ClusterWorld : IAsyncLifetime
{
    private ControlPlaneFixture? plane;

    internal ControlPlaneFixture Plane => plane!;

    public async ValueTask InitializeAsync() => plane = await ControlPlaneFixture.StartAsync(("Clusters:LookEvery", "00:00:00.5"), ("Clusters:OfflineAfter", "00:00:06"));

    public async ValueTask DisposeAsync()
    {
        if (plane is not null)
            await plane.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class ClusterSuite : ICollectionFixture<ClusterWorld>
{
    public const string Name = "Clusters";
}

/// <summary>What tests about clusters look at.</summary>
internal static class ClusterSeen
{
    /// <summary>The properties of a resource, once they are as they should be.</summary>
    public static Task<JsonElement> PropertiesAsync(this FleetSite site, string path, Func<JsonElement, bool> condition, string description) =>
        Eventually.Async(async () => (await site.Arm.GetAsync(path)).Is(200).Json.GetProperty("properties"), condition, description, TimeSpan.FromSeconds(60));

    /// <summary>Changes an object in a cluster, as somebody with kubectl would.</summary>
    public static async Task ChangeAsync(this FleetSite site, string cluster, string path, JsonObject patch)
    {
        var known = site.Clusters.Ready.Clusters.Single(one => one.Name == cluster);
        using var http = new HttpClient(TestFleet.Handler(known.Ca));
        using var request = new HttpRequestMessage(HttpMethod.Patch, known.Url + path) { Content = new StringContent(patch.ToJsonString(), MediaTypeHeaderValue.Parse(TestFleet.Merge)) };
        request.Headers.Authorization = new("Bearer", known.Token);
        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        answer.EnsureSuccessStatusCode();
    }

    public static string? Text(this JsonElement properties, string name) => properties.TryGetProperty(name, out var value) ? value.ToString() : null;
}
