using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>Locks bind every write, from above, at the scope itself, and for deletions from below.</summary>
[Collection(AuthorizationSuite.Name)]
public sealed class LockTests(AuthorizationFixture fixture)
{
    private const string Version = "api-version=2016-09-01";

    private ArmHttp Arm => fixture.Plane.Arm;

    [Fact]
    public async Task CanNotDelete_at_a_group_keeps_what_is_in_it_and_the_group()
    {
        var (group, image) = await WithImageAsync();
        var held = await LockAsync(group, "CanNotDelete");
        var refused = (await Arm.DeleteAsync(image)).Is(409, "ScopeLocked");
        Assert.Contains($"'{group}'", refused.Text, StringComparison.Ordinal);
        (await Arm.DeleteAsync(group)).Is(409, "ScopeLocked");
        (await Arm.PatchAsync(image, new JsonObject { ["tags"] = new JsonObject { ["a"] = "b" } })).Is(200);
        (await Arm.DeleteAsync($"{held}?{Version}")).Is(200);
        (await Arm.DeleteAsync(group)).Is(202);
    }

    [Fact]
    public async Task A_lock_on_a_resource_keeps_its_group()
    {
        var (group, image) = await WithImageAsync();
        var held = await LockAsync(image, "CanNotDelete");
        (await Arm.DeleteAsync(group)).Is(409, "ScopeLocked");
        (await Arm.DeleteAsync(image)).Is(409, "ScopeLocked");
        Assert.Contains(held, (await Arm.GetAsync($"{group}/providers/Microsoft.Authorization/locks?{Version}")).Is(200).Text, StringComparison.Ordinal);
        Assert.DoesNotContain(held, (await Arm.GetAsync($"{group}/providers/Microsoft.Authorization/locks?{Version}&$filter=atScope()")).Is(200).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadOnly_refuses_every_write_but_that_of_locks()
    {
        var (group, image) = await WithImageAsync();
        var held = await LockAsync(group, "ReadOnly");
        (await Arm.PutAsync(image, AuthorizationFixture.Image())).Is(409, "ScopeLocked");
        (await Arm.PutAsync(image + "2", AuthorizationFixture.Image())).Is(409, "ScopeLocked");
        (await Arm.PatchAsync(image, new JsonObject { ["tags"] = new JsonObject() })).Is(409, "ScopeLocked");
        (await Arm.PatchAsync(group, new JsonObject { ["tags"] = new JsonObject() })).Is(409, "ScopeLocked");
        (await Arm.PutAsync($"{image}/providers/Microsoft.Resources/tags/default", new JsonObject { ["properties"] = new JsonObject { ["tags"] = new JsonObject() } })).Is(409, "ScopeLocked");
        (await Arm.PutAsync($"{group}/providers/Microsoft.Authorization/roleAssignments/{Guid.NewGuid()}?api-version=2022-04-01", AuthorizationFixture.Assignment("p", BuiltInRoles.Reader))).Is(409, "ScopeLocked");
        (await Arm.GetAsync(image)).Is(200);
        (await Arm.DeleteAsync($"{held}?{Version}")).Is(200);
        (await Arm.PatchAsync(image, new JsonObject { ["tags"] = new JsonObject() })).Is(200);
    }

    [Fact]
    public async Task A_lock_reads_as_clients_expect_and_refuses_what_it_does_not_know()
    {
        var group = await fixture.GroupAsync();
        var held = await LockAsync(group, "CanNotDelete");
        var read = (await Arm.GetAsync($"{held}?{Version}")).Is(200).Json;
        Assert.Equal("Microsoft.Authorization/locks", read.GetProperty("type").GetString());
        Assert.Equal("CanNotDelete", read.GetProperty("properties").GetProperty("level").GetString());
        Assert.Equal("for the test", read.GetProperty("properties").GetProperty("notes").GetString());
        Assert.False(read.TryGetProperty("location", out _));
        (await Arm.PutAsync($"{held}?{Version}", new JsonObject { ["properties"] = new JsonObject { ["level"] = "Sometimes" } })).Is(400);
        (await Arm.PutAsync($"{group}/providers/Microsoft.Authorization/locks/a?api-version=2001-01-01", new JsonObject())).Is(400, "NoRegisteredProviderFound");
        (await Arm.PutAsync($"{group}-none/providers/Microsoft.Authorization/locks/a?{Version}", new JsonObject { ["properties"] = new JsonObject { ["level"] = "ReadOnly" } })).Is(404, "ResourceGroupNotFound");
        var (contributor, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Contributor, group);
        (await contributor.DeleteAsync($"{held}?{Version}")).Is(403, "AuthorizationFailed");
    }

    private async Task<(string Group, string Image)> WithImageAsync()
    {
        var group = await fixture.GroupAsync();
        var image = $"{group}/providers/ControlPlane.BareMetal/osImages/image";
        await Arm.FinishAsync((await Arm.PutAsync(image, AuthorizationFixture.Image())).Is(201));
        return (group, image);
    }

    private async Task<string> LockAsync(string scope, string level)
    {
        var path = $"{scope}/providers/Microsoft.Authorization/locks/held";
        (await Arm.PutAsync($"{path}?{Version}", new JsonObject { ["properties"] = new JsonObject { ["level"] = level, ["notes"] = "for the test" } })).Is(201);
        return path;
    }
}
