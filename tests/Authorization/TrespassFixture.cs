using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>Two subscriptions, and in the first a group that somebody owns beside one that others own.</summary>
public sealed class TrespassFixture : IAsyncLifetime
{
    /// <summary>Stands in what may not be seen, and nowhere else.</summary>
    public const string Marker = "7.7.7-confidential";

    private ControlPlaneFixture? plane;

    internal ControlPlaneFixture Plane => plane!;

    /// <summary>Owns <see cref="Mine"/> and nothing else.</summary>
    internal ArmHttp Intruder { get; private set; } = null!;

    internal string IntruderId { get; private set; } = "";

    internal static string Mine => $"{ArmHttp.SubscriptionPath}/resourceGroups/mine";

    internal static string Others => $"{ArmHttp.SubscriptionPath}/resourceGroups/others";

    /// <summary>In the other subscription.</summary>
    internal string Foreign { get; } = $"/subscriptions/{Guid.NewGuid()}/resourceGroups/foreign";

    /// <summary>What the owner was answered when it created what the intruder may not see.</summary>
    internal List<ArmAnswer> Accepted { get; } = [];

    public async ValueTask InitializeAsync()
    {
        plane = await ControlPlaneFixture.StartFrontDoorAsync();
        (await plane.Arm.PutAsync($"{Subscription(Foreign)}?api-version=2.0", new JsonObject { ["state"] = "Registered" })).Is(200);
        foreach (var group in new[] { Mine, Others, Foreign })
            (await plane.Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        (await plane.Arm.PutAsync(Image(Mine, "own"), AuthorizationFixture.Image())).Is(201);
        // Some of the spellings do name the intruder's own group: it may be deleted by none of them, for other tests use it.
        (await plane.Arm.PutAsync($"{Mine}/providers/Microsoft.Authorization/locks/keep?api-version=2020-05-01", new JsonObject { ["properties"] = new JsonObject { ["level"] = "CanNotDelete" } })).Is(201);
        foreach (var group in new[] { Others, Foreign })
        {
            var image = AuthorizationFixture.Image();
            image["properties"]!["version"] = Marker;
            Accepted.Add((await plane.Arm.PutAsync(Image(group, "hidden"), image)).Is(201));
            (await plane.Arm.PutAsync($"{Image(group, "hidden")}/providers/Microsoft.Authorization/locks/hidden?api-version=2020-05-01", new JsonObject { ["properties"] = new JsonObject { ["level"] = "CanNotDelete", ["notes"] = Marker } })).Is(201);
        }

        (Intruder, IntruderId) = await plane.NewPrincipalAsync();
        await plane.AssignAsync(IntruderId, BuiltInRoles.Owner, Mine);
    }

    public async ValueTask DisposeAsync()
    {
        var errors = plane!.Log.Errors.ToList();
        await plane.DisposeAsync();
        Assert.True(errors.Count == 0, $"The control plane logged errors:\n{string.Join('\n', errors)}");
    }

    internal static string Image(string group, string name) => $"{group}/providers/ControlPlane.BareMetal/osImages/{name}";

    internal static string Subscription(string group) => string.Join('/', group.Split('/')[..3]);

    /// <summary>Everything outside of <see cref="Mine"/>, so that a test can say that nothing of it has changed.</summary>
    internal async Task<string?> OutsideAsync() => (string?)await Plane.Database.ScalarAsync(
        "select string_agg(key || ' ' || version, E'\n' order by key) from resources where not starts_with(key, $1) and extends_key is distinct from $1", Mine.ToLowerInvariant());
}
