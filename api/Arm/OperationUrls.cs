using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>Where an operation is watched: absolute, at subscription scope so that it survives its resource, on the host the client used.</summary>
internal static class OperationUrls
{
    public const string RetryAfterSeconds = "1";

    public static string Path(string subscription, string provider, string location, Guid operation) =>
        $"/subscriptions/{subscription}/providers/{provider}/locations/{location}/operationStatuses/{operation}";

    public static void Watch(HttpContext http, ResourceId id, string location, Guid operation, bool withLocation)
    {
        var version = http.Request.Query["api-version"];
        var path = Path(id.Subscription, id.Type.Provider, location, operation);
        http.Response.Headers["Azure-AsyncOperation"] = $"{http.BaseAddress()}{path}?api-version={version}";
        if (withLocation)
            http.Response.Headers.Location = $"{http.BaseAddress()}{path.Replace("/operationStatuses/", "/operationResults/", StringComparison.Ordinal)}?api-version={version}";
        http.Response.Headers.RetryAfter = RetryAfterSeconds;
    }
}
