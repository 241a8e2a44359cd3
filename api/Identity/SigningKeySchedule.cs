namespace ControlPlane.Api.Identity;

/// <summary>When a key began to sign, or will.</summary>
internal readonly record struct ScheduledKey(string Kid, DateTimeOffset SignsFrom);

/// <summary>
/// The rotation rule, a pure function of the keys and the time. A key is published ahead of signing, so that every replica and every cached JWKS knows it by then; it
/// stays published until the last token it signed has expired.
/// </summary>
internal static class SigningKeySchedule
{
    /// <summary>What replicas' clocks and reload intervals may add to the moment at which the successor takes over.</summary>
    public static readonly TimeSpan Margin = TimeSpan.FromMinutes(10);

    /// <summary>The key that signs at this moment: the youngest whose time has come, or the eldest when no time has come yet.</summary>
    public static string Signer(IReadOnlyCollection<ScheduledKey> keys, DateTimeOffset now) =>
        keys.Any(key => key.SignsFrom <= now)
            ? keys.Where(key => key.SignsFrom <= now).MaxBy(key => key.SignsFrom).Kid
            : keys.MinBy(key => key.SignsFrom).Kid;

    /// <summary>When the next key must begin to sign, if it is time to make it; null otherwise.</summary>
    public static DateTimeOffset? NextSignsFrom(IReadOnlyCollection<ScheduledKey> keys, DateTimeOffset now, IdentitySettings settings)
    {
        if (keys.Count == 0)
            return now;

        var planned = keys.Max(key => key.SignsFrom) + settings.KeyLifetime;
        var earliest = now + settings.KeyPublishAhead;
        return planned > earliest ? null : earliest;
    }

    /// <summary>The keys whose last token has expired.</summary>
    public static IEnumerable<string> Retired(IReadOnlyCollection<ScheduledKey> keys, DateTimeOffset now) =>
        keys.Where(key => keys.Any(successor => successor.SignsFrom > key.SignsFrom && successor.SignsFrom + IdentitySettings.TokenLifetime + Margin <= now))
            .Select(key => key.Kid);
}
