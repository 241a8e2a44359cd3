using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using ControlPlane.Simulators.Fleet;
using Xunit;

namespace ControlPlane.Tests.Simulators.Fleet;

/// <summary>A fleet of the size that a retailer has. The numbers are printed, with the client in the same process; only the results are asserted.</summary>
public sealed class ScaleTests
{
    private const int Clusters = 2500;
    private const int Objects = 5;

    /// <summary>Open handshakes at a time: ungated, they starve each other.</summary>
    private const int Handshakes = 32;

    [Fact]
    public async Task Twenty_five_hundred_clusters_are_written_to_over_connections_of_their_own()
    {
        await using var fleet = await TestFleet.StartAsync(new FleetOptions { Clusters = Clusters });
        var before = Environment.WorkingSet;
        var cold = await MeasureAsync(fleet, round: 0, Handshakes);
        Report("cold: handshake, namespace and install included", cold, Clusters * (Objects + 1));
        for (var round = 1; round <= 2; round++) Report($"warm round {round}", await MeasureAsync(fleet, round, 64), Clusters * Objects);
        TestContext.Current.TestOutputHelper?.WriteLine($"memory: {(Environment.WorkingSet - before) >> 20} MB more for {Clusters} clusters with {Objects} objects each, both ends of {Clusters} TLS connections included");

        Assert.All(fleet.Simulated.Clusters, cluster => Assert.Equal(3 * Objects, cluster.Tally.Writes.Where(write => write.Key.Contains("/deployments/", StringComparison.Ordinal)).Sum(write => write.Value.Changes)));
    }

    private static void Report(string what, (TimeSpan Wall, TimeSpan Cpu) measured, int requests) => TestContext.Current.TestOutputHelper?.WriteLine(
        $"{what}: {requests} server-side applies in {measured.Wall.TotalSeconds:0.00} s, {requests / measured.Wall.TotalSeconds:0} a second, {measured.Cpu.TotalSeconds:0.00} CPU-s of client and server together");

    private static async Task<(TimeSpan Wall, TimeSpan Cpu)> MeasureAsync(TestFleet fleet, int round, int parallel)
    {
        var bodies = Enumerable.Range(0, Objects).Select(number => Encoding.UTF8.GetBytes(Manifests.Deployment($"web-{number}", $"registry.example/web:{round}.0").ToJsonString())).ToArray();
        var (started, cpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        var failures = new ConcurrentQueue<string>();
        await Parallel.ForAsync(0, Clusters, new ParallelOptions { MaxDegreeOfParallelism = parallel, CancellationToken = TestContext.Current.CancellationToken }, async (index, cancel) =>
        {
            if (round == 0) await SendAsync(index, "/api/v1/namespaces/shop", Encoding.UTF8.GetBytes(Manifests.Namespace("shop").ToJsonString()), cancel);
            for (var number = 0; number < Objects; number++) await SendAsync(index, $"/apis/apps/v1/namespaces/shop/deployments/web-{number}", bodies[number], cancel);
        });
        Assert.True(failures.IsEmpty, string.Join('\n', failures.Take(5)));
        return (Stopwatch.GetElapsedTime(started), Environment.CpuUsage.TotalTime - cpu);

        async Task SendAsync(int index, string path, byte[] body, CancellationToken cancel)
        {
            var cluster = fleet.Cluster(index);
            using var request = new HttpRequestMessage(HttpMethod.Patch, $"{cluster.Url}{path}?fieldManager=fleet");
            request.Headers.Authorization = new("Bearer", cluster.Token);
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(TestFleet.Apply) } };
            using var response = await fleet.Http.SendAsync(request, cancel);
            if (!response.IsSuccessStatusCode) failures.Enqueue($"{request.RequestUri}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancel)}");
        }
    }
}
