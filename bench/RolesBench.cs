using System.Diagnostics;
using ControlPlane.Admission.Authorization;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Bench;

/// <summary>"May you" among 100,000 role assignments: of principals that have not asked for a while, one after another, and of one that has just asked.</summary>
internal static class RolesBench
{
    private const int Users = 9_000;
    private const int WarmUp = 3_000;
    private const int Asked = 5_000;
    private const int Rounds = 5;
    private const int Repeated = 100_000;

    public static async IAsyncEnumerable<Measure> RunAsync(Stack embedded)
    {
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        var assignments = new Assignments(stack);
        yield return Measure.Fact("roles.stored", await assignments.FillAsync(Users), "assignments");
        await using var inside = Inside.Open(door);
        var authorizer = inside.GetRequiredService<Authorizer>();

        var (cold, held, meter) = (new List<double>(), 0L, new CpuMeter(stack));
        await AskAsync(0, WarmUp);
        await meter.DuringAsync(TimeSpan.FromSeconds(1), async () => await AskAsync(WarmUp, Asked));
        cold.Sort();
        yield return Measure.AtMost("roles.cold.p99", Statistics.Percentile(cold, 99), "ms", 1);
        yield return Measure.Fact("roles.cold.p50", Statistics.Percentile(cold, 50), "ms");
        yield return Measure.Fact("roles.cold.grants", (double)held / Asked, "per principal");
        foreach (var part in meter.PerRequest("roles.cold").Where(part => !part.Name.EndsWith(".host", StringComparison.Ordinal)))
            yield return part;
        yield return Measure.AtMost("roles.cached", await CachedAsync(authorizer, assignments), "us", 20);

        async Task<double> AskAsync(int first, int count)
        {
            (held, cold) = (0, []);
            for (var user = first; user < first + count; user++)
            {
                var (id, path, begin) = (Assignments.User(user), assignments.PathOf(user * 3), Stopwatch.GetTimestamp());
                var grants = await authorizer.GrantsOfAsync(id, [], CancellationToken.None);
                grants.Allows(Assignments.Action, path);
                cold.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
                held += grants.All.Count;
            }

            return count;
        }
    }

    /// <summary>Microseconds for an action that nothing allows, so that every grant is looked at.</summary>
    private static async Task<double> CachedAsync(Authorizer authorizer, Assignments assignments)
    {
        var (user, path, times) = (Assignments.User(Users - 1), assignments.PathOf(0), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            var begin = Stopwatch.GetTimestamp();
            for (var n = 0; n < Repeated; n++)
                (await authorizer.GrantsOfAsync(user, [], CancellationToken.None)).Allows("Microsoft.Authorization/locks/delete", path);
            times.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds / Repeated);
        }

        return times.Median();
    }
}
