using System.Diagnostics;

namespace ControlPlane.Tests.Cli;

/// <summary>Runs the command line client as its users do: as a process with a run file.</summary>
internal static class Cpctl
{
    /// <summary>The build puts it beside the tests: bin/Tests/release and bin/Cli/release.</summary>
    private static readonly string Dll = Path.GetFullPath(
        Path.Combine(AppContext.BaseDirectory, "..", "..", "Cli", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "cpctl.dll"));

    public static Task<(int ExitCode, string Output, string Errors)> RunAsync(RecordingArm arm, string? input, CancellationToken cancel, params IEnumerable<string> arguments) =>
        RunAsync(new Dictionary<string, string> { ["CONTROLPLANE_RUN"] = arm.RunFile, ["XDG_CONFIG_HOME"] = Path.GetDirectoryName(arm.RunFile)! }, input, cancel, arguments);

    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(
        IReadOnlyDictionary<string, string> environment, string? input, CancellationToken cancel, params IEnumerable<string> arguments)
    {
        using var process = Start(environment, arguments);
        await process.StandardInput.WriteAsync(input.AsMemory(), cancel);
        process.StandardInput.Close();
        return await EndAsync(process, cancel);
    }

    /// <summary>For a test that says something while it runs.</summary>
    public static Process Start(IReadOnlyDictionary<string, string> environment, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Dll, .. arguments])
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>How it ends, and what it has said that was not read yet.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> EndAsync(Process process, CancellationToken cancel)
    {
        var output = process.StandardOutput.ReadToEndAsync(cancel);
        var errors = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        return (process.ExitCode, await output, await errors);
    }
}
