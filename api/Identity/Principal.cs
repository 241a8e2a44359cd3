namespace ControlPlane.Api.Identity;

/// <summary>Who sent the request.</summary>
/// <param name="ObjectId">Of the service principal or user, a GUID in lower case.</param>
/// <param name="Type"><c>Application</c> or <c>User</c>, as <c>systemData.createdByType</c> says it.</param>
/// <param name="AppId">The client id of the application that asked for the token.</param>
/// <param name="TenantId">The directory, a GUID in lower case.</param>
internal sealed record Principal(string ObjectId, string Type, string AppId, string TenantId)
{
    /// <summary>The groups that an external authority vouches for, by id; those of our own directory are in the database.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];
}

internal static class PrincipalOfRequest
{
    /// <summary>The authenticated caller; asking for it on a path that needs no token is a mistake in the program.</summary>
    public static Principal Principal(this HttpContext http) =>
        http.Features.Get<Principal>() ?? throw new InvalidOperationException($"{http.Request.Path} has no principal: it is outside authentication.");
}
