using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;

namespace ControlPlane.Api.Identity;

/// <summary>The signing keys that this replica knows: reloaded each minute, and when a token names a key that is not among them.</summary>
internal sealed partial class SigningKeys(SigningKeyStore store, IdentityMetrics metrics, TimeProvider time, ILogger<SigningKeys> logger)
    : BackgroundService, IConfigureOptions<OpenIddictServerOptions>, IOptionsChangeTokenSource<OpenIddictServerOptions>
{
    private static readonly TimeSpan ReloadEvery = TimeSpan.FromMinutes(1);

    /// <summary>The least time between two reloads that unknown keys cause: whoever sends made-up key ids costs the database six queries a minute.</summary>
    private static readonly TimeSpan ReloadOnUnknownEvery = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim reloading = new(1);
    private volatile IReadOnlyList<SigningKey> known = [];
    private volatile CancellationTokenSource changed = new();
    private long lastUnknownReload;

    string IOptionsChangeTokenSource<OpenIddictServerOptions>.Name => Options.DefaultName;

    /// <summary>Every key that may have signed a token which is still valid, and those that will sign.</summary>
    public IReadOnlyList<SigningKey> Published => known;

    /// <summary>The key that signs now.</summary>
    public SigningKey Signer()
    {
        var keys = known;
        var kid = SigningKeySchedule.Signer([.. keys.Select(key => new ScheduledKey(key.Kid, key.SignsFrom))], time.GetUtcNow());
        return keys.Single(key => key.Kid == kid);
    }

    /// <summary>The key of this id, if need be after a look into the database; null when there is none.</summary>
    public ValueTask<SigningKey?> FindAsync(string kid, CancellationToken cancel) =>
        Find(kid) is { } key ? new(key) : FindAfterReloadAsync(kid, cancel);

    /// <summary>Reads the keys, rotating them if it is time.</summary>
    public async Task ReloadAsync(CancellationToken cancel)
    {
        await reloading.WaitAsync(cancel);
        try
        {
            metrics.SigningKeysLoaded();
            var before = known;
            known = await store.LoadAsync(before, time.GetUtcNow(), cancel);
            if (before.Select(key => key.Kid).SequenceEqual(known.Select(key => key.Kid), StringComparer.Ordinal))
                return;

            Log.KeysChanged(logger, string.Join(", ", known.Select(key => key.Kid)));
            await Interlocked.Exchange(ref changed, new()).CancelAsync();
        }
        finally
        {
            reloading.Release();
        }
    }

    public void Configure(OpenIddictServerOptions options) =>
        options.SigningCredentials.AddRange(known.Select(key => new SigningCredentials(key.Key, SigningKey.Algorithm)));

    public IChangeToken GetChangeToken() => new CancellationChangeToken(changed.Token);

    public override void Dispose()
    {
        reloading.Dispose();
        changed.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(ReloadEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await ReloadAsync(stoppingToken);
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                Log.ReloadFailed(logger, failure);
            }
        }
    }

    private SigningKey? Find(string kid)
    {
        foreach (var key in known)
        {
            if (key.Kid == kid)
                return key;
        }

        return null;
    }

    private async ValueTask<SigningKey?> FindAfterReloadAsync(string kid, CancellationToken cancel)
    {
        var now = time.GetTimestamp();
        var last = Interlocked.Read(ref lastUnknownReload);
        if (last != 0 && time.GetElapsedTime(last, now) < ReloadOnUnknownEvery)
            return null;
        if (Interlocked.CompareExchange(ref lastUnknownReload, now, last) != last)
            return null;

        await ReloadAsync(cancel);
        return Find(kid);
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Signing keys are now {Kids}")]
        public static partial void KeysChanged(ILogger logger, string kids);

        [LoggerMessage(LogLevel.Warning, "Signing keys could not be read; those known stay in use until the next attempt in a minute")]
        public static partial void ReloadFailed(ILogger logger, Exception failure);
    }
}
