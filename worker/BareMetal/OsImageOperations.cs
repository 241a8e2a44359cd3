using System.Security.Cryptography;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.Arm;

namespace ControlPlane.Worker.BareMetal;

[RunsOn("put")]
internal sealed class RegisterOsImage(ImageKeys keys) : Operation<OsImage, OsImageStatus>
{
    public override IReadOnlyList<Step<OsImage, OsImageStatus>> Steps => [Do(VerifySignatureAsync)];

    private Task VerifySignatureAsync(StepContext<OsImage, OsImageStatus> context, CancellationToken stop)
    {
        var image = context.Wanted;
        if (image.Signature is null && keys.AreRequired)
            throw new OperationFailedException("ImageSignatureRequired", "This control plane installs signed images only; give 'properties.signature'.");
        if (image.Signature is { } signature && !keys.Verify(image.Sha256, signature))
            throw new OperationFailedException("ImageSignatureInvalid", "The signature over 'properties.sha256' fits none of the trusted image keys (BareMetal:TrustedImageKeys).");
        context.Status = context.Status with { SignatureStatus = image.Signature is null ? "Unsigned" : "Verified" };
        return Task.CompletedTask;
    }
}

[RunsOn("delete")]
internal sealed class ForgetOsImage : Operation<OsImage, OsImageStatus>
{
    /// <summary>The file belongs to the image server; the front door has made sure that no machine refers to it.</summary>
    public override IReadOnlyList<Step<OsImage, OsImageStatus>> Steps => [];
}

/// <summary>The public keys whose owners may sign images: a PEM file (<c>BareMetal:TrustedImageKeys</c>); with one set, unsigned images are refused.</summary>
internal sealed class ImageKeys
{
    private readonly IReadOnlyList<ECDsa> keys;

    public ImageKeys(IConfiguration configuration)
    {
        var pem = configuration["BareMetal:TrustedImageKeys"] is { Length: > 0 } file ? File.ReadAllText(file) : "";
        keys = [.. pem.Split("-----END PUBLIC KEY-----").Where(part => part.Contains("BEGIN PUBLIC KEY", StringComparison.Ordinal)).Select(part =>
        {
            var key = ECDsa.Create();
            key.ImportFromPem(part + "-----END PUBLIC KEY-----");
            return key;
        })];
    }

    public bool AreRequired => keys.Count > 0;

    public bool Verify(string sha256, string signature)
    {
        var bytes = new byte[256];
        return Convert.TryFromBase64String(signature, bytes, out var length)
            && keys.Any(key => key.VerifyHash(Convert.FromHexString(sha256), bytes.AsSpan(0, length)));
    }
}
