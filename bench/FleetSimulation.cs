using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace ControlPlane.Bench;

/// <summary>So many simulated Kubernetes API servers, each at an address of its own, in one process.</summary>
internal sealed class FleetSimulation : IAsyncDisposable
{
    private readonly Process process;

    private readonly HttpClient control;

    private FleetSimulation(Process process, JsonElement world) =>
        (this.process, control, Clusters) = (process, new() { BaseAddress = new(world.GetProperty("control").GetString()!) }, [.. world.GetProperty("clusters").EnumerateArray()]);

    public IReadOnlyList<JsonElement> Clusters { get; }
    public int Id => process.Id;

    public static async Task<FleetSimulation> StartAsync(int clusters)
    {
        var ready = Path.Combine(Path.GetTempPath(), $"controlplane-{Environment.ProcessId}.fleet.json");
        File.Delete(ready);
        var simulators = Programs.Start("Simulators", new Dictionary<string, string>(StringComparer.Ordinal), "--clusters", $"{clusters}", "--clock", "0", "--ready-file", ready);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!File.Exists(ready))
        {
            if (simulators.HasExited)
                throw new InvalidOperationException($"The simulators ended with {simulators.ExitCode}.");
            await Task.Delay(50, limit.Token);
        }

        var world = JsonElement.Parse(await File.ReadAllTextAsync(ready));
        File.Delete(ready);
        return new(simulators, world);
    }

    /// <summary>So large a part of the clusters never answers again: neither a handshake nor a request on a connection that is there.</summary>
    public async Task SwallowAsync(double fraction)
    {
        using var answer = await control.PostAsJsonAsync("faults", new { action = "blackHole", fraction });
        answer.EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        control.Dispose();
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
