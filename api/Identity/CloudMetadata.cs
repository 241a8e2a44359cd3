using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Identity;

/// <summary>
/// <c>/metadata/endpoints</c>, from which a client learns everything about a private cloud but its address. It has three forms: az up to 2.4x asks 2015-01-01 and reads
/// the one of Azure Stack; 2019-05-01 and 2020-06-01 are a list of clouds; from 2022-09-01 it is one cloud.
/// </summary>
internal static class CloudMetadata
{
    public const string Path = "/metadata/endpoints";

    private const string FirstList = "2018-05-01";
    private const string FirstSingle = "2022-09-01";

    public static void MapCloudMetadata(this IEndpointRouteBuilder app) =>
        app.MapGet(Path, (HttpContext http, IdentitySettings settings) =>
        {
            var endpoint = settings.EndpointOf(http.Request);
            var version = http.Request.Query["api-version"].ToString();
            object body = string.CompareOrdinal(version, FirstSingle) >= 0 ? Cloud(endpoint, settings)
                : string.CompareOrdinal(version, FirstList) >= 0 ? new[] { Cloud(endpoint, settings) }
                : Stack(endpoint, settings);
            return Results.Json(body, Json.Options);
        }).ExcludeFromDescription().WithMetadata(Arm.OpenRoute.Instance);

    /// <summary>The login endpoint must end in <c>/adfs</c> here: only then does az not ask login.microsoftonline.com about the authority.</summary>
    private static object Stack(string endpoint, IdentitySettings settings) => new
    {
        GalleryEndpoint = endpoint,
        GraphEndpoint = endpoint,
        PortalEndpoint = endpoint,
        Authentication = new { LoginEndpoint = endpoint + "/adfs", Audiences = Audiences(endpoint, settings) },
    };

    private static object Cloud(string endpoint, IdentitySettings settings) => new
    {
        Name = "ControlPlane",
        Portal = endpoint,
        Authentication = new { LoginEndpoint = endpoint + "/adfs", Audiences = Audiences(endpoint, settings), Tenant = settings.TenantId, IdentityProvider = "ADFS" },
        ResourceManager = endpoint,
        Graph = endpoint,
        GraphAudience = endpoint,
        MicrosoftGraphResourceId = endpoint,
        Gallery = endpoint,
        Batch = endpoint,
        Media = endpoint,
        Suffixes = new Dictionary<string, string>(StringComparer.Ordinal),
    };

    private static string[] Audiences(string endpoint, IdentitySettings settings) => [endpoint, .. settings.Audiences];
}
