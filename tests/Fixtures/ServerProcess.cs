using System.Collections.Concurrent;
using System.Diagnostics;

namespace ControlPlane.Tests.Fixtures;

/// <summary>A process that a test started: its last output for the failure message, and the signals that harm it.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const int RememberedLines = 300;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    private readonly Process process;
    private readonly ConcurrentQueue<string> output = new();

    private bool disposed;

    private ServerProcess(string name, Process process) => (Name, this.process) = (name, process);

    public string Name { get; }
    public int Id { get; private set; }
    public bool IsRunning => !disposed && !process.HasExited;

    /// <summary>What it wrote last, oldest first.</summary>
    public string Output => string.Join('\n', output);

    public static ServerProcess Start(string name, string file, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string>> environment)
    {
        var start = new ProcessStartInfo(file, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = Path.GetTempPath() };
        foreach (var (variable, value) in environment)
            start.Environment[variable] = value;
        var server = new ServerProcess(name, new Process { StartInfo = start });
        server.process.OutputDataReceived += (_, line) => server.Note(line.Data);
        server.process.ErrorDataReceived += (_, line) => server.Note(line.Data);
        server.process.Start();
        server.Id = server.process.Id;
        server.process.BeginOutputReadLine();
        server.process.BeginErrorReadLine();
        return server;
    }

    /// <summary>SIGKILL: it gets no chance to say goodbye.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGSTOP: it stands still until <see cref="ResumeAsync"/>, and knows nothing of it.</summary>
    public Task PauseAsync() => SignalAsync("STOP");

    /// <summary>SIGCONT.</summary>
    public Task ResumeAsync() => SignalAsync("CONT");

    /// <summary>SIGTERM, and SIGKILL when that is not enough.</summary>
    public async Task StopAsync()
    {
        if (!IsRunning)
            return;
        await ResumeAsync();
        await SignalAsync("TERM");
        using var grace = new CancellationTokenSource(Grace);
        try
        {
            await process.WaitForExitAsync(grace.Token);
        }
        catch (OperationCanceledException)
        {
            await KillAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
            await KillAsync();
        disposed = true;
        process.Dispose();
    }

    public override string ToString() => $"{Name} ({Id})\n{Output}";

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", Id.ToString()]);
        await kill.WaitForExitAsync();
    }

    private void Note(string? line)
    {
        if (line is null)
            return;
        output.Enqueue(line);
        if (output.Count > RememberedLines)
            output.TryDequeue(out _);
    }
}
