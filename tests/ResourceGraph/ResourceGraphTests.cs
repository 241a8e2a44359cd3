using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Policy;
using Xunit;

namespace ControlPlane.Tests.ResourceGraph;

/// <summary>Queries at the front door: shapes, pages, and who sees what.</summary>
[Collection(PolicySuite.Name)]
public sealed class ResourceGraphTests(PolicyFixture fixture)
{
    [Theory]
    [InlineData("2021-03-01")]
    [InlineData("2022-10-01")]
    [InlineData("2024-04-01")]
    public async Task An_answer_has_the_shape_that_clients_read(string version)
    {
        var group = await fixture.GroupAsync();
        (await fixture.ImageAsync(group, "graph", new() { ["env"] = "prod" })).Is(201);
        var answer = (await QueryAsync(fixture.Arm, $"resources | where id == '{PolicyFixture.ImagePath(group, "graph")}'", version: version)).Is(200).Json;
        Assert.Equal((1, 1, "false"), (answer.GetProperty("totalRecords").GetInt32(), answer.GetProperty("count").GetInt32(), answer.GetProperty("resultTruncated").GetString()));
        var row = answer.GetProperty("data")[0];
        Assert.Equal(("controlplane.baremetal/osimages", "graph", "westeurope", "prod", ControlPlaneFixture.Tenant),
            (row.GetProperty("type").GetString(), row.GetProperty("name").GetString(), row.GetProperty("location").GetString(), row.GetProperty("tags").GetProperty("env").GetString(), row.GetProperty("tenantId").GetString()));
        Assert.Equal("24.04.3", row.GetProperty("properties").GetProperty("version").GetString());
        Assert.Equal(JsonValueKind.Array, answer.GetProperty("facets").ValueKind);

        var table = (await QueryAsync(fixture.Arm, $"resources | where id == '{PolicyFixture.ImagePath(group, "graph")}' | project name, n = 1", new() { ["resultFormat"] = "table" })).Is(200).Json.GetProperty("data");
        Assert.Equal("""{"columns":[{"name":"name","type":"string"},{"name":"n","type":"integer"}],"rows":[["graph",1]]}""", table.GetRawText());
    }

    [Fact]
    public async Task Pages_follow_one_another_until_everything_was_seen_once()
    {
        var group = await fixture.GroupAsync();
        await Task.WhenAll(Enumerable.Range(0, 7).Select(at => fixture.ImageAsync(group, $"page-{at}")));
        var (seen, token) = (new List<string>(), (string?)null);
        do
        {
            var options = new JsonObject { ["$top"] = 3 };
            if (token is not null)
                options["$skipToken"] = token;
            var page = (await QueryAsync(fixture.Arm, $"resources | where resourceGroup == '{group.Split('/')[^1]}' | project id, name | order by name desc", options)).Is(200).Json;
            Assert.Equal(7, page.GetProperty("totalRecords").GetInt32());
            seen.AddRange(page.GetProperty("data").EnumerateArray().Select(row => row.GetProperty("name").GetString()!));
            token = page.TryGetProperty("$skipToken", out var next) ? next.GetString() : null;
            Assert.Equal(token is null ? "false" : "true", page.GetProperty("resultTruncated").GetString());
        }
        while (token is not null);
        Assert.Equal(Enumerable.Range(0, 7).Reverse().Select(at => $"page-{at}"), seen);
    }

    [Fact]
    public async Task A_caller_finds_what_it_may_read_and_nothing_else()
    {
        var (mine, other) = (await fixture.GroupAsync(), await fixture.GroupAsync());
        (await fixture.ImageAsync(mine, "visible")).Is(201);
        (await fixture.ImageAsync(other, "invisible")).Is(201);
        var (reader, id) = await fixture.Plane.NewPrincipalAsync();
        Assert.Equal(0, (await QueryAsync(reader, "resources")).Is(200).Json.GetProperty("totalRecords").GetInt32());
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Reader, mine);
        var names = await Eventually.Async(async () => (await QueryAsync(reader, "resources | project name")).Is(200).Text, text => text.Contains("visible", StringComparison.Ordinal), "the role is in force");
        Assert.DoesNotContain("invisible", names, StringComparison.Ordinal);
        Assert.Equal(1, (await QueryAsync(reader, "resourcecontainers | count")).Is(200).Json.GetProperty("data")[0].GetProperty("Count").GetInt32());
        Assert.Equal(0, (await QueryAsync(reader, "resources | join kind=inner (resources | where name == 'invisible') on type | count")).Is(200).Json.GetProperty("data")[0].GetProperty("Count").GetInt32());
        (await fixture.Arm.Anonymous().PostAsync("/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", new JsonObject { ["query"] = "resources" })).Is(401);
    }

    [Fact]
    public async Task What_is_wrong_is_named_with_line_and_column()
    {
        var refused = (await QueryAsync(fixture.Arm, "resources\n| where nam == 'x'")).Is(400, "BadRequest");
        Assert.Contains("Line 2, column 9: there is no column 'nam' here", refused.Text, StringComparison.Ordinal);
        (await fixture.Arm.PostAsync("/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", new JsonObject { ["managementGroups"] = new JsonArray("a"), ["query"] = "resources" })).Is(400);
        (await QueryAsync(fixture.Arm, "resources", new() { ["$top"] = 5000 })).Is(400);
        (await QueryAsync(fixture.Arm, "resources", new() { ["$skipToken"] = "!" })).Is(400);
    }

    private static Task<ArmAnswer> QueryAsync(ArmHttp arm, string query, JsonObject? options = null, string version = "2021-03-01")
    {
        var body = new JsonObject { ["subscriptions"] = new JsonArray(ControlPlaneFixture.Subscription), ["query"] = query };
        if (options is not null)
            body["options"] = options;
        return arm.PostAsync($"/providers/Microsoft.ResourceGraph/resources?api-version={version}", body);
    }
}
