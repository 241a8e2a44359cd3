using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace ControlPlane.Tests.Clients;

/// <summary>A client that is a program: run to its end with an environment of its own.</summary>
internal static class ClientProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public static async Task<ClientRun> RunAsync(string file, IEnumerable<string> arguments, IEnumerable<(string Name, string Value)> environment, string folder)
    {
        var start = new ProcessStartInfo(file, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = folder };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var patience = new CancellationTokenSource(Patience);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(CancellationToken.None), process.StandardError.ReadToEndAsync(CancellationToken.None));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{Path.GetFileName(file)} {string.Join(' ', arguments)} did not end within {Patience}:\n{await output}\n{await errors}");
        }

        return new($"{Path.GetFileName(file)} {string.Join(' ', arguments)}", process.ExitCode, await output, await errors);
    }
}

/// <summary>How a client ended; as text it is what a failed assertion shows.</summary>
internal sealed record ClientRun(string Command, int ExitCode, string Output, string Errors)
{
    /// <summary>What it printed, of a client that succeeded; undefined when that is nothing.</summary>
    public JsonElement Json()
    {
        Assert.True(ExitCode == 0, ToString());
        return string.IsNullOrWhiteSpace(Output) ? default : JsonSerializer.Deserialize<JsonElement>(Output);
    }

    public override string ToString() => $"{Command} -> {ExitCode}\n{Output}\n{Errors}";
}
