using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ControlPlane.Contracts.Clusters;

namespace ControlPlane.Agent;

/// <summary>By what the agent proves who it is.</summary>
internal sealed record AgentIdentity(ECDsa Key, X509Certificate2 Certificate)
{
    public DateTimeOffset ExpiresAt => new(Certificate.NotAfter);

    /// <summary>A third of the way to its end, so that there is time for many attempts.</summary>
    public DateTimeOffset RenewAt => new DateTimeOffset(Certificate.NotBefore) + ((Certificate.NotAfter - Certificate.NotBefore) / 3);
}

/// <summary>What the agent keeps between its lives: key, certificate, and which token it has used. Work is not among it: what is to be done, the control plane says again.</summary>
internal sealed class AgentState(string directory)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The authorities of the control plane's certificate as it gave them; null when it gave none.</summary>
    public string? EndpointCa => File.Exists(PathOf("endpoint-ca.crt")) ? File.ReadAllText(PathOf("endpoint-ca.crt")) : null;

    /// <summary>Made at the first registration and kept: a registration whose answer was lost is repeated with it.</summary>
    public ECDsa Key()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(PathOf("agent.key")))
            key.ImportFromPem(File.ReadAllText(PathOf("agent.key")));
        else
            Write("agent.key", key.ExportPkcs8PrivateKeyPem());
        return key;
    }

    /// <summary>Null when the agent has never registered.</summary>
    public AgentIdentity? Identity() => File.Exists(PathOf("agent.crt")) ? new(Key(), X509Certificate2.CreateFromPem(File.ReadAllText(PathOf("agent.crt")))) : null;

    /// <summary>Whether this token was used before: it is good once.</summary>
    public bool HasUsed(string token) => File.Exists(PathOf("onboarding-token.sha256")) && File.ReadAllText(PathOf("onboarding-token.sha256")) == Hash(token);

    public void Keep(AgentCredentials credentials, string? token = null)
    {
        if (credentials.EndpointCertificateAuthority is { } authority)
            Write("endpoint-ca.crt", authority);
        Write("agent.crt", credentials.Certificate);
        if (token is not null)
            Write("onboarding-token.sha256", Hash(token));
    }

    public static string Request(ECDsa key) => new CertificateRequest("CN=agent", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();

    /// <summary>Whole or not at all.</summary>
    private void Write(string name, string text)
    {
        Directory.CreateDirectory(directory);
        var draft = PathOf(name + ".new");
        // A draft that was left behind keeps its mode; a new one has this from its first byte on.
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        using (var file = new FileStream(draft, options))
            file.Write(Encoding.UTF8.GetBytes(text));
        File.Move(draft, PathOf(name), overwrite: true);
    }

    private string PathOf(string name) => Path.Combine(directory, name);

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
