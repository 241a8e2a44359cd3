using System.Text.Json;
using ControlPlane.Sdk;
using ControlPlane.Tests.Architecture;
using ControlPlane.Tests.Conformance;
using ControlPlane.Tests.Fixtures;
using Xunit;
using SdkException = ControlPlane.Sdk.ArmException;
using SdkImage = ControlPlane.Sdk.OsImage;

namespace ControlPlane.Tests.Contract;

/// <summary>The generated clients against the whole control plane: writes that go on, pages, patches, refusals.</summary>
[Collection(ConformanceSuite.Name)]
public sealed class SdkTests(ConformanceFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_csharp_client_follows_a_write_to_its_end()
    {
        using var trusted = new TrustedCa();
        using var arm = new ArmClient(fixture.Whole.Endpoint, new ClientCredential(ControlPlaneFixture.Tenant, ControlPlaneFixture.ClientId, ControlPlaneFixture.ClientSecret), trusted.File);
        var images = new OsImagesClient(arm.Http);
        var (subscription, group) = (ControlPlaneFixture.Subscription, ConformanceFixture.Group);
        var wanted = new SdkImage { Location = "westeurope", Properties = JsonSerializer.Deserialize<OsImageProperties>(Properties())! };

        var made = await arm.WaitAsync(await images.CreateOrUpdateAsync(subscription, group, "sdk-csharp", wanted, Cancel), Cancel);
        Assert.Equal(("Succeeded", "24.04.3"), ($"{made.Properties.ProvisioningState}", made.Properties.Version));

        await arm.WaitAsync(await images.UpdateAsync(subscription, group, "sdk-csharp", new() { Properties = new() { KnownCves = ["CVE-2026-12345"] } }, Cancel), Cancel);
        var patched = (await images.GetAsync(subscription, group, "sdk-csharp", Cancel)).Result;
        Assert.Equal(["CVE-2026-12345"], patched.Properties.KnownCves!);

        var names = await arm.AllAsync(images.ListByResourceGroupAsync(subscription, group, top: 1, cancellationToken: Cancel), page => page.Value, page => page.NextLink, Cancel).Select(image => image.Name).ToListAsync(Cancel);
        Assert.Contains("sdk-csharp", names);

        await arm.WaitAsync(await images.DeleteAsync(subscription, group, "sdk-csharp", cancellationToken: Cancel), Cancel);
        var gone = await Assert.ThrowsAsync<SdkException>(() => images.GetAsync(subscription, group, "sdk-csharp", Cancel));
        Assert.Equal("ResourceNotFound", gone.Error.Code);
    }

    [Fact]
    public async Task The_csharp_client_tells_every_fault_of_a_refusal()
    {
        using var trusted = new TrustedCa();
        using var arm = new ArmClient(fixture.Whole.Endpoint, new ClientCredential(ControlPlaneFixture.Tenant, ControlPlaneFixture.ClientId, ControlPlaneFixture.ClientSecret), trusted.File);

        var refused = await Assert.ThrowsAsync<SdkException>(() => new OsImagesClient(arm.Http).CreateOrUpdateAsync(
            ControlPlaneFixture.Subscription, ConformanceFixture.Group, "sdk-refused", new() { Location = "nowhere", Properties = new() { Version = "1", Url = new("http://plain.example.org"), Sha256 = "short" } }, Cancel));

        Assert.Equal(400, (int)refused.Status);
        Assert.Contains("location", refused.Error.Details.Select(fault => fault.Target));
        Assert.Contains("properties.sha256", refused.Error.Details.Select(fault => fault.Target));
    }

    [Fact]
    public async Task The_typescript_client_follows_a_write_to_its_end()
    {
        using var trusted = new TrustedCa();
        await Node.RunAsync(Path.Combine(Node.Modules, "typescript", "bin", "tsc"), Cancel, "-p", Path.Combine(Product.Root, "clients", "sdk", "typescript"), "--outDir", trusted.Folder);

        var said = JsonSerializer.Deserialize<JsonElement>(await Node.RunAsync("sdk.cjs", new(StringComparer.Ordinal)
        {
            ["NODE_EXTRA_CA_CERTS"] = trusted.File,
            ["TENANT"] = ControlPlaneFixture.Tenant,
            ["CLIENT"] = ControlPlaneFixture.ClientId,
            ["SECRET"] = ControlPlaneFixture.ClientSecret,
            ["PROPERTIES"] = Properties(),
        }, Cancel, trusted.Folder, fixture.Whole.Endpoint.ToString(), ControlPlaneFixture.Subscription, ConformanceFixture.Group, "sdk-typescript"));

        Assert.Equal(("Succeeded", "24.04.3", "ResourceNotFound"), (said.GetProperty("state").GetString(), said.GetProperty("version").GetString(), said.GetProperty("gone").GetString()));
        Assert.Contains("sdk-typescript", said.GetProperty("names").EnumerateArray().Select(name => name.GetString()));
    }

    private string Properties() => fixture.Samples.Of(ControlPlane.Contracts.BareMetal.OsImage.Type).Properties(false).ToJsonString();

    /// <summary>What clients that are no .NET test must trust, as a file, in a folder that goes with it.</summary>
    private sealed class TrustedCa : IDisposable
    {
        private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("sdk-");

        public TrustedCa() => System.IO.File.WriteAllText(File, ControlPlaneFixture.CaPem);

        public string Folder => folder.FullName;

        public string File => Path.Combine(folder.FullName, "ca.pem");

        public void Dispose() => folder.Delete(recursive: true);
    }
}
