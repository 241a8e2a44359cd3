using System.Diagnostics;
using ControlPlane.Tests.Architecture;
using Xunit;

namespace ControlPlane.Tests.Contract;

/// <summary>Runs the judges that are written in JavaScript; <c>./dev test</c> installs what they need and says where in <c>TEST_NPM_CONTRACT</c>.</summary>
internal static class Node
{
    public static string Modules { get; } = Path.Combine(Environment.GetEnvironmentVariable("TEST_NPM_CONTRACT") ?? "", "node_modules");

    /// <summary>What the script printed.</summary>
    public static Task<string> RunAsync(string script, CancellationToken cancel, params IEnumerable<string> arguments) => RunAsync(script, [], cancel, arguments);

    public static async Task<string> RunAsync(string script, Dictionary<string, string> environment, CancellationToken cancel, params IEnumerable<string> arguments)
    {
        Assert.True(Directory.Exists(Modules), "TEST_NPM_CONTRACT must name the folder where tests/Contract/npm is installed; ./dev test does both.");
        var start = new ProcessStartInfo("node", [Path.Combine(Product.Root, "tests", "Contract", "npm", script), .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NODE_PATH"] = Modules;
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
        await process.WaitForExitAsync(cancel);
        Assert.True(process.ExitCode == 0, $"{script} ended with {process.ExitCode}: {await errors}{await output}");
        return await output;
    }
}
