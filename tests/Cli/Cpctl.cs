using System.Diagnostics;

namespace ControlPlane.Tests.Cli;

/// <summary>Runs the command line client as its users do: as a process with a run file.</summary>
internal static class Cpctl
{
    /// <summary>The build puts it beside the tests: bin/Tests/release and bin/Cli/release.</summary>
    private static readonly string Dll = Path.GetFullPath(
        Path.Combine(AppContext.BaseDirectory, "..", "..", "Cli", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "cpctl.dll"));

    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(
        RecordingArm arm, string? input, CancellationToken cancel, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Dll, .. arguments])
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["CONTROLPLANE_RUN"] = arm.RunFile;
        using var process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input.AsMemory(), cancel);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancel);
        var errors = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        return (process.ExitCode, await output, await errors);
    }
}
