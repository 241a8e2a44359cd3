using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace ControlPlane.Bench;

/// <summary>PostgreSQL's own load generator, on the same server and database: what the bare statements cost.</summary>
internal static partial class Pgbench
{
    /// <summary>Transactions per second of <paramref name="script"/> with prepared statements.</summary>
    public static async Task<double> RunAsync(Stack stack, string script, int connections, TimeSpan time)
    {
        var file = Path.Combine(Path.GetTempPath(), $"controlplane-{Environment.ProcessId}.pgbench");
        await File.WriteAllTextAsync(file, script);
        try
        {
            var address = new NpgsqlConnectionStringBuilder(stack.Postgres);
            var output = await Shell.RunAsync(Settings.Pgbench,
                ["-h", address.Host!, "-p", $"{address.Port}", "-U", address.Username!, "-n", "-M", "prepared", "-c", $"{connections}", "-j", "2", "-T", $"{(int)time.TotalSeconds}", "-f", file, address.Database!],
                ("PGPASSWORD", address.Password!));
            return Tps().Match(output) is { Success: true } match
                ? double.Parse(match.Groups["tps"].ValueSpan, CultureInfo.InvariantCulture)
                : throw new InvalidOperationException($"pgbench said no rate:\n{output}");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"^tps = (?<tps>[\d.]+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Tps();
}

/// <summary>Other programs.</summary>
internal static class Shell
{
    /// <summary>What the program wrote to its standard output.</summary>
    /// <exception cref="InvalidOperationException">It ended with an exit code other than 0.</exception>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        // pgbench ends with 0 although every one of its clients was aborted.
        return process.ExitCode == 0 && await error is var said && !said.Contains(" aborted in command ", StringComparison.Ordinal) ? await output : throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await error}");
    }
}
