using System.Security.Cryptography;
using System.Text.Json;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Persistence;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace ControlPlane.Api.Clusters;

/// <summary>
/// Which cluster's agent asks. It shows its certificate in a token that it has just signed with the certificate's key: that passes every proxy, and asks nothing of TLS. What a certificate says
/// is remembered; whether it is still the agent's is asked each time.
/// </summary>
internal sealed class AgentAuthentication(NpgsqlDataSource source, AgentAuthority authority, TimeProvider time)
{
    private const int RememberedCertificates = 20_000;
    private readonly GenerationalCache<string, AgentCertificate> remembered = new(RememberedCertificates);
    private readonly Together<AgentCertificate, (int Epoch, bool IsPresent, bool IsNext)?> standings = new(500, all => StandingsAsync(source, all));

    /// <exception cref="ArmException">401, with a code that tells the agent whether a new onboarding token is what it needs.</exception>
    public async Task<AgentCertificate> DemandAsync(HttpContext http)
    {
        var cancel = http.RequestAborted;
        if (Credential(http, AgentProtocol.AgentScheme) is not { } token || JsonWebTokens.Read(token) is not { } jwt || Shown(jwt) is not { } encoded)
            throw Refused("AgentAuthenticationFailed", $"The 'Authorization' header must be of the form '{AgentProtocol.AgentScheme} {{token}}', the token signed and with the certificate in x5c.");
        var key = Convert.ToHexString(SHA256.HashData(encoded));
        if (!remembered.TryGet(key, out var certificate))
        {
            certificate = await authority.ReadAsync(encoded, cancel) ?? throw Refused("AgentCertificateUntrusted", "The certificate was not signed by an authority of this control plane.");
            remembered.Set(key, certificate);
        }

        if (!await jwt.IsSignedByAsync(certificate.Key))
            throw Refused("AgentAuthenticationFailed", "The token is not signed with the key of the certificate that it shows.");
        DemandTimely(jwt, certificate);
        await DemandPresentAsync(certificate, cancel);
        return certificate;
    }

    /// <summary>What follows the scheme in the Authorization header; null when there is nothing, or another scheme.</summary>
    public static string? Credential(HttpContext http, string scheme) =>
        http.Request.Headers.Authorization is [{ } header] && header.Length > scheme.Length && header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) && header[scheme.Length] == ' ' ? header[(scheme.Length + 1)..].Trim() : null;

    public static ArmException Refused(string code, string message) => new(401, new(code, message));

    private void DemandTimely(JsonWebToken jwt, AgentCertificate certificate)
    {
        var now = time.GetUtcNow();
        if (!jwt.Audiences.Contains(AgentProtocol.Audience, StringComparer.Ordinal))
            throw Refused("AgentAuthenticationFailed", $"The token's audience is not {AgentProtocol.Audience}.");
        if (jwt.Lifetime(isStartRequired: false) is not { } life || life.Until > now + AgentProtocol.LongestToken + JsonWebTokens.ClockSkew)
            throw Refused("AgentAuthenticationFailed", $"The token must be valid for {AgentProtocol.LongestToken.TotalMinutes:0} minutes at most.");
        if (life.Until <= now - JsonWebTokens.ClockSkew)
            throw Refused("AgentTokenExpired", $"The token was valid until {life.Until:O}; it is {now:O} here.");
        if (certificate.ExpiresAt <= now)
            throw Refused("AgentCertificateExpired", $"The certificate was valid until {certificate.ExpiresAt:O}; issue a new onboarding token for the cluster and give it to the agent.");
    }

    /// <summary>A certificate that was given and is used for the first time takes the place of the one before it.</summary>
    private async Task DemandPresentAsync(AgentCertificate certificate, CancellationToken cancel)
    {
        if (await standings.AskAsync(certificate).WaitAsync(cancel) is not { } standing)
            throw Refused("AgentRevoked", "The cluster is connected no more, or is not reached by an agent any more.");
        var (epoch, isPresent, isNext) = standing;
        if (certificate.Epoch < epoch)
            throw Refused("AgentSuperseded", $"This agent registered as number {certificate.Epoch}; number {epoch} has taken its place. Stop the one that is not wanted; if that is the other, issue a new onboarding token for this one.");
        if (isNext)
            await PromoteAsync(certificate);
        else if (!isPresent)
            throw Refused("AgentCertificateReplaced", "The certificate was renewed since, and the new one has been used.");
    }

    /// <summary>For each, which agent of its cluster is known now, and whether the certificate is the one in use or the one that follows it; null for a cluster without an agent.</summary>
    private static async Task<IReadOnlyList<(int Epoch, bool IsPresent, bool IsNext)?>> StandingsAsync(NpgsqlDataSource source, IReadOnlyList<AgentCertificate> certificates)
    {
        var found = new (int, bool, bool)?[certificates.Count];
        await using var command = Sql.Command(source, """
            select a.at, i.agent_epoch, i.agent_certificate = a.thumbprint, i.agent_next_certificate = a.thumbprint
            from unnest($1::text[], $2::bytea[]) with ordinality a (cluster_key, thumbprint, at) join cluster_inventories i on i.cluster_key = a.cluster_key join resources r on r.key = i.cluster_key
            where r.state <> 'Deleting' and r.properties->>'access' = 'Pull'
            """, certificates.Select(one => one.ClusterKey).ToArray(), certificates.Select(one => one.Thumbprint).ToArray());
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
            found[row.GetInt64(0) - 1] = (row.GetInt32(1), !row.IsDBNull(2) && row.GetBoolean(2), !row.IsDBNull(3) && row.GetBoolean(3));
        return found;
    }

    private async Task PromoteAsync(AgentCertificate certificate)
    {
        await using var command = Sql.Command(source, """
            with promoted as (
                update cluster_inventories set agent_certificate = agent_next_certificate, agent_certificate_expires_at = agent_next_certificate_expires_at, agent_next_certificate = null, agent_next_certificate_expires_at = null, show_at = now()
                where cluster_key = $1 and agent_next_certificate = $2 returning cluster_key)
            update onboarding_tokens t set consumed_at = now() from promoted p where t.cluster_key = p.cluster_key and t.used_by is not null and t.consumed_at is null
            """, certificate.ClusterKey, certificate.Thumbprint);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>The first certificate of x5c (RFC 7515, section 4.1.6).</summary>
    private static byte[]? Shown(JsonWebToken jwt)
    {
        try
        {
            using var header = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(jwt.EncodedHeader));
            return header.RootElement.TryGetProperty("x5c", out var chain) && chain.ValueKind is JsonValueKind.Array && chain.GetArrayLength() > 0 && chain[0].ValueKind is JsonValueKind.String ? chain[0].GetBytesFromBase64() : null;
        }
        catch (Exception malformed) when (malformed is JsonException or FormatException)
        {
            return null;
        }
    }
}
