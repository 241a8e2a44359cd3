using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Threading.RateLimiting;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Clusters;
using Npgsql;

namespace ControlPlane.Api.Clusters;

/// <summary>How long what agents are given lasts (<c>Agents</c>), and how many may come at once.</summary>
internal sealed record AgentDoorOptions
{
    public TimeSpan CertificateLife { get; set; } = TimeSpan.FromDays(90);

    /// <summary>Registrations and renewals that are worked on at once.</summary>
    public int RegistrationsAtOnce { get; set; } = 16;

    /// <summary>Those that wait until it is their turn, a second or two; the others are told to come later.</summary>
    public int RegistrationsWaiting { get; set; } = 1000;

    /// <summary>PEM of the authorities of the front door's certificate, handed to agents; none when everybody trusts it.</summary>
    public string? EndpointCaFile { get; set; }
}

/// <summary>Where an agent becomes known: somebody who may issues a token for the cluster, the agent changes it for a certificate, and renews that in time (<c>docs/agent.md</c>).</summary>
internal sealed class AgentDoor(NpgsqlDataSource source, AgentAuthority authority, AgentAuthentication authentication, AgentDoorOptions options, TimeProvider time) : IDisposable
{
    private const string Cluster = "/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/Microsoft.Kubernetes/connectedClusters/{name}";
    private const long LargestRegistration = 16 * 1024;
    private static readonly TimeSpan TokenLife = TimeSpan.FromHours(1);
    private const int LongestTokenLife = 7 * 24 * 3600;

    private readonly ConcurrencyLimiter gate = new(new() { PermitLimit = options.RegistrationsAtOnce, QueueLimit = options.RegistrationsWaiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst });
    private readonly string? endpointCa = options.EndpointCaFile is { } file ? File.ReadAllText(file) : null;

    /// <param name="app">Whose routes ask for a token of the front door's own.</param>
    /// <param name="open">Whose routes do not.</param>
    public static void Map(IEndpointRouteBuilder app, IEndpointRouteBuilder open)
    {
        var door = app.ServiceProvider.GetRequiredService<AgentDoor>();
        app.MapArm(HttpMethod.Post, $"{Cluster}/issueOnboardingToken", new("ConnectedClusters_IssueOnboardingToken", $"{ConnectedCluster.Type}/issueOnboardingToken/action", "A token with which the cluster's agent registers, once. It takes the place of the one before it.")
        {
            Body = typeof(OnboardingTokenParameters), Answers = [new(200, "The token; it is shown this once.", typeof(OnboardingToken))],
        }, door.IssueAsync);
        open.MapPost($"{AgentProtocol.Path}/register", door.RegisterAsync);
        open.MapPost($"{AgentProtocol.Path}/renew", door.RenewAsync);
    }

    public void Dispose() => gate.Dispose();

    private async Task IssueAsync(HttpContext http)
    {
        ApiVersion.Require(http, ResourceTypes.Find(ConnectedCluster.Type));
        string Value(string name) => (string)http.Request.RouteValues[name]!;
        var id = ResourceId.Create(Value("subscription"), Value("resourceGroup"), ConnectedCluster.Type, [Value("name")]);
        var row = await source.FindResourceAsync(id.Key, http.RequestAborted) ?? throw await http.RequestServices.GetRequiredService<ResourceLookup>().MissingAsync(id, http.RequestAborted);
        if (row.Read<ConnectedCluster>().Access is not ClusterAccess.Pull)
            throw new ArmException(409, new("ClusterIsPushed", "Only a cluster with the access Pull has an agent."));
        var parameters = http.Request.ContentLength is null or 0 ? new() : await ReadAsync<OnboardingTokenParameters>(http, RequestBody.Limit);
        if (parameters.ExpiresInSeconds is < 1 or > LongestTokenLife)
            throw ArmErrors.Invalid([Shape.Fault("expiresInSeconds", $"must be from 1 to {LongestTokenLife}")]);
        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var until = time.GetUtcNow() + (parameters.ExpiresInSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : TokenLife);
        var caller = http.Caller();
        await using var command = Sql.Command(source, """
            with issued as (
                insert into onboarding_tokens (cluster_key, token_hash, expires_at) values ($1, $2, $3)
                on conflict (cluster_key) do update set token_hash = excluded.token_hash, expires_at = excluded.expires_at, used_by = null, consumed_at = null returning cluster_key)
            insert into activities (at, subscription, resource_id, action, status, principal, correlation_id) select now(), $4, $5, $6, 'Succeeded', $7, $8 from issued
            """, id.Key, Hash(token), until, id.Subscription.ToLowerInvariant(), row.Id, $"{ConnectedCluster.Type}/issueOnboardingToken/action", caller.Principal, caller.CorrelationId);
        await command.ExecuteNonQueryAsync(http.RequestAborted);
        http.Response.Headers.CacheControl = "no-store";
        await http.AnswerAsync(new OnboardingToken(token, until, http.BaseAddress()));
    }

    private async Task RegisterAsync(HttpContext http)
    {
        if (AgentAuthentication.Credential(http, AgentProtocol.OnboardingScheme) is not { } token)
            throw AgentAuthentication.Refused("OnboardingTokenInvalid", $"The 'Authorization' header must be of the form '{AgentProtocol.OnboardingScheme} {{token}}'.");
        var registration = await ReadAsync<AgentRegistration>(http, LargestRegistration);
        var key = KeyOf(registration);
        using var admitted = await AdmitAsync(http.RequestAborted);
        // It is short, and the row that it holds is the one that the agent asks for when it comes again: whoever goes away meanwhile does not break it off.
        var cancel = CancellationToken.None;
        using var signer = await authority.SignerAsync(cancel);
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var (cluster, isRepeated) = await TakeAsync(connection, token, SHA256.HashData(key.ExportSubjectPublicKeyInfo()), cancel);
        await using var counted = Sql.Command(connection, InventorySql.Register, cluster, !isRepeated);
        var epoch = (int)(await counted.ExecuteScalarAsync(cancel))!;
        var credentials = await SignAsync(connection, signer, key, cluster, epoch, registration.AgentVersion, cancel);
        await transaction.CommitAsync(cancel);
        await AnswerAsync(http, credentials);
    }

    private async Task RenewAsync(HttpContext http)
    {
        var registration = await ReadAsync<AgentRegistration>(http, LargestRegistration);
        var key = KeyOf(registration);
        using var admitted = await AdmitAsync(http.RequestAborted);
        var present = await authentication.DemandAsync(http);
        using var signer = await authority.SignerAsync(http.RequestAborted);
        await using var connection = await source.OpenConnectionAsync(http.RequestAborted);
        await AnswerAsync(http, await SignAsync(connection, signer, key, present.ClusterKey, present.Epoch, registration.AgentVersion, http.RequestAborted));
    }

    /// <summary>The cluster that a token is for. It is good once; the key that it was used with may use it again until the certificate was used, for the answer may have been lost.</summary>
    private static async Task<(string Cluster, bool IsRepeated)> TakeAsync(NpgsqlConnection connection, string token, byte[] key, CancellationToken cancel)
    {
        string cluster;
        bool isRepeated;
        await using (var command = Sql.Command(connection, """
            select t.cluster_key, t.expires_at <= now(), t.used_by, t.consumed_at is not null from onboarding_tokens t join resources r on r.key = t.cluster_key
            where t.token_hash = $1 and r.state <> 'Deleting' and r.properties->>'access' = 'Pull' for update of t
            """, Hash(token)))
        {
            await using var row = await command.ExecuteReaderAsync(cancel);
            if (!await row.ReadAsync(cancel))
                throw AgentAuthentication.Refused("OnboardingTokenInvalid", "There is no such token any more; issue a new one for the cluster.");
            cluster = row.GetString(0);
            isRepeated = !row.IsDBNull(2);
            if (isRepeated && (row.GetBoolean(3) || !CryptographicOperations.FixedTimeEquals(row.GetFieldValue<byte[]>(2), key)))
                throw AgentAuthentication.Refused("OnboardingTokenUsed", "An agent has registered with the token before. If that was not yours, issue a new one: the other is refused as soon as yours has registered.");
            if (row.GetBoolean(1))
                throw AgentAuthentication.Refused("OnboardingTokenExpired", "The token has expired; issue a new one for the cluster.");
        }

        await using var used = Sql.Command(connection, "update onboarding_tokens set used_by = $2 where cluster_key = $1", cluster, key);
        await used.ExecuteNonQueryAsync(cancel);
        return (cluster, isRepeated);
    }

    private async Task<AgentCredentials> SignAsync(NpgsqlConnection connection, AgentSigner signer, PublicKey key, string cluster, int epoch, string? version, CancellationToken cancel)
    {
        using var certificate = signer.Sign(key, cluster, epoch, time.GetUtcNow(), options.CertificateLife);
        var until = new DateTimeOffset(certificate.NotAfter).ToUniversalTime();
        await using var command = Sql.Command(connection, "update cluster_inventories set agent_next_certificate = $2, agent_next_certificate_expires_at = $3, agent_version = coalesce($4, agent_version), last_seen = now(), show_at = now() where cluster_key = $1 and agent_epoch = $5",
            cluster, certificate.GetCertHash(HashAlgorithmName.SHA256), until, version is { Length: > 100 } ? version[..100] : version, epoch);
        return await command.ExecuteNonQueryAsync(cancel) == 1
            ? new() { Cluster = cluster, Certificate = certificate.ExportCertificatePem(), Epoch = epoch, ExpiresAt = until, EndpointCertificateAuthority = endpointCa }
            : throw AgentAuthentication.Refused("AgentSuperseded", "Another agent has registered for the cluster meanwhile.");
    }

    /// <summary>A whole fleet that comes back at once is let in as fast as certificates are signed; the others come again, each after a time of its own.</summary>
    private async Task<RateLimitLease> AdmitAsync(CancellationToken cancel)
    {
        var lease = await gate.AcquireAsync(1, cancel);
        if (lease.IsAcquired)
            return lease;
        lease.Dispose();
        throw new ArmException(503, new("AgentDoorBusy", "Many agents are registering; come again."), TimeSpan.FromSeconds(RandomNumberGenerator.GetInt32(1, 6)));
    }

    private static PublicKey KeyOf(AgentRegistration registration)
    {
        try
        {
            // Loading checks that the request is signed with its own key.
            var request = CertificateRequest.LoadSigningRequestPem(registration.CertificateSigningRequest, HashAlgorithmName.SHA256);
            using var key = request.PublicKey.GetECDsaPublicKey();
            if (key is { KeySize: 256 })
                return request.PublicKey;
        }
        catch (Exception malformed) when (malformed is CryptographicException or ArgumentException)
        {
        }

        throw ArmErrors.Invalid([Shape.Fault("certificateSigningRequest", "must be a PKCS #10 request in PEM, of a P-256 key and signed with it")]);
    }

    private static async Task<T> ReadAsync<T>(HttpContext http, long limit)
    {
        await http.AwaitBodyAsync(limit);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        return Shape.Faults(body.RootElement, typeof(T), "body") is { Count: > 0 } faults ? throw ArmErrors.Invalid(faults) : body.RootElement.Deserialize<T>(Json.Options)!;
    }

    private static Task AnswerAsync(HttpContext http, AgentCredentials credentials)
    {
        http.Response.Headers.CacheControl = "no-store";
        return http.AnswerAsync(credentials);
    }

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>How long the token shall be good: an hour unless something else is said.</summary>
    internal sealed record OnboardingTokenParameters
    {
        public int? ExpiresInSeconds { get; init; }
    }

    /// <summary>What is put into the cluster beside the agent.</summary>
    /// <param name="Token">The agent's onboarding token.</param>
    /// <param name="ExpiresAt">Until when an agent may register with it.</param>
    /// <param name="Endpoint">Where the agent registers.</param>
    internal sealed record OnboardingToken(string Token, DateTimeOffset ExpiresAt, string Endpoint);
}

internal static class AgentDoorServices
{
    public static void AddAgentDoor(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(builder.Configuration.GetSection("Agents").Get<AgentDoorOptions>() ?? new());
        builder.Services.AddSingleton<AgentAuthority>();
        builder.Services.AddSingleton<AgentAuthentication>();
        builder.Services.AddSingleton<AgentHeartbeats>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<AgentHeartbeats>());
        builder.Services.AddSingleton<AgentDoor>();
    }
}
