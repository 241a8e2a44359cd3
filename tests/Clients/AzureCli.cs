using System.Text.Json;
using System.Text.RegularExpressions;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Clients;

/// <summary>The Azure command line as Debian packages it, with a configuration of its own.</summary>
internal sealed partial class AzureCli(ClientWorld world)
{
    private readonly (string Name, string Value)[] environment =
    [
        ("AZURE_CONFIG_DIR", Path.Combine(world.Folder, "azure")),
        ("AZURE_CORE_COLLECT_TELEMETRY", "0"),
        ("AZURE_CORE_OUTPUT", "json"),
        ("REQUESTS_CA_BUNDLE", world.CaFile),
    ];

    /// <summary>Knows the control plane by its address and its authority alone, and is logged in.</summary>
    public static async Task<AzureCli> SignInAsync(ClientWorld world)
    {
        var az = new AzureCli(world);
        await az.RunAsync($"cloud register -n Lab --endpoint-resource-manager {world.Endpoint}");
        await az.RunAsync("cloud set -n Lab");
        await az.RunAsync($"""login --service-principal -u {ControlPlaneFixture.ClientId} -p "{ControlPlaneFixture.ClientSecret}" --tenant {ControlPlaneFixture.Tenant}""");
        return az;
    }

    /// <summary>Runs a line as a person types it, with double quotes around what has spaces; the answer is what it printed.</summary>
    public async Task<JsonElement> RunAsync(string line) => (await StartAsync(line)).Json();

    /// <summary>A line that must fail; the answer is what it said.</summary>
    public async Task<string> RefuseAsync(string line)
    {
        var run = await StartAsync(line);
        Assert.True(run.ExitCode != 0, run.ToString());
        return run.Errors;
    }

    private Task<ClientRun> StartAsync(string line) =>
        ClientProcess.RunAsync("/usr/bin/az", Words().Matches(line).Select(word => word.Value.Replace("\"", "", StringComparison.Ordinal)), environment, world.Folder);

    [GeneratedRegex("""(?:[^\s"]|"[^"]*")+""", RegexOptions.None, 1000)]
    private static partial Regex Words();
}
