using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class TlsTests
{
    private static readonly CancellationToken Go = CancellationToken.None;

    [Fact]
    public async Task The_pinned_certificate_is_accepted_whatever_it_says()
    {
        using var own = TestCertificates.SelfSigned("idrac-CZ3D0001");
        await using var bmc = ScriptedBmc.Start(own);
        var pin = string.Join(':', own.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant().Chunk(2).Select(pair => new string(pair)));
        var machine = await bmc.Connector(NoPlainHttp).ConnectAsync(bmc.Target(tls: new() { Mode = TlsMode.Pinned, Sha256Fingerprint = pin }), Go);

        Assert.Equal(PowerState.Off, await machine.ReadPowerAsync(Go));
    }

    [Fact]
    public async Task Another_certificate_than_the_pinned_one_ends_before_any_request()
    {
        using var own = TestCertificates.SelfSigned("idrac-CZ3D0001");
        await using var bmc = ScriptedBmc.Start(own);
        var tls = new BmcTls { Mode = TlsMode.Pinned, Sha256Fingerprint = new string('a', 64) };
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.Connector(NoPlainHttp).ConnectAsync(bmc.Target(tls: tls), Go));

        Assert.Equal((RedfishFailure.CertificateChanged, false), (fault.Failure, fault.IsTransient));
        Assert.Empty(bmc.Calls);
    }

    [Fact]
    public async Task A_certificate_of_the_bundled_CA_is_accepted_for_a_bare_address_that_it_does_not_name()
    {
        using var authority = TestCertificates.Authority();
        using var leaf = TestCertificates.Leaf(authority, "ILOCZ3D0001");
        await using var bmc = ScriptedBmc.Start(leaf);
        var tls = new BmcTls { Mode = TlsMode.CaBundle, CaBundle = authority.ExportCertificatePem() };
        var machine = await bmc.Connector(NoPlainHttp).ConnectAsync(bmc.Target(tls: tls), Go);

        Assert.Equal(PowerState.Off, await machine.ReadPowerAsync(Go));
    }

    [Fact]
    public async Task A_certificate_that_names_another_address_is_not_accepted()
    {
        using var authority = TestCertificates.Authority();
        using var leaf = TestCertificates.Leaf(authority, "ILOCZ3D0001", IPAddress.Parse("10.9.8.7"));
        await using var bmc = ScriptedBmc.Start(leaf);
        var tls = new BmcTls { Mode = TlsMode.CaBundle, CaBundle = authority.ExportCertificatePem() };

        await UntrustedAsync(bmc, tls);
    }

    [Fact]
    public async Task A_certificate_of_another_CA_is_not_accepted()
    {
        using var authority = TestCertificates.Authority();
        using var stranger = TestCertificates.Authority();
        using var leaf = TestCertificates.Leaf(stranger, "ILOCZ3D0001", IPAddress.Loopback);
        await using var bmc = ScriptedBmc.Start(leaf);

        await UntrustedAsync(bmc, new() { Mode = TlsMode.CaBundle, CaBundle = authority.ExportCertificatePem() });
    }

    [Fact]
    public async Task A_self_signed_certificate_is_not_accepted_by_the_system_CAs()
    {
        using var own = TestCertificates.SelfSigned("localhost");
        await using var bmc = ScriptedBmc.Start(own);

        await UntrustedAsync(bmc, new());
    }

    [Theory]
    [InlineData(TlsMode.Pinned, "not hexadecimal")]
    [InlineData(TlsMode.Pinned, "abcd")]
    [InlineData(TlsMode.CaBundle, "")]
    [InlineData(TlsMode.CaBundle, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    public async Task A_policy_that_cannot_be_read_trusts_nothing(TlsMode mode, string material)
    {
        await using var bmc = ScriptedBmc.Start();
        await UntrustedAsync(bmc, new() { Mode = mode, Sha256Fingerprint = material, CaBundle = material }, options => options.AllowPlainHttp = true);
    }

    [Theory]
    [InlineData("http://127.0.0.1:8000")]
    [InlineData("redfish+http://127.0.0.1")]
    [InlineData("ftp://127.0.0.1")]
    [InlineData("file:///etc/passwd")]
    [InlineData("https://admin:secret@127.0.0.1")]
    [InlineData("https://127.0.0.1/redfish/v1?to=elsewhere")]
    public async Task Addresses_other_than_plain_https_are_refused(string endpoint)
    {
        await using var bmc = ScriptedBmc.Start();
        var target = bmc.Target() with { Endpoint = new Uri(endpoint) };
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.Connector(NoPlainHttp).ConnectAsync(target, Go));

        Assert.Equal(RedfishFailure.NotAllowed, fault.Failure);
    }

    [Fact]
    public async Task No_management_network_means_no_BMC_at_all()
    {
        await using var bmc = ScriptedBmc.Start();
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.Connector(options => options.ManagementNetworks = []).ConnectAsync(bmc.Target(), Go));

        Assert.Equal((RedfishFailure.NotAllowed, false), (fault.Failure, fault.IsTransient));
        Assert.Empty(bmc.Calls);
    }

    [Fact]
    public async Task A_name_is_judged_by_the_address_that_it_resolves_to()
    {
        await using var bmc = ScriptedBmc.Start();
        var target = bmc.Target() with { Endpoint = new Uri($"http://localhost:{bmc.Address.Port}") };
        var refused = await Assert.ThrowsAsync<RedfishException>(() => bmc.Connector(options => options.ManagementNetworks = ["10.0.0.0/8"]).ConnectAsync(target, Go));
        await bmc.Connector().ConnectAsync(target, Go);

        Assert.Equal(RedfishFailure.NotAllowed, refused.Failure);
    }

    [Fact]
    public async Task A_port_outside_the_list_is_refused()
    {
        await using var bmc = ScriptedBmc.Start();
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.Connector(options => options.ManagementPorts = [443]).ConnectAsync(bmc.Target(), Go));

        Assert.Equal(RedfishFailure.NotAllowed, fault.Failure);
    }

    [Fact]
    public void The_Redfish_scheme_and_the_path_of_a_system_are_understood()
    {
        var address = BmcAddress.Of(new Uri("redfish+https://bmc-7.example:8443/redfish/v1/Systems/System.Embedded.1"), new());
        Assert.Equal((new Uri("https://bmc-7.example:8443"), "/redfish/v1/Systems/System.Embedded.1"), (address.Origin, address.SystemPath));
        Assert.Null(BmcAddress.Of(new Uri("https://10.0.0.1/redfish/v1/"), new()).SystemPath);
    }

    private static async Task UntrustedAsync(ScriptedBmc bmc, BmcTls tls, Action<RedfishOptions>? change = null)
    {
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.Connector(change ?? NoPlainHttp).ConnectAsync(bmc.Target(tls: tls), Go));
        Assert.Equal((RedfishFailure.CertificateUntrusted, false), (fault.Failure, fault.IsTransient));
        Assert.Empty(bmc.Calls);
    }

    private static void NoPlainHttp(RedfishOptions options) => options.AllowPlainHttp = false;
}

/// <summary>Certificates as BMCs have them.</summary>
internal static class TestCertificates
{
    private static readonly DateTimeOffset From = TimeProvider.System.GetUtcNow().AddDays(-1);
    private static readonly DateTimeOffset Until = From.AddDays(30);

    public static X509Certificate2 SelfSigned(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var made = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(From, Until);
        return Usable(made);
    }

    public static X509Certificate2 Authority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=Management CA {Guid.NewGuid():N}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        using var made = request.CreateSelfSigned(From, Until);
        return Usable(made);
    }

    public static X509Certificate2 Leaf(X509Certificate2 authority, string name, IPAddress? address = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        if (address is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(address);
            request.CertificateExtensions.Add(names.Build());
        }

        using var bare = request.Create(authority, From, Until, RandomNumberGenerator.GetBytes(8));
        using var made = bare.CopyWithPrivateKey(key);
        return Usable(made);
    }

    private static X509Certificate2 Usable(X509Certificate2 made) => X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
}
