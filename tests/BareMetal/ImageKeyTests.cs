using System.Security.Cryptography;
using ControlPlane.Worker.BareMetal;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>Whose images may be installed.</summary>
public sealed class ImageKeyTests : IDisposable
{
    private static readonly string Hash = new('a', 64);

    private readonly ECDsa trusted = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa alsoTrusted = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string file = Path.GetTempFileName();

    [Fact]
    public void An_image_signed_by_any_trusted_key_is_good_and_no_other()
    {
        File.WriteAllText(file, $"{trusted.ExportSubjectPublicKeyInfoPem()}\n\n{alsoTrusted.ExportSubjectPublicKeyInfoPem()}\n");
        var keys = Keys(file);
        Assert.True(keys.AreRequired);
        Assert.True(keys.Verify(Hash, Sign(trusted, Hash)));
        Assert.True(keys.Verify(Hash, Sign(alsoTrusted, Hash)));
        Assert.False(keys.Verify(Hash, Sign(stranger, Hash)));
        Assert.False(keys.Verify(Hash, Sign(trusted, new string('b', 64))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not base64!")]
    [InlineData("AAAA")]
    public void What_is_no_signature_is_not_good(string signature)
    {
        File.WriteAllText(file, trusted.ExportSubjectPublicKeyInfoPem());
        Assert.False(Keys(file).Verify(Hash, signature));
    }

    [Fact]
    public void Without_a_key_file_signatures_are_not_demanded() => Assert.False(Keys("").AreRequired);

    public void Dispose()
    {
        trusted.Dispose();
        alsoTrusted.Dispose();
        stranger.Dispose();
        File.Delete(file);
    }

    private static ImageKeys Keys(string path) => new(new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("BareMetal:TrustedImageKeys", (string?)path)]).Build());

    private static string Sign(ECDsa key, string hash) => Convert.ToBase64String(key.SignHash(Convert.FromHexString(hash)));
}
