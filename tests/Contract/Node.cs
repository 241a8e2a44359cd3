using System.Diagnostics;
using ControlPlane.Tests.Architecture;
using Xunit;

namespace ControlPlane.Tests.Contract;

/// <summary>Runs the judges that are written in JavaScript; <c>./dev test</c> installs what they need into <c>.local/contract-npm</c>.</summary>
internal static class Node
{
    public static string Modules { get; } = Path.Combine(Product.Root, ".local", "contract-npm", "node_modules");

    /// <summary>What the script printed.</summary>
    public static async Task<string> RunAsync(string script, CancellationToken cancel, params IEnumerable<string> arguments)
    {
        Assert.True(Directory.Exists(Modules), $"There is no {Modules}: run ./dev test, which installs tests/Contract/npm.");
        var start = new ProcessStartInfo("node", [Path.Combine(Product.Root, "tests", "Contract", "npm", script), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NODE_PATH"] = Modules;
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
        await process.WaitForExitAsync(cancel);
        Assert.True(process.ExitCode == 0, $"{script} ended with {process.ExitCode}: {await errors}");
        return await output;
    }
}
