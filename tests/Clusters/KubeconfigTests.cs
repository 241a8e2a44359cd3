using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Clusters;

/// <summary>What is taken from a kubeconfig, and what is refused with the reason.</summary>
public sealed class KubeconfigTests
{
    private const string Users = "- name: u\n  user:\n    token: abc.def\n";

    private static readonly string Ca = Convert.ToBase64String(Encoding.ASCII.GetBytes(LoopbackCertificate.Pem));

    [Fact]
    public void The_current_context_says_cluster_and_user()
    {
        var kubeconfig = Kubeconfig.Parse(Text().Replace("clusters:", "clusters:\n- name: other\n  cluster: {server: 'https://other.example'}", StringComparison.Ordinal), out var fault);
        Assert.Equal("", fault);
        Assert.Equal(("https://10.0.0.10:6443/", LoopbackCertificate.Pem, "abc.def"), (kubeconfig!.Server.ToString(), kubeconfig.CaCertificate, kubeconfig.Token));
        Assert.DoesNotContain("abc.def", kubeconfig.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_user_may_have_a_certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=admin", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(80));
        var user = $"- name: u\n  user:\n    client-certificate-data: {Data(certificate.ExportCertificatePem())}\n    client-key-data: {Data(key.ExportPkcs8PrivateKeyPem())}\n";
        var kubeconfig = Kubeconfig.Parse(Text(user), out _);
        Assert.Null(kubeconfig!.Token);
        Assert.Contains("BEGIN CERTIFICATE", kubeconfig.ClientCertificate, StringComparison.Ordinal);

        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Null(Kubeconfig.Parse(Text(user.Replace(Data(key.ExportPkcs8PrivateKeyPem()), Data(other.ExportPkcs8PrivateKeyPem()), StringComparison.Ordinal)), out var fault));
        Assert.Contains("private key", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("current-context: c", "", "no current-context")]
    [InlineData("current-context: c", "current-context: d", "no entry 'd' in contexts")]
    [InlineData("cluster: k,", "cluster: gone,", "no entry 'gone' in clusters")]
    [InlineData("user: u}", "user: gone}", "no entry 'gone' in users")]
    [InlineData("https://10.0.0.10:6443", "http://10.0.0.10:8080", "only https")]
    [InlineData("server: https://10.0.0.10:6443", "x: y", "no server")]
    [InlineData("certificate-authority-data: CA", "insecure-skip-tls-verify: true", "insecure-skip-tls-verify")]
    [InlineData("certificate-authority-data: CA", "certificate-authority: /etc/ca.pem", "a file in certificate-authority")]
    [InlineData("certificate-authority-data: CA", "certificate-authority-data: AAAA", "no PEM certificate")]
    [InlineData("certificate-authority-data: CA", "certificate-authority-data: '%'", "not base64")]
    [InlineData("certificate-authority-data: CA", "proxy-url: http://proxy", "proxy-url")]
    [InlineData("token: abc.def", "exec: {command: aws}", "exec")]
    [InlineData("token: abc.def", "auth-provider: {name: gcp}", "auth-provider")]
    [InlineData("token: abc.def", "username: admin", "username and password")]
    [InlineData("token: abc.def", "tokenFile: /var/run/token", "tokenFile")]
    [InlineData("token: abc.def", "client-certificate: /etc/c.pem", "a file in client-certificate")]
    [InlineData("token: abc.def", "token: 'a b'", "spaces or line breaks")]
    [InlineData("token: abc.def", "as: root", "acts as another")]
    [InlineData("token: abc.def", "x: y", "without a token")]
    [InlineData("kind: Config", "kind: Pod", "kind Config")]
    [InlineData("kind: Config", "kind: [a]", "no text")]
    [InlineData("kind: Config", "kind: Config\nkind: Config", "twice")]
    [InlineData("kind: Config", "x: &a [1]\ny: *a", "alias")]
    [InlineData("kind: Config", "x: [", "not YAML")]
    [InlineData("kind: Config", "---\nkind: Config", "")]
    public void What_cannot_be_carried_out_is_refused_by_name(string part, string instead, string said)
    {
        Assert.Null(Kubeconfig.Parse(Text().Replace(part == "certificate-authority-data: CA" ? $"certificate-authority-data: {Ca}" : part, instead, StringComparison.Ordinal), out var fault));
        Assert.Contains(said, fault, StringComparison.Ordinal);
        Assert.NotEqual("", fault);
    }

    [Theory]
    [InlineData("")]
    [InlineData("- a\n- b")]
    [InlineData("just text")]
    public void What_is_no_kubeconfig_is_told_so(string text)
    {
        Assert.Null(Kubeconfig.Parse(text, out var fault));
        Assert.Contains("must be a kubeconfig", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Size_and_depth_are_bounded()
    {
        foreach (var text in (string[])[new string('[', 100_000), new string('a', 300_000), string.Concat(Enumerable.Repeat("- a\n", 20_000)), string.Concat(Enumerable.Range(0, 40).Select(at => $"{new string(' ', at)}a:\n"))])
        {
            Assert.Null(Kubeconfig.Parse(text, out var fault));
            Assert.Contains("more than", fault, StringComparison.Ordinal);
        }
    }

    private static string Text(string users = Users) =>
        $"apiVersion: v1\nkind: Config\nclusters:\n- name: k\n  cluster:\n    server: https://10.0.0.10:6443\n    certificate-authority-data: {Ca}\nusers:\n{users}contexts:\n- name: c\n  context: {{cluster: k, user: u}}\ncurrent-context: c\n";

    private static string Data(string pem) => Convert.ToBase64String(Encoding.ASCII.GetBytes(pem));
}
