using System.Text.Json;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>What a deployment would change.</summary>
public sealed class WhatIfTests(ControlPlaneFixture plane) : IClassFixture<ControlPlaneFixture>
{
    [Fact]
    public async Task Every_change_is_told_with_its_properties_and_nothing_is_changed()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        await world.DeployAsync($$"""{ "resources": [{{DeploymentWorld.ImageResource("same")}}, {{DeploymentWorld.ImageResource("changed", """, "knownCves": ["CVE-2026-1000"]""")}}, {{DeploymentWorld.ImageResource("other")}}] }""");
        var template = $$"""
            { "resources": [{{DeploymentWorld.ImageResource("same")}}, {{DeploymentWorld.ImageResource("changed", """, "knownCves": ["CVE-2026-2000"]""", """, "tags": { "a": "b" }""")}},
                {{DeploymentWorld.ImageResource("new")}}, {{DeploymentWorld.ImageResource("wrong", """, "colour": 1""")}}] }
            """;

        var changes = (await world.SendAsync(HttpMethod.Post, template, mode: "Complete", verb: "/whatIf")).Is(200).Json.GetProperty("properties").GetProperty("changes").EnumerateArray().ToDictionary(Name, StringComparer.Ordinal);

        Assert.Equal(["changed Modify", "new Create", "other Delete", "same NoChange", "wrong Unsupported"], changes.Select(change => $"{change.Key} {change.Value.GetProperty("changeType").GetString()}").Order(StringComparer.Ordinal));
        var delta = changes["changed"].GetProperty("delta").EnumerateArray().ToDictionary(one => one.GetProperty("path").GetString()!, StringComparer.Ordinal);
        Assert.Equal(["properties.knownCves", "tags.a"], delta.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("Create", delta["tags.a"].GetProperty("propertyChangeType").GetString());
        Assert.Equal("CVE-2026-2000", delta["properties.knownCves"].GetProperty("children")[0].GetProperty("after").GetString());
        Assert.Contains("colour", changes["wrong"].GetProperty("unsupportedReason").GetString(), StringComparison.Ordinal);
        Assert.Equal(404, (await plane.Arm.GetAsync(world.Image("new"))).Status);
    }

    private static string Name(JsonElement change) => change.GetProperty("resourceId").GetString()!.Split('/')[^1];
}
