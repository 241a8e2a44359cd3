using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Policy;

/// <summary>One control plane for the tests of policies; each test works in a group of its own. What is assigned to the subscription binds all of them, so those tests take a name that no other uses.</summary>
public sealed class PolicyFixture : IAsyncLifetime
{
    public const string Version = "api-version=2023-04-01";
    public const string InsightsVersion = "api-version=2019-10-01";
    private static int groups;
    private ControlPlaneFixture? plane;

    internal ControlPlaneFixture Plane => plane!;
    internal ArmHttp Arm => Plane.Arm;

    public async ValueTask InitializeAsync() => plane = await ControlPlaneFixture.StartAsync(("Policy:Sweep", "00:00:00.2"));

    public async ValueTask DisposeAsync()
    {
        var errors = plane!.Log.Errors.ToList();
        await plane.DisposeAsync();
        Assert.True(errors.Count == 0, $"The control plane logged errors:\n{string.Join('\n', errors)}");
    }

    /// <summary>A new resource group; the answer is its path.</summary>
    internal async Task<string> GroupAsync()
    {
        var path = $"{ArmHttp.SubscriptionPath}/resourceGroups/policy-{Interlocked.Increment(ref groups)}";
        (await Arm.PutAsync(path, new JsonObject { ["location"] = "westeurope", ["tags"] = new JsonObject { ["costCenter"] = "42" } })).Is(201);
        return path;
    }

    /// <summary>Defines a policy under a new name; the answer is its id.</summary>
    internal async Task<string> DefineAsync(string rule, string? parameters = null)
    {
        var path = $"{ArmHttp.SubscriptionPath}/providers/Microsoft.Authorization/policyDefinitions/d-{Guid.NewGuid():N}";
        (await PutDefinitionAsync(path, rule, parameters)).Is(201);
        return path;
    }

    internal Task<ArmAnswer> PutDefinitionAsync(string path, string rule, string? parameters = null) => Arm.PutAsync($"{path}?{Version}", new JsonObject
    {
        ["properties"] = new JsonObject { ["displayName"] = "A rule", ["mode"] = "All", ["policyRule"] = JsonNode.Parse(rule), ["parameters"] = parameters is null ? new JsonObject() : JsonNode.Parse(parameters) },
    });

    /// <summary>Assigns a definition; the answer is the path of the assignment.</summary>
    internal async Task<string> AssignAsync(string scope, string definition, JsonObject? more = null)
    {
        var path = $"{scope}/providers/Microsoft.Authorization/policyAssignments/a-{Guid.NewGuid():N}";
        (await PutAssignmentAsync(path, definition, more)).Is(201);
        return path;
    }

    internal Task<ArmAnswer> PutAssignmentAsync(string path, string definition, JsonObject? more = null)
    {
        var properties = more?.DeepClone().AsObject() ?? [];
        properties["policyDefinitionId"] = definition;
        return Arm.PutAsync($"{path}?{Version}", new JsonObject { ["properties"] = properties });
    }

    internal Task<ArmAnswer> ImageAsync(string group, string name, JsonObject? tags = null, string location = "westeurope", string version = "24.04.3")
    {
        var body = new JsonObject
        {
            ["location"] = location,
            ["properties"] = new JsonObject { ["version"] = version, ["url"] = "https://images.example/a.raw", ["sha256"] = new string('a', 64), ["sizeBytes"] = 1024 },
        };
        if (tags is not null)
            body["tags"] = tags;
        return Arm.PutAsync(ImagePath(group, name), body);
    }

    internal static string ImagePath(string group, string name) => $"{group}/providers/ControlPlane.BareMetal/osImages/{name}";

    internal static JsonObject Parameters(params (string Name, JsonNode Value)[] values) =>
        new() { ["parameters"] = new JsonObject(values.Select(one => KeyValuePair.Create(one.Name, (JsonNode?)new JsonObject { ["value"] = one.Value }))) };

    internal static string BuiltIn(string name) => $"/providers/Microsoft.Authorization/policyDefinitions/{name}";
}

/// <summary>One world for the suite.</summary>
[CollectionDefinition(Name)]
public sealed class PolicySuite : ICollectionFixture<PolicyFixture>
{
    public const string Name = "Policy";
}
