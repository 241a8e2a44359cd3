using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>What the caller may do, asked at a resource (Microsoft.Authorization/permissions): also what it may do with the data in it.</summary>
[Collection(AuthorizationSuite.Name)]
public sealed class PermissionTests(AuthorizationFixture fixture)
{
    private const string Version = "api-version=2022-04-01";

    private ArmHttp Arm => fixture.Plane.Arm;

    [Theory]
    [InlineData(BuiltInRoles.ModelInvoker, "ControlPlane.Serving/modelServingRuntimes/invoke/action")]
    [InlineData(BuiltInRoles.RayJobSubmitter, "ControlPlane.Ray/workspaces/jobs/*")]
    [InlineData(BuiltInRoles.ModelOwner, "ControlPlane.Serving/*")]
    public async Task A_role_on_data_shows_its_data_actions_at_the_resource_and_nowhere_above(string role, string dataAction)
    {
        var resource = await ResourceAsync();
        var (caller, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, role, resource);
        var shown = Assert.Single(await PermissionsAsync(caller, resource));
        var defined = Assert.Single(BuiltInRoles.ByName[role].Permissions);
        Assert.Equal([dataAction], Texts(shown, "dataActions"));
        Assert.Equal(defined.Actions, Texts(shown, "actions"));
        Assert.Empty(Texts(shown, "notActions"));
        Assert.Empty(Texts(shown, "notDataActions"));
        Assert.Equal(shown.GetRawText(), Assert.Single(await PermissionsAsync(caller, resource.ToUpperInvariant().Replace("/SUBSCRIPTIONS/", "/subscriptions/", StringComparison.Ordinal))).GetRawText());
        Assert.Empty(await PermissionsAsync(caller, resource[..resource.IndexOf("/providers/", StringComparison.Ordinal)]));
    }

    [Fact]
    public async Task Wildcards_and_what_is_excepted_are_shown_as_the_role_says_them_and_roles_add_up()
    {
        var resource = await ResourceAsync();
        var role = await DefineAsync(["*/read"], ["ControlPlane.Serving/*", "ControlPlane.Ray/workspaces/*/action"], ["ControlPlane.Serving/*/delete", "*/purge/action"]);
        var (caller, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, role, resource[..resource.IndexOf("/providers/", StringComparison.Ordinal)]);
        var inherited = Assert.Single(await PermissionsAsync(caller, resource));
        Assert.Equal(["ControlPlane.Serving/*", "ControlPlane.Ray/workspaces/*/action"], Texts(inherited, "dataActions"));
        Assert.Equal(["ControlPlane.Serving/*/delete", "*/purge/action"], Texts(inherited, "notDataActions"));
        Assert.Equal(["*/read"], Texts(inherited, "actions"));

        await fixture.Plane.AssignAsync(id, BuiltInRoles.ModelInvoker, resource);
        var both = await PermissionsAsync(caller, resource);
        Assert.Equal(2, both.Count);
        Assert.Contains(both, one => one.GetRawText() == inherited.GetRawText());
        Assert.Contains(both, one => Texts(one, "dataActions").SequenceEqual(["ControlPlane.Serving/modelServingRuntimes/invoke/action"], StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_action_on_data_lets_nobody_do_anything_with_the_resource()
    {
        var resource = await ResourceAsync();
        var role = await DefineAsync(["ControlPlane.BareMetal/osImages/read"], ["*"], []);
        var (caller, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, role, resource);
        Assert.Equal(["*"], Texts(Assert.Single(await PermissionsAsync(caller, resource)), "dataActions"));
        (await caller.GetAsync(resource)).Is(200);
        (await caller.DeleteAsync(resource)).Is(403, "AuthorizationFailed");
    }

    private async Task<string> ResourceAsync()
    {
        var path = $"{await fixture.GroupAsync()}/providers/ControlPlane.BareMetal/osImages/guarded";
        (await Arm.PutAsync(path, AuthorizationFixture.Image())).Is(201);
        return path;
    }

    private async Task<string> DefineAsync(string[] actions, string[] dataActions, string[] notDataActions)
    {
        var path = $"{ArmHttp.SubscriptionPath}/providers/Microsoft.Authorization/roleDefinitions/{Guid.NewGuid()}";
        var role = AuthorizationFixture.Role($"Data {Guid.NewGuid():N}", actions, [], ArmHttp.SubscriptionPath);
        var permissions = role["properties"]!["permissions"]![0]!;
        (permissions["dataActions"], permissions["notDataActions"]) = (new JsonArray([.. dataActions]), new JsonArray([.. notDataActions]));
        (await Arm.PutAsync($"{path}?{Version}", role)).Is(201);
        return path;
    }

    private static async Task<IReadOnlyList<JsonElement>> PermissionsAsync(ArmHttp arm, string scope) =>
        [.. (await arm.GetAsync($"{scope}/providers/Microsoft.Authorization/permissions?{Version}")).Is(200).Json.GetProperty("value").EnumerateArray()];

    private static IEnumerable<string> Texts(JsonElement permission, string member) => permission.GetProperty(member).EnumerateArray().Select(text => text.GetString()!);
}
