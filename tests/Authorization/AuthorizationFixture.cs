using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>One control plane for the tests of roles, locks, subscriptions and tags; each test works in groups of its own.</summary>
public sealed class AuthorizationFixture : IAsyncLifetime
{
    private static int groups;
    private ControlPlaneFixture? plane;

    internal ControlPlaneFixture Plane => plane!;

    public async ValueTask InitializeAsync() => plane = await ControlPlaneFixture.StartAsync();

    public async ValueTask DisposeAsync()
    {
        var errors = plane!.Log.Errors.ToList();
        await plane.DisposeAsync();
        Assert.True(errors.Count == 0, $"The control plane logged errors:\n{string.Join('\n', errors)}");
    }

    /// <summary>A new resource group; the answer is its path.</summary>
    internal async Task<string> GroupAsync()
    {
        var path = $"{ArmHttp.SubscriptionPath}/resourceGroups/roles-{Interlocked.Increment(ref groups)}";
        (await Plane.Arm.PutAsync(path, new JsonObject { ["location"] = "westeurope" })).Is(201);
        return path;
    }

    internal static JsonObject Image() => new()
    {
        ["location"] = "westeurope",
        ["properties"] = new JsonObject { ["version"] = "24.04.3", ["url"] = "https://images.example/a.raw", ["sha256"] = new string('a', 64), ["sizeBytes"] = 1024 },
    };

    internal static JsonObject Assignment(string principal, string role) => new()
    {
        ["properties"] = new JsonObject { ["roleDefinitionId"] = $"/providers/Microsoft.Authorization/roleDefinitions/{role}", ["principalId"] = principal },
    };

    internal static JsonObject Role(string name, string[] actions, string[] notActions, string scope) => new()
    {
        ["properties"] = new JsonObject
        {
            ["roleName"] = name,
            ["type"] = "CustomRole",
            ["permissions"] = new JsonArray(new JsonObject { ["actions"] = new JsonArray([.. actions]), ["notActions"] = new JsonArray([.. notActions]) }),
            ["assignableScopes"] = new JsonArray(scope),
        },
    };
}

/// <summary>One world for the suite.</summary>
[CollectionDefinition(Name)]
public sealed class AuthorizationSuite : ICollectionFixture<AuthorizationFixture>
{
    public const string Name = "Authorization";
}
