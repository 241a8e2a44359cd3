using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Persistence.Identity;
using Npgsql;

namespace ControlPlane.Api.Identity;

/// <summary>One try to sign in: whose it is, where it comes from, how long it will not be listened to yet (null when it may go on), and whether the account has failures to forget.</summary>
internal sealed record SignInAttempt(string? Account, string Address, TimeSpan? LockedFor, bool HasFailed);

/// <summary>
/// Slows guessing down for all replicas together: the tenth wrong secret of an account and the fiftieth from an address lock it for half a minute, and every further one
/// for twice as long as the one before. While it is locked nothing that is presented is looked at, so that it cannot be probed. An account that does not exist locks like one that does.
/// </summary>
internal sealed class SignInThrottle(NpgsqlDataSource source, TimeProvider time)
{
    private const int FreeForAccount = 10;
    private const int FreeForAddress = 50;
    private const int LongestReadableName = 100;
    private static readonly TimeSpan FirstLock = TimeSpan.FromSeconds(30);

    /// <summary>Asks, with one read, whether this try may go on. The account is such as <c>user:{name}</c>; null when the request names none that could be locked.</summary>
    public async Task<SignInAttempt> BeginAsync(HttpContext http, string? account, CancellationToken cancel)
    {
        var address = $"address:{Network(http.Connection.RemoteIpAddress)}";
        var now = time.GetUtcNow();
        string[] keys = account is null ? [address] : [Key(account), address];
        var (until, hasFailed) = await source.LockedUntilAsync(keys, now, cancel);
        return new(account is null ? null : keys[0], address, until - now, hasFailed);
    }

    public async Task FailedAsync(SignInAttempt attempt, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        if (attempt.Account is not null)
            await source.AddFailureAsync(attempt.Account, FreeForAccount, FirstLock, now, cancel);
        await source.AddFailureAsync(attempt.Address, FreeForAddress, FirstLock, now, cancel);
    }

    /// <summary>Forgets what the account did wrong, not what the address did: it may hold one right secret and guess at others.</summary>
    public Task SucceededAsync(SignInAttempt attempt, CancellationToken cancel) =>
        attempt is { HasFailed: true, Account: not null } ? source.ForgetFailuresAsync(attempt.Account, cancel) : Task.CompletedTask;

    /// <summary>Whether a device leaves the interval between its polls (RFC 8628, section 3.5).</summary>
    public Task<bool> IsUnhurriedAsync(string deviceCode, TimeSpan interval, CancellationToken cancel) =>
        source.IsUnhurriedAsync("poll:" + Hash(deviceCode), interval, time.GetUtcNow(), cancel);

    /// <summary>Readable, for whoever looks into the table, unless a stranger's text is too long or odd for a key.</summary>
    private static string Key(string account) =>
        account.Length <= LongestReadableName && !account.Any(char.IsControl) && account.All(char.IsAscii) ? account.ToLowerInvariant() : account[..account.IndexOf(':', StringComparison.Ordinal)] + "#" + Hash(account.ToLowerInvariant());

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>One customer of a provider has a whole /64 of IPv6 addresses.</summary>
    private static string Network(IPAddress? address)
    {
        if (address is null)
            return "none";
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (address.AddressFamily is not AddressFamily.InterNetworkV6)
            return address.ToString();
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes) + "/64";
    }
}
