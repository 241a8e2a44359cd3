using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Authorization;

namespace ControlPlane.Api.Authorization;

/// <summary>What the caller may do at a scope (Microsoft.Authorization/permissions): the permissions of each role that it has there, which add up.</summary>
internal static class PermissionEndpoints
{
    private const string Path = "/providers/Microsoft.Authorization/permissions";

    public static void Map(IEndpointRouteBuilder app)
    {
        var route = new ArmRoute("Permissions_ListForScope", Action: null, "What the caller may do at the scope.") { IsPaged = true, Answers = [new(200, "All of it.", typeof(Page<RolePermissions>))] };
        foreach (var template in ResourceTypes.Extended())
            app.MapArm(HttpMethod.Get, template + Path, route, ListAsync);
    }

    private static Task ListAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var path = http.Request.Path.Value!;
        var scope = path[..^Path.Length];
        return http.AnswerAsync(new Page<RolePermissions>([.. http.Grants().At(scope.Length == 0 ? Grants.Everywhere : scope).SelectMany(role => role.Permissions)], NextLink: null));
    }
}
