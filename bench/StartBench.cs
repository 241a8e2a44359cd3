using System.Diagnostics;

namespace ControlPlane.Bench;

/// <summary><c>./dev up</c> on a machine where everything is built and installed, and what the idle host holds.</summary>
internal static class StartBench
{
    public static async IAsyncEnumerable<Measure> RunAsync(Stack stack)
    {
        yield return Measure.AtMost("up", await UpAsync(), "s", 10);

        using var again = await Stack.OpenAsync();
        await Task.Delay(TimeSpan.FromSeconds(10));
        yield return Measure.AtMost("host.idle", Proc.ResidentMegabytes(again.Process("host")!.Value), "MB", 350);
    }

    /// <summary>Seconds from typing the command to a control plane that says it is ready, database server included.</summary>
    private static async Task<double> UpAsync()
    {
        await Shell.RunAsync(Settings.Dev, ["down"]);
        var watch = Stopwatch.StartNew();
        await Shell.RunAsync(Settings.Dev, ["up"]);
        return watch.Elapsed.TotalSeconds;
    }
}
