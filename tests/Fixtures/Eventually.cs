using System.Diagnostics;
using Xunit;

namespace ControlPlane.Tests.Fixtures;

/// <summary>The one way in which a test waits: for a condition, looked at again and again, with what was last seen in the failure.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(20);

    /// <summary>The first value that satisfies <paramref name="condition"/>.</summary>
    public static async Task<T> Async<T>(Func<Task<T>> look, Func<T, bool> condition, string description, TimeSpan? timeout = null)
    {
        var (started, patience) = (Stopwatch.GetTimestamp(), timeout ?? Patience);
        using var tick = new PeriodicTimer(Period);
        while (true)
        {
            var seen = await look();
            if (condition(seen))
                return seen;
            if (Stopwatch.GetElapsedTime(started) > patience)
                Assert.Fail($"Not within {patience.TotalSeconds:0.#} s: {description}. Last seen: {seen}");
            await tick.WaitForNextTickAsync();
        }
    }

    public static Task Async(Func<Task<bool>> condition, string description, TimeSpan? timeout = null) => Async(condition, holds => holds, description, timeout);

    public static Task Async(Func<bool> condition, string description, TimeSpan? timeout = null) => Async(() => Task.FromResult(condition()), holds => holds, description, timeout);
}
