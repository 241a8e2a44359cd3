using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;

namespace ControlPlane.Tests.Deployments;

/// <summary>What the tests that deploy have in common: groups, deployments, and images as resources that one step completes.</summary>
internal sealed class DeploymentWorld(ArmHttp arm)
{
    public static async Task<DeploymentWorld> InNewGroupAsync(ArmHttp arm)
    {
        var world = new DeploymentWorld(arm);
        (await arm.PutAsync(world.Group, new JsonObject { ["location"] = "westeurope", ["tags"] = new JsonObject { ["team"] = "blue" } })).Is(201);
        return world;
    }

    public string Group { get; } = $"{ArmHttp.SubscriptionPath}/resourceGroups/rg-{Guid.NewGuid():N}";

    public string Image(string name) => $"{Group}/providers/ControlPlane.BareMetal/osImages/{name}";

    public string Path(string name = "main") => $"{Group}/providers/Microsoft.Resources/deployments/{name}";

    /// <summary>An image of a template; <paramref name="more"/> are properties, <paramref name="around"/> stands beside them.</summary>
    public static string ImageResource(string name, string more = "", string around = "") => $$"""
        { "type": "ControlPlane.BareMetal/osImages", "apiVersion": "2026-06-01", "name": "{{name}}", "location": "[resourceGroup().location]" {{around}},
          "properties": { "version": "24.04", "url": "https://images.example/ubuntu.raw.zst", "sha256": "{{new string('a', 64)}}", "sizeBytes": 1024 {{more}} } }
        """;

    public Task<ArmAnswer> SendAsync(HttpMethod method, string template, string parameters = "{}", string mode = "Incremental", string name = "main", string verb = "") =>
        arm.SendAsync(method, Path(name) + verb, ArmHttp.Text($$"""{"properties": {"parameters": {{parameters}}, "mode": "{{mode}}", template:{{template}} } }"""));

    public Task<ArmAnswer> PutAsync(string template, string parameters = "{}", string mode = "Incremental", string name = "main") => SendAsync(HttpMethod.Put, template, parameters, mode, name);

    /// <summary>Deploys and waits; the answer is how the deployment reads then.</summary>
    public async Task<ArmAnswer> DeployAsync(string template, string parameters = "{}", string mode = "Incremental", string name = "main", string expect = "Succeeded")
    {
        var accepted = await PutAsync(template, parameters, mode, name);
        Xunit.Assert.True(accepted.Status is 200 or 201, accepted.ToString());
        var ended = await arm.FinishAsync(accepted, TimeSpan.FromSeconds(60));
        Xunit.Assert.True(ended.OperationStatus == expect, ended.ToString());
        return (await arm.GetAsync(Path(name))).Is(200);
    }

    public async Task<IReadOnlyList<JsonElement>> OperationsAsync(string name = "main") =>
        [.. (await arm.GetAsync($"{Group}/deployments/{name}/operations")).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("properties"))];

    public async Task<IReadOnlyList<string>> ChangesAsync(string template, string parameters = "{}", string mode = "Incremental") =>
        [.. (await SendAsync(HttpMethod.Post, template, parameters, mode, verb: "/whatIf")).Is(200).Json.GetProperty("properties").GetProperty("changes").EnumerateArray()
            .Select(change => $"{change.GetProperty("changeType").GetString()} {change.GetProperty("resourceId").GetString()!.Split('/')[^1]}").Order(StringComparer.Ordinal)];
}
