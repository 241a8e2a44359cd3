using System.Text;
using ControlPlane.Admission.Deployments;
using ControlPlane.Api.Arm;

namespace ControlPlane.Api.Deployments;

/// <summary>The body of a deployment: JSON as people and <c>az</c> write it, or YAML.</summary>
internal static class DeploymentBody
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static async Task<DeploymentRequest> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        var (text, isYaml) = await TextAsync(request, cancel);
        return DeploymentRequest.Read(text, isYaml);
    }

    public static async Task<(string Text, bool IsYaml)> TextAsync(HttpRequest request, CancellationToken cancel)
    {
        var isYaml = request.ContentType?.Split(';')[0].Trim().ToLowerInvariant() is "application/yaml" or "application/x-yaml" or "text/yaml";
        if (!isYaml && !request.HasJsonContentType())
            throw ArmErrors.UnsupportedMediaType(request.ContentType);
        if (request.ContentLength > RequestBody.Limit)
            throw ArmErrors.BodyTooLarge(RequestBody.Limit);
        using var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int read; (read = await request.Body.ReadAsync(buffer, cancel)) > 0;)
        {
            if (bytes.Length + read > RequestBody.Limit)
                throw ArmErrors.BodyTooLarge(RequestBody.Limit);
            bytes.Write(buffer, 0, read);
        }

        try
        {
            return (Strict.GetString(bytes.GetBuffer(), 0, (int)bytes.Length), isYaml);
        }
        catch (DecoderFallbackException)
        {
            throw ArmErrors.NotJson("it is not UTF-8.");
        }
    }
}
