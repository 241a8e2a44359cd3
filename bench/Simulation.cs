using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Bench;

/// <summary>Simulated servers of every make whose every delay is nought, with the cluster they join and the server of their image.</summary>
internal sealed class Simulation : IAsyncDisposable
{
    private readonly Process process;

    private Simulation(Process process, JsonElement world) => (this.process, World) = (process, world);

    /// <summary>Addresses and credentials (the simulators' ready file).</summary>
    public JsonElement World { get; }

    public int Id => process.Id;

    public static async Task<Simulation> StartAsync(int machines)
    {
        var ready = Path.Combine(Path.GetTempPath(), $"controlplane-{Environment.ProcessId}.simulators.json");
        File.Delete(ready);
        var simulators = Programs.Start("Simulators", new Dictionary<string, string>(StringComparer.Ordinal),
            "--machines", $"{machines}", "--personality", "mixed", "--clock", "0", "--ready-file", ready, "--trust-ca", Path.Combine(Settings.Tls, "ca.pem"));
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

    public string Cluster(Stack stack) => new JsonObject
    {
        ["location"] = stack.Location,
        ["properties"] = new JsonObject
        {
            ["apiServer"] = Text("cluster", "server"),
            ["caCertificate"] = Text("cluster", "caPem"),
            ["credentials"] = new JsonObject { ["token"] = Text("cluster", "token") },
        },
    }.ToJsonString();

    public string Image(Stack stack)
    {
        var image = World.GetProperty("images")[0];
        return new JsonObject
        {
            ["location"] = stack.Location,
            ["properties"] = new JsonObject
            {
                ["version"] = "24.04",
                ["url"] = image.GetProperty("url").GetString(),
                ["sha256"] = image.GetProperty("sha256").GetString(),
                ["sizeBytes"] = image.GetProperty("sizeBytes").GetInt64(),
                ["caCertificate"] = Text("bmcCaPem"),
            },
        }.ToJsonString();
    }

    /// <summary>The simulated machines from one number to another, the first being 1.</summary>
    public string Rack(Stack stack, string imageId, string clusterId, int first, int last) => new JsonObject
    {
        ["location"] = stack.Location,
        ["properties"] = new JsonObject
        {
            ["slots"] = new JsonObject { ["first"] = first, ["last"] = last },
            ["bmcEndpoint"] = $"https://127.0.0.1:{{slot+{World.GetProperty("bmcPortBase").GetInt32() - 1}}}",
            ["machineNamePattern"] = "{rack}-{slot:0000}",
            ["machine"] = new JsonObject
            {
                ["bmc"] = new JsonObject
                {
                    ["credentials"] = new JsonObject { ["userName"] = Text("userName"), ["password"] = Text("password") },
                    ["tls"] = new JsonObject { ["mode"] = "caBundle", ["caBundle"] = Text("bmcCaPem") },
                },
                ["bootMethod"] = "uefiHttp",
                ["diskLayout"] = new JsonObject { ["preserve"] = new JsonArray() },
                ["wipePolicy"] = "discard",
                ["osImageId"] = imageId,
                ["clusterId"] = clusterId,
                ["skuFamily"] = "general",
                ["allowUncertifiedHardware"] = false,
            },
        },
    }.ToJsonString();

    private string Text(params ReadOnlySpan<string> path)
    {
        var at = World;
        foreach (var name in path)
            at = at.GetProperty(name);
        return at.GetString()!;
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
