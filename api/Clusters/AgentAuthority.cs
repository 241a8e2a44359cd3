using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Clusters;
using Microsoft.IdentityModel.Tokens;
using Npgsql;

namespace ControlPlane.Api.Clusters;

/// <summary>What a certificate of an agent says, once it is known to be one.</summary>
internal sealed record AgentCertificate(string ClusterKey, int Epoch, byte[] Thumbprint, SecurityKey Key, DateTimeOffset ExpiresAt);

/// <summary>
/// Signs the certificates of agents and knows its own again. The keys are in PostgreSQL, sealed under the key-encryption key; who makes one holds an advisory lock, so that replicas make one
/// between them. A new authority takes over a year before the one before it ends.
/// </summary>
internal sealed class AgentAuthority(NpgsqlDataSource source, SecretBox secrets, TimeProvider time) : IDisposable
{
    /// <summary>Any number that nothing else in the database locks.</summary>
    private const long MakingLock = 0x4147454E54434131;

    public const string EpochPrefix = "epoch-";
    private static readonly TimeSpan Life = TimeSpan.FromDays(3650);
    private static readonly TimeSpan Overlap = TimeSpan.FromDays(365);

    /// <summary>Nobody makes the database read its authorities more often by showing certificates of others.</summary>
    private static readonly TimeSpan LookAtMostEvery = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim looking = new(1, 1);
    private volatile IReadOnlyList<X509Certificate2> roots = [];
    private long lookedAt;

    public void Dispose() => looking.Dispose();

    /// <summary>Null when no authority of this control plane has signed it.</summary>
    public async Task<AgentCertificate?> ReadAsync(byte[] encoded, CancellationToken cancel)
    {
        X509Certificate2 certificate;
        try
        {
            certificate = X509CertificateLoader.LoadCertificate(encoded);
        }
        catch (CryptographicException)
        {
            return null;
        }

        using (certificate)
        {
            if (!IsSigned(certificate) && !(await LookAgainAsync(cancel) && IsSigned(certificate)))
                return null;
            var names = certificate.SubjectName.EnumerateRelativeDistinguishedNames().ToDictionary(name => name.GetSingleElementType().Value!, name => name.GetSingleElementValue(), StringComparer.Ordinal);
            return certificate.GetECDsaPublicKey() is { } key && names.GetValueOrDefault("2.5.4.3") is { } cluster && names.GetValueOrDefault("2.5.4.11") is { } unit && unit.StartsWith(EpochPrefix, StringComparison.Ordinal) && int.TryParse(unit.AsSpan(EpochPrefix.Length), out var epoch)
                ? new(cluster, epoch, certificate.GetCertHash(HashAlgorithmName.SHA256), new ECDsaSecurityKey(key), new DateTimeOffset(certificate.NotAfter).ToUniversalTime())
                : null;
        }
    }

    /// <summary>Whether it has expired is for the caller to say, who has a word for it.</summary>
    private bool IsSigned(X509Certificate2 certificate)
    {
        if (roots is not { Count: > 0 } trusted)
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(trusted.ToArray());
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        return chain.Build(certificate) && chain.ChainElements.Count > 1;
    }

    /// <summary>Many agents may be the first whom the front door sees of an authority: who comes while it is read waits for what is read, and is not told that nobody knows it.</summary>
    private async Task<bool> LookAgainAsync(CancellationToken cancel)
    {
        var before = roots;
        await looking.WaitAsync(cancel);
        try
        {
            if (!ReferenceEquals(before, roots))
                return true;
            if (lookedAt != 0 && LookAtMostEvery - time.GetElapsedTime(lookedAt) is { Ticks: > 0 } left)
                await Task.Delay(left, time, cancel);
            lookedAt = time.GetTimestamp();
            await using var command = Sql.Command(source, "select certificate from agent_authorities where expires_at > now()");
            await using var row = await command.ExecuteReaderAsync(cancel);
            var read = new List<X509Certificate2>();
            while (await row.ReadAsync(cancel))
                read.Add(X509CertificateLoader.LoadCertificate(row.GetFieldValue<byte[]>(0)));
            roots = read;
            return true;
        }
        finally
        {
            looking.Release();
        }
    }

    /// <summary>The authority that signs now; it is made when there is none. It takes a connection: who asks for it holds none, for all that there are may be held by others who ask.</summary>
    public async Task<AgentSigner> SignerAsync(CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await NewestAsync(connection, cancel) is { } known)
            return known;
        await using (var wait = Sql.Command(connection, "select pg_advisory_xact_lock($1)", MakingLock))
            await wait.ExecuteNonQueryAsync(cancel);
        if (await NewestAsync(connection, cancel) is { } others)
            return others;
        var made = await MakeAsync(connection, cancel);
        await transaction.CommitAsync(cancel);
        return made;
    }

    private async Task<AgentSigner?> NewestAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, "select thumbprint, certificate, ciphertext, wrapped_key, key_version from agent_authorities where expires_at > $1 order by expires_at desc limit 1", time.GetUtcNow() + Overlap);
        await using var row = await command.ExecuteReaderAsync(cancel);
        if (!await row.ReadAsync(cancel))
            return null;
        var pkcs8 = Convert.FromBase64String(secrets.Open(AgentAuthorityRow.Place(row.GetString(0)), new(row.GetFieldValue<byte[]>(2), row.GetFieldValue<byte[]>(3), row.GetString(4))));
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(pkcs8, out _);
        CryptographicOperations.ZeroMemory(pkcs8);
        return new(X509CertificateLoader.LoadCertificate(row.GetFieldValue<byte[]>(1)), key);
    }

    private async Task<AgentSigner> MakeAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=ControlPlane agents {Guid.NewGuid():N}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        var now = time.GetUtcNow();
        using var pair = request.CreateSelfSigned(now - TimeSpan.FromHours(1), now + Life);
        var root = X509CertificateLoader.LoadCertificate(pair.RawData);
        var thumbprint = Convert.ToHexStringLower(root.GetCertHash(HashAlgorithmName.SHA256));
        var box = secrets.Seal(AgentAuthorityRow.Place(thumbprint), Convert.ToBase64String(key.ExportPkcs8PrivateKey()));
        await using var command = Sql.Command(connection, "insert into agent_authorities (thumbprint, certificate, expires_at, ciphertext, wrapped_key, key_version) values ($1, $2, $3, $4, $5, $6)",
            thumbprint, root.RawData, now + Life, box.Ciphertext, box.WrappedKey, box.KeyVersion);
        await command.ExecuteNonQueryAsync(cancel);
        return new(root, key);
    }
}

/// <summary>Signs certificates of agents.</summary>
internal sealed class AgentSigner(X509Certificate2 root, ECDsa key) : IDisposable
{
    /// <summary>A certificate for the key of a cluster's agent.</summary>
    public X509Certificate2 Sign(PublicKey agent, string clusterKey, int epoch, DateTimeOffset now, TimeSpan life)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddOrganizationalUnitName($"{AgentAuthority.EpochPrefix}{epoch}");
        subject.AddCommonName(clusterKey);
        var request = new CertificateRequest(subject.Build(), agent, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        return request.Create(root.SubjectName, X509SignatureGenerator.CreateForECDsa(key), now - TimeSpan.FromMinutes(1), now + life, RandomNumberGenerator.GetBytes(16));
    }

    public void Dispose()
    {
        root.Dispose();
        key.Dispose();
    }
}
