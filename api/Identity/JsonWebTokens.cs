using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace ControlPlane.Api.Identity;

/// <summary>What every check of a token that somebody else presents begins with.</summary>
internal static class JsonWebTokens
{
    /// <summary>What the clock of the issuer may be ahead of ours.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    /// <summary>The algorithms in which a token of another issuer may be signed: no shared secrets, nothing below 2048 bits of RSA or P-256.</summary>
    public static readonly string[] Algorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSsaPssSha256];

    public static JsonWebTokenHandler Handler { get; } = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = BearerAuthentication.LongestToken };

    /// <summary>The token, unread claims and all; null when it is not a signed one in compact form.</summary>
    public static JsonWebToken? Read(string token)
    {
        if (token.Length > BearerAuthentication.LongestToken || !Handler.CanReadToken(token))
            return null;
        try
        {
            return Handler.ReadJsonWebToken(token) is { IsSigned: true, IsEncrypted: false } jwt ? jwt : null;
        }
        catch (Exception malformed) when (malformed is ArgumentException or SecurityTokenException or FormatException)
        {
            return null;
        }
    }

    /// <summary>A claim that is a text; null when it is missing or something else.</summary>
    public static string? Text(this JsonWebToken jwt, string claim) =>
        jwt.TryGetPayloadValue(claim, out object value) && value is string { Length: > 0 } text ? text : null;

    /// <summary>From when and until when it is valid; null when it does not say until when. Not every issuer says from when.</summary>
    public static (DateTimeOffset From, DateTimeOffset Until)? Lifetime(this JsonWebToken jwt, bool isStartRequired)
    {
        if (!jwt.TryGetPayloadValue("exp", out long expires) || !IsTime(expires))
            return null;
        if (!jwt.TryGetPayloadValue("nbf", out long notBefore))
            return isStartRequired ? null : (DateTimeOffset.UnixEpoch, DateTimeOffset.FromUnixTimeSeconds(expires));
        return IsTime(notBefore) ? (DateTimeOffset.FromUnixTimeSeconds(notBefore), DateTimeOffset.FromUnixTimeSeconds(expires)) : null;
    }

    /// <summary>Whether the signature is this key's, by one of the algorithms for other issuers. Everything else is left to the caller.</summary>
    public static async Task<bool> IsSignedByAsync(this JsonWebToken jwt, SecurityKey key)
    {
        var result = await Handler.ValidateTokenAsync(jwt, new TokenValidationParameters
        {
            ValidAlgorithms = Algorithms,
            IssuerSigningKey = key,
            TryAllIssuerSigningKeys = true,
            ValidateIssuer = false,
            ValidateAudience = false,
            ValidateLifetime = false,
        });
        return result.IsValid;
    }

    private static bool IsTime(long seconds) => seconds >= 0 && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds();
}
