using ControlPlane.Persistence.Identity;
using Microsoft.IdentityModel.JsonWebTokens;
using Npgsql;

namespace ControlPlane.Api.Identity;

/// <summary>Access tokens of the configured external authorities, beside those of our own token service.</summary>
internal sealed class ForeignTokens(IssuerKeys issuers, NpgsqlDataSource source, IdentitySettings settings, TimeProvider time)
{
    /// <summary>The most groups that a token may name, as in Microsoft Entra ID, which names none when there are more.</summary>
    private const int MostGroups = 200;

    private static readonly string[] PersonalClaims = ["scp", "upn", "preferred_username", "email"];

    /// <summary>The external authority that the token says it is from.</summary>
    public ExternalAuthority? AuthorityOf(JsonWebToken jwt)
    {
        foreach (var authority in settings.Authorities)
        {
            if (authority.Issuer == jwt.Issuer)
                return authority;
        }

        return null;
    }

    public async ValueTask<Verdict> ValidateAsync(JsonWebToken jwt, ExternalAuthority authority, CancellationToken cancel)
    {
        if (!JsonWebTokens.Algorithms.Contains(jwt.Alg, StringComparer.Ordinal))
            return Verdict.Invalid($"The access token is not signed with one of {string.Join(", ", JsonWebTokens.Algorithms)}.");
        // Keycloak says in the payload what a token is for.
        if (jwt.Text("typ") is not (null or "Bearer"))
            return Verdict.Invalid("The token is not an access token.");
        if (!jwt.Audiences.Any(audience => authority.Audiences.Contains(audience, StringComparer.Ordinal)))
            return Verdict.Invalid("The access token has been obtained for the wrong audience or resource.");
        if (await issuers.FindAsync(authority.Issuer, authority.JwksUri, jwt.Kid, cancel) is not { } key)
            return Verdict.Invalid($"The access token is signed with a key that '{authority.Name}' does not publish.");
        if (!await jwt.IsSignedByAsync(key))
            return Verdict.Invalid("The signature of the access token is wrong.");

        var verdict = Verdict.InTime(jwt.Lifetime(isStartRequired: false), time.GetUtcNow(), () => PrincipalOf(jwt, authority));
        // An authority speaks for its own principals: it must not name one whose roles were given in this directory.
        return verdict is Verdict.Accepted { Principal: var who } && (await source.KnownAsync([who.ObjectId, .. who.Groups], cancel)).Count > 0
            ? Verdict.Invalid($"'{authority.Name}' names a principal or a group of this directory, for which it cannot speak.")
            : verdict;
    }

    private Principal? PrincipalOf(JsonWebToken jwt, ExternalAuthority authority)
    {
        var objectId = authority.ObjectIdClaim is { } claim ? jwt.Text(claim) : jwt.Text("oid") ?? jwt.Text("sub");
        if (objectId is not { Length: <= 200 } || objectId.Any(char.IsControl) || (authority.TenantId is { } tenant && jwt.Text("tid") != tenant))
            return null;

        var groups = jwt.TryGetPayloadValue("groups", out string[] named) ? named : [];
        if (groups.Length > MostGroups || Array.Exists(groups, group => group is null || group.Any(char.IsControl)))
            return null;
        var isApplication = jwt.Text("idtyp") == "app" || !PersonalClaims.Any(personal => jwt.Text(personal) is not null);
        return new(Id(objectId), isApplication ? "Application" : "User", jwt.Text("appid") ?? jwt.Text("azp") ?? jwt.Text("client_id") ?? "", settings.TenantId) { Groups = [.. groups.Select(Id)] };
    }

    /// <summary>GUIDs are compared in lower case everywhere.</summary>
    private static string Id(string text) => Guid.TryParse(text, out var id) ? id.ToString("D") : text;
}
