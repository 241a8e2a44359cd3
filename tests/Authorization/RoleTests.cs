using System.Text.Json.Nodes;
using ControlPlane.Admission.Authorization;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>Roles at the front door: who may do what, who sees what, and what is recorded.</summary>
[Collection(AuthorizationSuite.Name)]
public sealed class RoleTests(AuthorizationFixture fixture)
{
    private const string Version = "api-version=2022-04-01";
    private const string RoleDefinitions = "/providers/Microsoft.Authorization/roleDefinitions";

    private ArmHttp Arm => fixture.Plane.Arm;

    [Fact]
    public async Task A_reader_reads_and_is_told_what_it_may_not_do()
    {
        var group = await fixture.GroupAsync();
        var (reader, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Reader, group);
        (await reader.GetAsync(group)).Is(200);
        var refused = (await reader.PutAsync($"{group}/providers/ControlPlane.BareMetal/osImages/a", AuthorizationFixture.Image())).Is(403, "AuthorizationFailed");
        Assert.Contains($"The client '{id}' with object id '{id}' does not have authorization to perform action 'ControlPlane.BareMetal/osImages/write' over scope '{group}/providers/ControlPlane.BareMetal/osImages/a' or the scope is invalid.", refused.Text, StringComparison.Ordinal);
        (await reader.DeleteAsync(group)).Is(403, "AuthorizationFailed");
    }

    [Fact]
    public async Task What_a_principal_may_not_see_does_not_exist_for_it()
    {
        var (mine, other) = (await fixture.GroupAsync(), await fixture.GroupAsync());
        (await Arm.PutAsync($"{other}/providers/ControlPlane.BareMetal/osImages/hidden", AuthorizationFixture.Image())).Is(201);
        var (owner, id) = await fixture.Plane.NewPrincipalAsync();
        (await owner.GetAsync(mine)).Is(404, "SubscriptionNotFound");
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Owner, mine);
        (await owner.GetAsync(mine)).Is(200);
        (await owner.GetAsync(other)).Is(404, "ResourceGroupNotFound");
        (await owner.GetAsync($"{other}/providers/ControlPlane.BareMetal/osImages/hidden")).Is(404, "ResourceGroupNotFound");
        (await owner.PutAsync($"{other}/providers/ControlPlane.BareMetal/osImages/hidden", AuthorizationFixture.Image())).Is(404, "ResourceGroupNotFound");
        (await owner.DeleteAsync($"{other}/providers/ControlPlane.BareMetal/osImages/hidden")).Is(404, "ResourceGroupNotFound");
        Assert.Equal([mine], (await owner.GetAsync($"{ArmHttp.SubscriptionPath}/resourceGroups")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("id").GetString()));
        Assert.DoesNotContain("hidden", (await owner.GetAsync($"{ArmHttp.SubscriptionPath}/resources")).Is(200).Text, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", (await owner.GetAsync($"{ArmHttp.SubscriptionPath}/providers/ControlPlane.BareMetal/osImages")).Is(200).Text, StringComparison.Ordinal);
        Assert.Contains(ControlPlaneFixture.Subscription, (await owner.GetAsync("/subscriptions")).Is(200).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_assignment_ends_at_once_here_and_a_second_one_of_the_same_is_refused()
    {
        var group = await fixture.GroupAsync();
        var (reader, id) = await fixture.Plane.NewPrincipalAsync();
        var assignment = await fixture.Plane.AssignAsync(id, BuiltInRoles.Reader, group);
        (await reader.GetAsync(group)).Is(200);
        (await Arm.PutAsync($"{group}/providers/Microsoft.Authorization/roleAssignments/{Guid.NewGuid()}?{Version}", AuthorizationFixture.Assignment(id, BuiltInRoles.Reader))).Is(409, "RoleAssignmentExists");
        var read = (await Arm.GetAsync($"{assignment}?{Version}")).Is(200).Json.GetProperty("properties");
        Assert.Equal(group, read.GetProperty("scope").GetString());
        (await Arm.PutAsync($"{assignment}?{Version}", AuthorizationFixture.Assignment(id, BuiltInRoles.Owner))).Is(400);
        (await Arm.DeleteAsync($"{assignment}?{Version}")).Is(200);
        (await Arm.DeleteAsync($"{assignment}?{Version}")).Is(204);
        (await reader.GetAsync(group)).Is(404, "SubscriptionNotFound");
    }

    [Fact]
    public async Task On_another_replica_a_revoked_assignment_ends_within_five_seconds()
    {
        await using var plane = await ControlPlaneFixture.StartAsync();
        var (reader, id) = await plane.NewPrincipalAsync();
        var assignment = await plane.AssignAsync(id, BuiltInRoles.Reader, ArmHttp.SubscriptionPath);
        (await reader.GetAsync(ArmHttp.SubscriptionPath)).Is(200);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        // What another replica's transaction does, without telling this one.
        await plane.Database.ExecuteAsync("delete from resources where key = $1", assignment.ToLowerInvariant());
        await Eventually.Async(() => reader.GetAsync(ArmHttp.SubscriptionPath), answer => answer.Status == 404, "the assignment is forgotten", TimeSpan.FromSeconds(5));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"{clock.Elapsed}");
    }

    [Fact]
    public async Task A_custom_role_allows_its_actions_less_the_excepted_ones_where_it_is_assigned()
    {
        var group = await fixture.GroupAsync();
        var role = $"{ArmHttp.SubscriptionPath}{RoleDefinitions}/{Guid.NewGuid()}";
        (await Arm.PutAsync($"{role}?{Version}", AuthorizationFixture.Role("Image Keeper", ["ControlPlane.BareMetal/osImages/*", "*/read"], ["*/delete"], group))).Is(201);
        var (keeper, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, role, group);
        (await keeper.PutAsync($"{group}/providers/ControlPlane.BareMetal/osImages/mine", AuthorizationFixture.Image())).Is(201);
        (await keeper.DeleteAsync($"{group}/providers/ControlPlane.BareMetal/osImages/mine")).Is(403, "AuthorizationFailed");
        (await keeper.PutAsync($"{group}?api-version=2021-04-01", new JsonObject { ["location"] = "westeurope" })).Is(403, "AuthorizationFailed");
        (await Arm.DeleteAsync($"{role}?{Version}")).Is(409, "ResourceInUse");

        var listed = (await Arm.GetAsync($"{group}{RoleDefinitions}?{Version}&$filter=roleName%20eq%20'Image%20Keeper'")).Is(200).Json.GetProperty("value");
        Assert.Equal(role, Assert.Single(listed.EnumerateArray()).GetProperty("id").GetString());
        var all = (await Arm.GetAsync($"{group}{RoleDefinitions}?{Version}")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("properties").GetProperty("roleName").GetString()).ToList();
        foreach (var name in new[] { "Owner", "Contributor", "Reader", "User Access Administrator", "Bare Metal Operator", "Fleet Operator", "Ray Job Submitter", "Model Owner", "Model Invoker", "Image Keeper" })
            Assert.Contains(name, all);
    }

    [Fact]
    public async Task Nobody_defines_a_role_for_where_it_may_not_or_changes_a_built_in_one()
    {
        var (mine, other) = (await fixture.GroupAsync(), await fixture.GroupAsync());
        var (administrator, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, BuiltInRoles.UserAccessAdministrator, mine);
        (await administrator.PutAsync($"{mine}{RoleDefinitions}/{Guid.NewGuid()}?{Version}", AuthorizationFixture.Role("Mine", ["*"], [], mine))).Is(201);
        (await administrator.PutAsync($"{mine}{RoleDefinitions}/{Guid.NewGuid()}?{Version}", AuthorizationFixture.Role("Too far", ["*"], [], other))).Is(403, "LinkedAuthorizationFailed");
        (await administrator.PutAsync($"{mine}{RoleDefinitions}/{Guid.NewGuid()}?{Version}", AuthorizationFixture.Role("Everywhere", ["*"], [], "/"))).Is(403, "LinkedAuthorizationFailed");
        (await Arm.PutAsync($"{RoleDefinitions}/{BuiltInRoles.Reader}?{Version}", AuthorizationFixture.Role("Reader", ["*"], [], "/"))).Is(409, "BuiltInResource");
        (await administrator.PutAsync($"{other}/providers/Microsoft.Authorization/roleAssignments/{Guid.NewGuid()}?{Version}", AuthorizationFixture.Assignment(id, BuiltInRoles.Owner))).Is(404, "ResourceGroupNotFound");
    }

    [Fact]
    public async Task Nothing_is_linked_that_the_caller_may_not_read()
    {
        var (mine, other) = (await fixture.GroupAsync(), await fixture.GroupAsync());
        (await Arm.PutAsync($"{other}/providers/ControlPlane.BareMetal/osImages/theirs", AuthorizationFixture.Image())).Is(201);
        var (owner, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Owner, mine);
        var machine = new JsonObject
        {
            ["location"] = "westeurope",
            ["properties"] = new JsonObject
            {
                ["bmc"] = new JsonObject { ["endpoint"] = "https://127.0.0.9:4444", ["credentials"] = new JsonObject { ["userName"] = "u", ["password"] = "p" } },
                ["osImageId"] = $"{other}/providers/ControlPlane.BareMetal/osImages/theirs",
                ["clusterId"] = $"{other}/providers/Microsoft.Kubernetes/connectedClusters/theirs",
            },
        };
        var refused = (await owner.PutAsync($"{mine}/providers/ControlPlane.BareMetal/bareMetalMachines/m", machine)).Is(403, "LinkedAuthorizationFailed");
        Assert.Contains("ControlPlane.BareMetal/osImages/read", refused.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Permissions_and_assignments_can_be_asked_for()
    {
        var group = await fixture.GroupAsync();
        var (reader, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Reader, group);
        var permissions = (await reader.GetAsync($"{group}/providers/Microsoft.Authorization/permissions?{Version}")).Is(200).Json.GetProperty("value");
        Assert.Equal("*/read", Assert.Single(permissions.EnumerateArray()).GetProperty("actions")[0].GetString());
        var mine = (await Arm.GetAsync($"{group}/providers/Microsoft.Authorization/roleAssignments?{Version}&$filter=principalId%20eq%20'{id}'")).Is(200).Json.GetProperty("value");
        Assert.Single(mine.EnumerateArray());
        var here = (await Arm.GetAsync($"{group}/providers/Microsoft.Authorization/roleAssignments?{Version}&$filter=atScope()")).Is(200).Json.GetProperty("value").EnumerateArray().ToList();
        Assert.True(here.Count >= 2, "the one of the group, and the installer's at the tenant");
        Assert.Single((await Arm.GetAsync($"{group}/providers/Microsoft.Authorization/roleAssignments?{Version}&$filter=atExactScope()")).Is(200).Json.GetProperty("value").EnumerateArray());
    }

    [Fact]
    public async Task An_assignment_goes_with_its_scope()
    {
        var group = await fixture.GroupAsync();
        var (_, id) = await fixture.Plane.NewPrincipalAsync();
        var assignment = await fixture.Plane.AssignAsync(id, BuiltInRoles.Reader, group);
        var deleted = (await Arm.DeleteAsync(group)).Is(202);
        await Arm.FinishAsync(deleted);
        (await Arm.GetAsync($"{assignment}?{Version}")).Is(404);
        Assert.Empty((await fixture.Plane.Services.GetRequiredService<Authorizer>().GrantsOfAsync(id, [], TestContext.Current.CancellationToken)).All);
    }

    [Fact]
    public async Task Bad_roles_and_assignments_are_refused_with_every_fault()
    {
        var role = AuthorizationFixture.Role("", ["not an action"], [], "nowhere");
        var refused = (await Arm.PutAsync($"{ArmHttp.SubscriptionPath}{RoleDefinitions}/{Guid.NewGuid()}?{Version}", role)).Is(400);
        foreach (var target in new[] { "properties.roleName", "properties.permissions[0].actions", "properties.assignableScopes" })
            Assert.Contains(target, refused.Targets);
        (await Arm.PutAsync($"{ArmHttp.SubscriptionPath}{RoleDefinitions}/no-guid?{Version}", AuthorizationFixture.Role("x", ["*"], [], "/"))).Is(400, "InvalidResourceName");
        (await Arm.PutAsync($"{ArmHttp.SubscriptionPath}/providers/Microsoft.Authorization/roleAssignments/{Guid.NewGuid()}?{Version}", AuthorizationFixture.Assignment("someone", Guid.NewGuid().ToString()))).Is(400);
        Assert.Equal(ResourceScopes.Resource, RoleAssignment.Scopes & ResourceScopes.Resource);
    }
}
