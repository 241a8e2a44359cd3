using System.Collections.Concurrent;

namespace ControlPlane.Api.Identity;

/// <summary>
/// Counts wrong secrets per application: after ten within a minute no secret of that application is looked at until the minute is over. Each replica counts for itself,
/// in memory, so with n replicas a guesser has 10 n tries a minute. Only existing applications are counted, which bounds the memory.
/// </summary>
internal sealed class SecretGuesses(TimeProvider time)
{
    private const int Most = 10;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Count> counts = new(StringComparer.Ordinal);

    /// <summary>How long the application is locked yet; null when it is not.</summary>
    public TimeSpan? LockedFor(string clientId) =>
        counts.TryGetValue(clientId, out var count) && count.Wrong >= Most && Rest(count) is var rest && rest > TimeSpan.Zero ? rest : null;

    public void Wrong(string clientId) =>
        counts.AddOrUpdate(
            clientId,
            _ => new(1, time.GetTimestamp()),
            (_, count) => Rest(count) > TimeSpan.Zero ? count with { Wrong = count.Wrong + 1 } : new(1, time.GetTimestamp()));

    private TimeSpan Rest(Count count) => Window - time.GetElapsedTime(count.Since);

    private sealed record Count(int Wrong, long Since);
}
