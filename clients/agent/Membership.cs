using Microsoft.Extensions.Logging;

namespace ControlPlane.Agent;

/// <summary>Sees to it that the agent has a certificate that is good: registers with a token when it has none, renews it in time, and says so when it needs a new token.</summary>
internal sealed partial class Membership(AgentSettings settings, AgentState state, Hub hub, Pauses pauses, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan LookForTokenEvery = TimeSpan.FromSeconds(1);

    /// <summary>After how long an agent that was refused tries once more: the cluster may have been connected again.</summary>
    private static readonly TimeSpan TryAgainAfter = TimeSpan.FromSeconds(30);

    /// <summary>At the latest, for clocks are put right.</summary>
    private static readonly TimeSpan LookAtCertificateEvery = TimeSpan.FromMinutes(1);

    private AgentIdentity? identity = state.Identity();
    private DateTimeOffset refusedAt = DateTimeOffset.MinValue;
    private string? said;

    /// <summary>The present identity; waits until there is one.</summary>
    public async Task<AgentIdentity> EnsureAsync(CancellationToken stop)
    {
        for (var attempt = 0; ; attempt++)
        {
            var now = time.GetUtcNow();
            if (identity is { } known && known.ExpiresAt > now && now - refusedAt >= TryAgainAfter)
                return known;
            if (Token() is not { } token)
            {
                SayOnce(identity is null ? "it has never registered" : identity.ExpiresAt <= now ? $"its certificate expired at {identity.ExpiresAt:O}" : "it was refused");
                await Task.Delay(LookForTokenEvery, time, stop);
                attempt = -1;
                continue;
            }

            try
            {
                var credentials = await hub.RegisterAsync(token, state.Key(), stop);
                state.Keep(credentials, token);
                (identity, refusedAt, said) = (state.Identity(), DateTimeOffset.MinValue, null);
                LogRegistered(credentials.Cluster, credentials.Epoch, credentials.ExpiresAt);
                return identity!;
            }
            catch (HubRefusedException refused)
            {
                SayOnce($"its token was refused ({refused.Code}: {refused.Message})");
                await Task.Delay(pauses.Next(attempt, leastSeconds: 1), time, stop);
            }
            catch (HubUnreachableException failure)
            {
                LogUnreachable(failure.Message);
                await Task.Delay(pauses.After(failure.RetryAfter, attempt), time, stop);
            }
        }
    }

    /// <summary>The certificate is good no more; a new token is what it takes, unless the control plane thinks better of it.</summary>
    public void Refuse(HubRefusedException refused)
    {
        refusedAt = time.GetUtcNow();
        SayOnce($"it was refused ({refused.Code}: {refused.Message})");
    }

    /// <summary>Until the certificate was renewed.</summary>
    public async Task RenewAsync(AgentIdentity present, CancellationToken stop)
    {
        for (var attempt = 0; ;)
        {
            if (present.RenewAt - time.GetUtcNow() is var left && left > TimeSpan.Zero)
            {
                await Task.Delay(left < LookAtCertificateEvery ? left : LookAtCertificateEvery, time, stop);
                continue;
            }

            try
            {
                var credentials = await hub.RenewAsync(present, stop);
                state.Keep(credentials);
                identity = state.Identity();
                LogRenewed(credentials.ExpiresAt);
                return;
            }
            catch (HubUnreachableException failure)
            {
                LogUnreachable(failure.Message);
                await Task.Delay(pauses.After(failure.RetryAfter, attempt++), time, stop);
            }
        }
    }

    /// <summary>A token that was not used before; null when there is none.</summary>
    private string? Token()
    {
        try
        {
            var token = settings.OnboardingToken()?.Trim();
            return token is { Length: > 0 } && !state.HasUsed(token) ? token : null;
        }
        catch (Exception absent) when (absent is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void SayOnce(string why)
    {
        if (said == why)
            return;
        said = why;
        LogNeedsToken(why, settings.OnboardingTokenAt);
    }

    [LoggerMessage(LogLevel.Information, "Registered as the agent of {Cluster}, number {Epoch}; the certificate is valid until {Until}")]
    private partial void LogRegistered(string cluster, int epoch, DateTimeOffset until);

    [LoggerMessage(LogLevel.Information, "The certificate was renewed and is valid until {Until}")]
    private partial void LogRenewed(DateTimeOffset until);

    [LoggerMessage(LogLevel.Error, "The agent needs a new onboarding token, for {Why}. Issue one for the cluster and put it into {File}; what is applied stays as it is")]
    private partial void LogNeedsToken(string why, string file);

    [LoggerMessage(LogLevel.Warning, "{Failure} The agent tries again; what is applied stays as it is")]
    private partial void LogUnreachable(string failure);
}

/// <summary>How long to wait before the next attempt: half a second, a second and so on up to half a minute at most, each agent at a time of its own, so that a fleet does not come back as one.</summary>
internal sealed class Pauses(Random random)
{
    public TimeSpan Next(int attempt, double leastSeconds = 0.5)
    {
        var most = TimeSpan.FromSeconds(Math.Min(30, leastSeconds * (1 << Math.Clamp(attempt, 0, 6))));
        return (most / 4) + Within(most * 3 / 4);
    }

    /// <summary>Not before the control plane asks for it, and some time after that: those who were sent away together do not return together.</summary>
    public TimeSpan After(TimeSpan? asked, int attempt) => asked is { } wait ? wait + Within(wait) + Next(attempt) : Next(attempt);

    /// <summary>Some time up to this, so that agents that were started together do not come together.</summary>
    public TimeSpan Within(TimeSpan most)
    {
        lock (random)
            return most * random.NextDouble();
    }
}
