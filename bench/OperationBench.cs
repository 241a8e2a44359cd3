using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace ControlPlane.Bench;

/// <summary>From sending a PUT to reading Succeeded at the operation's address, for an operation of one step that waits for nothing.</summary>
internal static class OperationBench
{
    private const int Warmup = 50;
    private const int Count = 400;
    private const string Group = "bench-operation";

    /// <summary>How often the client looks.</summary>
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(2);

    public static async IAsyncEnumerable<Measure> RunAsync(Stack stack)
    {
        await stack.PutGroupAsync(Group);
        await stack.DrainAsync();
        var observed = new List<double>();
        for (var n = 0; n < Warmup + Count; n++)
        {
            var time = await OnceAsync(stack, $"{stack.ImagesPath(Group)}/img-{Environment.ProcessId}-{n}");
            if (n >= Warmup)
                observed.Add(time.TotalMilliseconds);
        }

        observed.Sort();
        yield return Measure.AtMost("operation.p50", Statistics.Percentile(observed, 50), "ms", 30);
        yield return Measure.AtMost("operation.p99", Statistics.Percentile(observed, 99), "ms", 150);
        var stored = await stack.ScalarAsync<double>($"""
            select percentile_cont(0.5) within group (order by extract(epoch from ended_at - started_at) * 1000) from operations
            where resource_key like lower('{stack.ImagesPath(Group)}') || '/img-{Environment.ProcessId}-%'
            """);
        yield return Measure.Fact("operation.p50-in-store", stored, "ms");
    }

    private static async Task<TimeSpan> OnceAsync(Stack stack, string path)
    {
        var begin = Stopwatch.GetTimestamp();
        using var accepted = await stack.PutAsync(path, Images.Body(stack));
        var watch = new Uri(accepted.Headers.GetValues("Azure-AsyncOperation").Single());
        while (true)
        {
            var operation = await stack.Http.GetFromJsonAsync<JsonElement>(watch);
            switch (operation.GetProperty("status").GetString())
            {
                case "Succeeded":
                    return Stopwatch.GetElapsedTime(begin);
                case "Failed" or "Canceled":
                    throw new InvalidOperationException($"The operation of {path} did not succeed: {operation}");
            }

            await Task.Delay(Poll);
        }
    }
}
