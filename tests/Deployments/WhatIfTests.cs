using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>What a deployment would change.</summary>
public sealed class WhatIfTests(ControlPlaneFixture plane) : IClassFixture<ControlPlaneFixture>
{
    private ArmHttp Arm => plane.Arm;

    [Fact]
    public async Task Every_change_is_told_with_its_properties_and_nothing_is_changed()
    {
        var group = await Arm.NewGroupAsync();
        await Arm.DeployAsync(group, "first", DeploymentWorld.Body($$"""
            { "resources": [{{DeploymentWorld.Image("same")}}, {{DeploymentWorld.Image("changed", properties: ", \"knownCves\": [\"CVE-2026-1000\"]")}}, {{DeploymentWorld.Image("other")}}] }
            """));
        var template = $$"""
            { "resources": [{{DeploymentWorld.Image("same")}}, {{DeploymentWorld.Image("changed", """, "tags": { "a": "b" }""", ", \"knownCves\": [\"CVE-2026-2000\"]", size: 2000)}},
                {{DeploymentWorld.Image("new")}}, {{DeploymentWorld.Image("wrong", properties: ", \"colour\": 1")}}] }
            """;

        var incremental = await ChangesAsync(group, template, "Incremental");
        var complete = await ChangesAsync(group, template, "Complete");

        Assert.Equal(["changed Modify", "new Create", "other Ignore", "same NoChange", "wrong Unsupported"], Kinds(incremental));
        Assert.Equal(["changed Modify", "new Create", "other Delete", "same NoChange", "wrong Unsupported"], Kinds(complete));
        var delta = incremental.Single(change => Name(change) == "changed").GetProperty("delta").EnumerateArray().ToDictionary(one => one.GetProperty("path").GetString()!, StringComparer.Ordinal);
        Assert.Equal(["properties.knownCves", "properties.sizeBytes", "tags.a"], delta.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("Create", delta["tags.a"].GetProperty("propertyChangeType").GetString());
        Assert.Equal(2000, delta["properties.sizeBytes"].GetProperty("after").GetInt32());
        Assert.Equal("Array", delta["properties.knownCves"].GetProperty("propertyChangeType").GetString());
        Assert.Contains("colour", incremental.Single(change => Name(change) == "wrong").GetProperty("unsupportedReason").GetString(), StringComparison.Ordinal);
        (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "new"))).Is(404);
    }

    [Fact]
    public async Task It_may_name_resources_only()
    {
        var group = await Arm.NewGroupAsync();
        var body = DeploymentWorld.Body($$"""{ "resources": [{{DeploymentWorld.Image("new")}}] }""");
        body["properties"]!["whatIfSettings"] = new JsonObject { ["resultFormat"] = "ResourceIdOnly" };

        var change = Assert.Single((await Arm.PostAsync($"{DeploymentWorld.Path(group, "ids")}/whatIf", body)).Is(200).Json.GetProperty("properties").GetProperty("changes").EnumerateArray());

        Assert.Equal(["resourceId", "changeType"], change.EnumerateObject().Select(member => member.Name));
    }

    private async Task<IReadOnlyList<JsonElement>> ChangesAsync(string group, string template, string mode)
    {
        var answer = (await Arm.PostAsync($"{DeploymentWorld.Path(group, "what")}/whatIf", DeploymentWorld.Body(template, mode: mode))).Is(200);
        Assert.Equal("Succeeded", answer.OperationStatus);
        return [.. answer.Json.GetProperty("properties").GetProperty("changes").EnumerateArray()];
    }

    private static IEnumerable<string> Kinds(IEnumerable<JsonElement> changes) => changes.Select(change => $"{Name(change)} {change.GetProperty("changeType").GetString()}").Order(StringComparer.Ordinal);

    private static string Name(JsonElement change) => change.GetProperty("resourceId").GetString()!.Split('/')[^1];
}
