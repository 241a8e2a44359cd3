using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Defaults;
using ControlPlane.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>The server's certificate is what an ACME client last wrote.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tls-");
    private readonly RecordedLog log = new();

    private string Chain => Path.Combine(folder.FullName, "fullchain.pem");

    private string Key => Path.Combine(folder.FullName, "privkey.pem");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task New_connections_get_the_new_certificate_and_broken_files_change_nothing()
    {
        Write("first");
        await using var app = Build();
        app.MapGet("/", () => "ok");
        await app.StartAsync();
        var address = new Uri(app.Urls.Single());
        using var open = await ConnectAsync(address);
        Assert.Equal(["CN=first", "CN=authority of first"], open.Names);

        Write("second");
        await Eventually.Async(async () => await NameAsync(address) == "CN=second", "the second certificate");
        await open.Stream.WriteAsync("GET / HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        Assert.True(await open.Stream.ReadAsync(new byte[1]) == 1, "The open connection was cut.");

        await File.WriteAllTextAsync(Chain, "-----BEGIN CERTIFICATE-----\nbroken");
        await Eventually.Async(() => log.Text.Contains("stays in use", StringComparison.Ordinal), "a warning about the broken file");
        Assert.Equal("CN=second", await NameAsync(address));

        // The certificate comes before its key: between the two writes they do not fit together.
        var (chain, key) = Make("third");
        await File.WriteAllTextAsync(Chain, chain);
        Assert.Equal("CN=second", await NameAsync(address));
        await File.WriteAllTextAsync(Key, key);
        await Eventually.Async(async () => await NameAsync(address) == "CN=third", "the third certificate");
    }

    [Fact]
    public async Task Links_as_certbot_makes_them_are_followed()
    {
        foreach (var name in new[] { "one", "two" })
        {
            var (chain, key) = Make(name);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, $"{name}-chain.pem"), chain);
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, $"{name}-key.pem"), key);
        }

        File.CreateSymbolicLink(Chain, "one-chain.pem");
        File.CreateSymbolicLink(Key, "one-key.pem");
        await using var app = Build();
        await app.StartAsync();
        var address = new Uri(app.Urls.Single());
        Assert.Equal("CN=one", await NameAsync(address));
        foreach (var (link, target) in new[] { (Chain, "two-chain.pem"), (Key, "two-key.pem") })
        {
            File.CreateSymbolicLink(link + ".new", target);
            File.Move(link + ".new", link, overwrite: true);
        }

        await Eventually.Async(async () => await NameAsync(address) == "CN=two", "the certificate behind the new links");
    }

    [Fact]
    public async Task Files_that_are_wrong_from_the_start_are_named()
    {
        await File.WriteAllTextAsync(Chain, "nothing");
        await File.WriteAllTextAsync(Key, "nothing");
        await using var app = Build();
        Assert.Contains("Tls:CertificatePath", (await Assert.ThrowsAsync<InvalidOperationException>(() => app.StartAsync())).Message, StringComparison.Ordinal);
    }

    private WebApplication Build()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.Configuration["Kestrel:Endpoints:Https:Url"] = "https://127.0.0.1:0";
        builder.Configuration["Tls:CertificatePath"] = Chain;
        builder.Configuration["Tls:KeyPath"] = Key;
        return builder.AddTls().Build();
    }

    private void Write(string name)
    {
        var (chain, key) = Make(name);
        File.WriteAllText(Chain, chain);
        File.WriteAllText(Key, key);
    }

    /// <summary>A certificate and the intermediate authority that signed it, as in fullchain.pem.</summary>
    private static (string Chain, string Key) Make(string name)
    {
        var (from, until) = (new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2050, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = Authority("root", rootKey).CreateSelfSigned(from, until);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var signed = Authority($"authority of {name}", authorityKey).Create(root, from, until, RandomNumberGenerator.GetBytes(8));
        using var authority = signed.CopyWithPrivateKey(authorityKey);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).Create(authority, from, until, RandomNumberGenerator.GetBytes(8));
        return ($"{leaf.ExportCertificatePem()}\n{authority.ExportCertificatePem()}\n", key.ExportPkcs8PrivateKeyPem());
    }

    private static CertificateRequest Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request;
    }

    private static async Task<string> NameAsync(Uri address)
    {
        using var connection = await ConnectAsync(address);
        return connection.Names[0];
    }

    private static async Task<Connection> ConnectAsync(Uri address)
    {
        var names = new List<string>();
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, address.Port);
        var stream = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, presented, chain, _) =>
        {
            names.Add(presented!.Subject);
            names.AddRange(chain!.ChainPolicy.ExtraStore.Select(other => other.Subject).Where(subject => subject != presented.Subject));
            return true;
        });
        await stream.AuthenticateAsClientAsync("localhost");
        return new(client, stream, names);
    }

    private sealed record Connection(TcpClient Client, SslStream Stream, IReadOnlyList<string> Names) : IDisposable
    {
        public void Dispose()
        {
            Stream.Dispose();
            Client.Dispose();
        }
    }
}
