using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace ControlPlane.Api.Identity;

/// <summary>What a presented token turned out to be.</summary>
internal abstract record Verdict
{
    /// <summary>Good, until it expires.</summary>
    public sealed record Accepted(Principal Principal, DateTimeOffset Until) : Verdict;

    /// <summary>Not good; the code is one of ARM's.</summary>
    public sealed record Refused(string Code, string Message) : Verdict;
}

/// <summary>Checks access tokens that our own token service issued: signature by one of our keys, algorithm, type, issuer, audience, tenant and lifetime.</summary>
internal sealed class TokenValidator(SigningKeys keys, IdentitySettings settings, IdentityMetrics metrics, TimeProvider time)
{
    /// <summary>What the clock of the replica that issued a token may be ahead of ours.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(1);

    private static readonly JsonWebTokenHandler Handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = BearerAuthentication.LongestToken };

    public async ValueTask<Verdict> ValidateAsync(string token, CancellationToken cancel)
    {
        var verdict = await JudgeAsync(token, cancel);
        metrics.TokenValidated(verdict is Verdict.Refused refused ? refused.Code : "Accepted");
        return verdict;
    }

    private async ValueTask<Verdict> JudgeAsync(string token, CancellationToken cancel)
    {
        if (Read(token) is not { } jwt)
            return Invalid("The access token is not a JSON Web Token in compact form.");
        if (jwt.Alg != SigningKey.Algorithm)
            return Invalid($"The access token is not signed with {SigningKey.Algorithm}.");
        if (string.IsNullOrEmpty(jwt.Kid) || await keys.FindAsync(jwt.Kid, cancel) is not { } key)
            return Invalid("The access token is signed with a key that this tenant does not have.");

        var result = await Handler.ValidateTokenAsync(jwt, Parameters(key));
        if (!result.IsValid)
            return Invalid(Reason(result.Exception));

        var now = time.GetUtcNow();
        if (!jwt.TryGetPayloadValue("exp", out long expires) || !jwt.TryGetPayloadValue("nbf", out long notBefore))
            return Invalid("The access token does not say from when until when it is valid.");
        var until = DateTimeOffset.FromUnixTimeSeconds(expires);
        if (until <= now)
            return new Verdict.Refused("ExpiredAuthenticationToken", $"The access token expiry UTC time '{until:yyyy-MM-ddTHH:mm:ssZ}' is earlier than current UTC time '{now:yyyy-MM-ddTHH:mm:ssZ}'.");
        if (DateTimeOffset.FromUnixTimeSeconds(notBefore) > now + ClockSkew)
            return Invalid("The access token is not valid yet.");
        return PrincipalOf(jwt) is { } principal ? new Verdict.Accepted(principal, until) : Invalid("The access token is from another tenant or names no principal.");
    }

    private static JsonWebToken? Read(string token)
    {
        if (!Handler.CanReadToken(token))
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

    /// <summary>Lifetime is judged separately, by the injected clock.</summary>
    private TokenValidationParameters Parameters(SigningKey key) => new()
    {
        ValidAlgorithms = [SigningKey.Algorithm],
        ValidTypes = ["at+jwt"],
        IssuerSigningKey = key.Key,
        TryAllIssuerSigningKeys = false,
        IssuerValidator = (issuer, _, _) => settings.IsIssuer(issuer) ? issuer : throw new SecurityTokenInvalidIssuerException(),
        AudienceValidator = (audiences, _, _) => audiences.Any(settings.IsAudience),
        ValidateLifetime = false,
    };

    private Principal? PrincipalOf(JsonWebToken jwt)
    {
        if (!jwt.TryGetPayloadValue("tid", out string tenant) || tenant != settings.TenantId
            || !jwt.TryGetPayloadValue("oid", out string objectId) || !jwt.TryGetPayloadValue("appid", out string appId) || !jwt.TryGetPayloadValue("idtyp", out string type))
            return null;
        return new(objectId, type == "app" ? "Application" : "User", appId, tenant);
    }

    private static string Reason(Exception? failure) => failure switch
    {
        SecurityTokenInvalidIssuerException => "The access token is from the wrong issuer.",
        SecurityTokenInvalidAudienceException => "The access token has been obtained for the wrong audience or resource.",
        SecurityTokenInvalidTypeException => "The token is not an access token.",
        SecurityTokenInvalidSignatureException or SecurityTokenInvalidAlgorithmException => "The signature of the access token is wrong.",
        _ => "The access token is invalid.",
    };

    private static Verdict.Refused Invalid(string message) => new("InvalidAuthenticationToken", message);
}
