namespace ControlPlane.Api.Identity;

/// <summary>
/// One of the three forms in which clients address the token service: <c>/{tenant}/v2.0</c> (MSAL, Azure.Identity), <c>/{tenant}</c> (version 1) and <c>/adfs</c>
/// (the Azure Stack form, the only one that az 2.45 uses without asking login.microsoftonline.com first).
/// </summary>
internal sealed record Authority
{
    /// <summary>Where people type the code that a device shows them; one page for all authorities, because it is typed.</summary>
    public const string DevicePage = "/device";

    /// <summary>The path below which discovery stands; appended to an address of the front door it is the issuer.</summary>
    public required string Path { get; init; }

    public required string Token { get; init; }
    public required string Authorize { get; init; }
    public required string DeviceCode { get; init; }
    public required string Revoke { get; init; }
    public required string Keys { get; init; }

    /// <summary>The <c>ver</c> claim of its tokens.</summary>
    public required string Version { get; init; }

    public string Discovery => $"{Path}/.well-known/openid-configuration";

    /// <summary>The authorities of a tenant, the most specific path first.</summary>
    public static IReadOnlyList<Authority> All(string tenant) =>
    [
        new()
        {
            Path = $"/{tenant}/v2.0",
            Token = $"/{tenant}/oauth2/v2.0/token",
            Authorize = $"/{tenant}/oauth2/v2.0/authorize",
            DeviceCode = $"/{tenant}/oauth2/v2.0/devicecode",
            Revoke = $"/{tenant}/oauth2/v2.0/revoke",
            Keys = $"/{tenant}/discovery/v2.0/keys",
            Version = "2.0",
        },
        new()
        {
            Path = $"/{tenant}",
            Token = $"/{tenant}/oauth2/token",
            Authorize = $"/{tenant}/oauth2/authorize",
            DeviceCode = $"/{tenant}/oauth2/devicecode",
            Revoke = $"/{tenant}/oauth2/revoke",
            Keys = $"/{tenant}/discovery/keys",
            Version = "1.0",
        },
        new()
        {
            Path = "/adfs",
            Token = "/adfs/oauth2/token",
            Authorize = "/adfs/oauth2/authorize",
            DeviceCode = "/adfs/oauth2/devicecode",
            Revoke = "/adfs/oauth2/revoke",
            Keys = "/adfs/discovery/keys",
            Version = "1.0",
        },
    ];

    /// <summary>The authority that a request to the token service went to; null when the path is not one of the token service.</summary>
    /// <param name="path">Such as <c>/7f6d…/oauth2/v2.0/token</c>; its first segment is taken for the tenant whatever it is.</param>
    public static Authority? Of(PathString path)
    {
        if (path.Value is not { Length: > 1 } value || !MayBeOne(value))
            return null;

        value = IdentitySettings.Canonical(value);
        var end = value.IndexOf('/', 1);
        return end < 0 ? null : All(value[1..end]).FirstOrDefault(authority => authority.Owns(value));
    }

    /// <summary>Whether the first segment of the path names this tenant, or none as <c>/adfs</c> does.</summary>
    public bool IsOf(string tenant) => All(tenant).Any(authority => string.Equals(authority.Path, Path, StringComparison.OrdinalIgnoreCase));

    private bool Owns(string path) =>
        string.Equals(path, Token, StringComparison.OrdinalIgnoreCase)
        || string.Equals(path, Authorize, StringComparison.OrdinalIgnoreCase)
        || string.Equals(path, DeviceCode, StringComparison.OrdinalIgnoreCase)
        || string.Equals(path, Revoke, StringComparison.OrdinalIgnoreCase)
        || string.Equals(path, Discovery, StringComparison.OrdinalIgnoreCase)
        || string.Equals(path, Keys, StringComparison.OrdinalIgnoreCase);

    /// <summary>Lets every other request through at the price of a few comparisons of its last characters.</summary>
    private static bool MayBeOne(string path)
    {
        var value = path[^1] == '/' ? path.AsSpan(0, path.Length - 1) : path;
        return value.EndsWith("/token", StringComparison.OrdinalIgnoreCase)
            || value.EndsWith("/authorize", StringComparison.OrdinalIgnoreCase)
            || value.EndsWith("/devicecode", StringComparison.OrdinalIgnoreCase)
            || value.EndsWith("/revoke", StringComparison.OrdinalIgnoreCase)
            || value.EndsWith("/keys", StringComparison.OrdinalIgnoreCase)
            || value.EndsWith("/openid-configuration", StringComparison.OrdinalIgnoreCase);
    }
}
