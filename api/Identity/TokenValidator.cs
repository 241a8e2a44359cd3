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

    public static Refused Invalid(string message) => new("InvalidAuthenticationToken", message);

    /// <summary>What both kinds of token are asked last: whether it is their time.</summary>
    public static Verdict InTime((DateTimeOffset From, DateTimeOffset Until)? lifetime, DateTimeOffset now, Func<Principal?> principal)
    {
        if (lifetime is not { } valid)
            return Invalid("The access token does not say from when until when it is valid.");
        if (valid.Until <= now)
            return new Refused("ExpiredAuthenticationToken", $"The access token expiry UTC time '{valid.Until:yyyy-MM-ddTHH:mm:ssZ}' is earlier than current UTC time '{now:yyyy-MM-ddTHH:mm:ssZ}'.");
        if (valid.From > now + JsonWebTokens.ClockSkew)
            return Invalid("The access token is not valid yet.");
        return principal() is { } who ? new Accepted(who, valid.Until) : Invalid("The access token is from another tenant or names no principal.");
    }
}

/// <summary>
/// Checks access tokens: those of our own token service by signature, algorithm, type, issuer, audience, tenant and lifetime; those of a configured external authority as strictly.
/// </summary>
internal sealed class TokenValidator(SigningKeys keys, ForeignTokens foreign, IdentitySettings settings, IdentityMetrics metrics, TimeProvider time)
{
    public async ValueTask<Verdict> ValidateAsync(string token, CancellationToken cancel)
    {
        var verdict = await JudgeAsync(token, cancel);
        metrics.TokenValidated(verdict is Verdict.Refused refused ? refused.Code : "Accepted");
        return verdict;
    }

    private async ValueTask<Verdict> JudgeAsync(string token, CancellationToken cancel)
    {
        if (JsonWebTokens.Read(token) is not { } jwt)
            return Verdict.Invalid("The access token is not a JSON Web Token in compact form.");
        if (foreign.AuthorityOf(jwt) is { } authority)
            return await foreign.ValidateAsync(jwt, authority, cancel);
        if (jwt.Alg != SigningKey.Algorithm)
            return Verdict.Invalid($"The access token is not signed with {SigningKey.Algorithm}.");
        if (string.IsNullOrEmpty(jwt.Kid) || await keys.FindAsync(jwt.Kid, cancel) is not { } key)
            return Verdict.Invalid("The access token is signed with a key that this tenant does not have.");

        var result = await JsonWebTokens.Handler.ValidateTokenAsync(jwt, Parameters(key));
        return result.IsValid
            ? Verdict.InTime(jwt.Lifetime(isStartRequired: true), time.GetUtcNow(), () => PrincipalOf(jwt))
            : Verdict.Invalid(Reason(result.Exception));
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

    private Principal? PrincipalOf(JsonWebToken jwt) =>
        jwt.Text("tid") == settings.TenantId && jwt.Text("oid") is { } objectId && jwt.Text("appid") is { } appId && jwt.Text("idtyp") is { } type
            ? new(objectId, type == "app" ? "Application" : "User", appId, settings.TenantId)
            : null;

    private static string Reason(Exception? failure) => failure switch
    {
        SecurityTokenInvalidIssuerException => "The access token is from the wrong issuer.",
        SecurityTokenInvalidAudienceException => "The access token has been obtained for the wrong audience or resource.",
        SecurityTokenInvalidTypeException => "The token is not an access token.",
        SecurityTokenInvalidSignatureException or SecurityTokenInvalidAlgorithmException => "The signature of the access token is wrong.",
        _ => "The access token is invalid.",
    };
}
