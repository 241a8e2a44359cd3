using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Clients;

/// <summary>docs/rest.md is followed to the letter: its commands run in one shell, and what they print is what the page says.</summary>
[Collection(ClientSuite.Name)]
public sealed partial class WalkthroughTests(ClientWorld world)
{
    [Fact]
    public async Task Every_command_of_the_REST_page_prints_what_the_page_says()
    {
        var page = await File.ReadAllTextAsync(Page());
        var blocks = Blocks().Matches(page).Select(block => (Commands: block.Groups["commands"].Value, Prints: block.Groups["prints"].Value)).ToList();
        Assert.True(blocks.Count > 8, $"{blocks.Count} blocks of commands were found.");

        var script = new StringBuilder("set -euo pipefail\n");
        foreach (var (commands, _) in blocks)
            script.Append(commands).Append("printf '\\f'\n");
        var file = world.Write("rest.sh", script.ToString());
        var run = await ClientProcess.RunAsync("/bin/bash", [file], [("CONTROLPLANE_RUN", RunFile()), ("MACHINE", world.ReadyFile())], world.Folder);

        var printed = run.Output.Split('\f');
        foreach (var ((commands, prints), actual) in blocks.Zip(printed))
            Assert.True(prints == actual, $"The page says:\n{prints}\nbut it prints:\n{actual}\nby:\n{commands}\n{run.Errors}");
        Assert.True(run.ExitCode == 0 && run.Errors.Length == 0, run.ToString());
    }

    /// <summary>As <c>./dev up</c> writes it.</summary>
    private string RunFile() => world.Write("run.json", JsonSerializer.Serialize(new
    {
        endpoint = world.Endpoint, caFile = world.CaFile, tenantId = ControlPlaneFixture.Tenant, clientId = ControlPlaneFixture.ClientId, clientSecret = ControlPlaneFixture.ClientSecret,
        subscriptionId = ControlPlaneFixture.Subscription,
    }));

    private static string Page([CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "docs", "rest.md");

    /// <summary>Commands, and right below them what they print, if anything.</summary>
    [GeneratedRegex("""^```bash\n(?<commands>.*?)^```\n(?:```text\n(?<prints>.*?)^```\n)?""", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Blocks();
}
