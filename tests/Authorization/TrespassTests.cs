using System.Buffers.Text;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>Who owns one group reaches nothing beside it: by no spelling of an address, no filter, no token of a page, no link, no operation and no deployment.</summary>
public sealed class TrespassTests(TrespassFixture fixture) : IClassFixture<TrespassFixture>
{
    private static readonly HttpMethod[] Verbs = [HttpMethod.Get, HttpMethod.Head, HttpMethod.Put, HttpMethod.Patch, HttpMethod.Delete, HttpMethod.Post];

    private ArmHttp Owner => fixture.Plane.Arm;

    private ArmHttp Intruder => fixture.Intruder;

    /// <summary>Ways to write "one up" that some server somewhere takes for one.</summary>
    public static TheoryData<string> Climbs => new(
        "/..", "/%2e%2e", "/%2E%2e", "/.%2e", "/%252e%252e", "/%25252e%25252e", "//..", "/.//..", "/./..", "/..;", "/..;/", "/;/..", "/..%00", "/..%20", "/%20..", "/...", "/.../..", "\\..", "/..\\", "%5c..", "/..%5c", "/%5c..", "%2f..", "/..%2f",
        "%2f%2e%2e%2f", "/%c0%ae%c0%ae", "/%e0%80%ae%e0%80%ae", "/%uff0e%uff0e", "/%ef%bc%8e%ef%bc%8e", "/%u002e%u002e", "/..%09", "/..%0d%0a", "/..?/", "/..#/", "/..%23", "/..%3f");

    [Theory, MemberData(nameof(Climbs))]
    public async Task No_climbing_out_of_a_group(string up)
    {
        var before = await fixture.OutsideAsync();
        var foreign = fixture.Foreign.Split('/');
        string[] goals =
        [
            $"{TrespassFixture.Mine}{up}/others", TrespassFixture.Image($"{TrespassFixture.Mine}{up}/others", "hidden"), $"{TrespassFixture.Mine}{up}/others/resources", $"{TrespassFixture.Mine}{up}", $"{TrespassFixture.Mine}{up}{up}/resources",
            TrespassFixture.Image($"{TrespassFixture.Mine}{up}{up}{up}/{foreign[2]}/resourceGroups/foreign", "hidden"), $"{TrespassFixture.Mine}{up}{up}{up}/{foreign[2]}/resources",
            $"{TrespassFixture.Image(TrespassFixture.Mine, "own")}{up}{up}{up}{up}{up}/others/providers/ControlPlane.BareMetal/osImages/hidden",
            $"{TrespassFixture.Image(TrespassFixture.Mine, "own")}{up}/hidden/providers/Microsoft.Authorization/locks/hidden",
            $"{TrespassFixture.Mine}/providers/ControlPlane.BareMetal/osImages{up}{up}{up}{up}/others/providers/ControlPlane.BareMetal/osImages/hidden",
        ];
        foreach (var path in goals)
            await TryAsync(path);
        Assert.Equal(before, await fixture.OutsideAsync());
    }

    [Fact]
    public async Task No_spelling_of_another_group_and_no_header_is_a_way_in()
    {
        var before = await fixture.OutsideAsync();
        var hidden = TrespassFixture.Image(TrespassFixture.Others, "hidden");
        foreach (var path in new[]
        {
            hidden, hidden.ToUpperInvariant(), hidden + "/", hidden + ".", hidden + "%20", hidden + "%00", hidden + ";x", hidden.Replace("/others/", "/others./", StringComparison.Ordinal), hidden.Replace("/others/", "/others%20/", StringComparison.Ordinal),
            hidden.Replace("/", "//", StringComparison.Ordinal), hidden.Replace("/others/", "%2fothers/", StringComparison.Ordinal), hidden.Replace("/others/", "/%6fthers/", StringComparison.Ordinal), hidden.Replace("/others/", "/%256fthers/", StringComparison.Ordinal),
            $"{TrespassFixture.Mine}{hidden}", $"{TrespassFixture.Mine}/{hidden}", $"{TrespassFixture.Mine}/resourceGroups/others/resources", $"{TrespassFixture.Mine}%2fresourceGroups%2fothers/resources",
            $"{TrespassFixture.Image(TrespassFixture.Mine, "own")}{hidden}", $"{hidden}/providers/Microsoft.Authorization/locks/hidden", $"{TrespassFixture.Image(TrespassFixture.Mine, "own")}/providers/Microsoft.Authorization/locks/..%2f..%2f..%2fhidden",
            TrespassFixture.Image(fixture.Foreign, "hidden"), TrespassFixture.Image(fixture.Foreign.ToUpperInvariant(), "hidden"), $"{TrespassFixture.Image(TrespassFixture.Mine, "own")}?id={hidden}&resourceGroup=others&subscription={fixture.Foreign}",
        })
        {
            await TryAsync(path);
            await TryAsync(TrespassFixture.Image(TrespassFixture.Mine, "own"), ("X-Original-URL", path), ("X-Rewrite-URL", path), ("X-Forwarded-Prefix", path), ("X-Forwarded-Host", "127.0.0.1"), ("X-HTTP-Method-Override", "DELETE"));
        }

        Assert.Equal(before, await fixture.OutsideAsync());
    }

    /// <summary>Letters that some comparison that ignores case takes for the same. Where the store does too, they are one group and one owner; where it does not, they are two.</summary>
    [Theory]
    [InlineData("\u03bc", "\u00b5")]
    [InlineData("\u00b5", "\u03bc")]
    [InlineData("\u03c3", "\u03c2")]
    [InlineData("\u03b8", "\u03d1")]
    [InlineData("\u0432", "\u1c80")]
    [InlineData("\u1e61", "\u1e9b")]
    [InlineData("k", "\u212a")]
    [InlineData("\u00e5", "\u212b")]
    [InlineData("\u03c9", "\u2126")]
    [InlineData("\u00df", "\u1e9e")]
    [InlineData("i", "\u0131")]
    [InlineData("i", "\u0130")]
    [InlineData("s", "\u017f")]
    [InlineData("ss", "\u00df")]
    [InlineData("\u00e9", "e\u0301")]
    [InlineData("a", "\uff41")]
    public async Task Letters_that_look_alike_are_no_way_into_another_group(string letter, string lookalike)
    {
        var subscription = $"/subscriptions/{Guid.NewGuid()}";
        (await Owner.PutAsync($"{subscription}?api-version=2.0", new JsonObject { ["state"] = "Registered" })).Is(200);
        var (mine, other) = ($"{subscription}/resourceGroups/g{Uri.EscapeDataString(letter)}", $"{subscription}/resourceGroups/g{Uri.EscapeDataString(lookalike)}");
        (await Owner.PutAsync(mine, new JsonObject { ["location"] = "westeurope" })).Is(201);
        var areOne = (await Owner.PutAsync(other, new JsonObject { ["location"] = "westeurope" })).Status == 200;
        (await Owner.PutAsync(TrespassFixture.Image(other, "hidden"), AuthorizationFixture.Image())).Is(201);
        var (arm, id) = await fixture.Plane.NewPrincipalAsync();
        await fixture.Plane.AssignAsync(id, BuiltInRoles.Owner, mine);

        var filter = $"?$filter=resourceGroup%20eq%20'g{Uri.EscapeDataString(lookalike)}'";
        foreach (var list in new[] { $"{mine}/resources", $"{mine}/resources{filter}", $"{mine}/providers/ControlPlane.BareMetal/osImages{filter}", $"{subscription}/resources{filter}", $"{subscription}/resources", $"{subscription}/resourceGroups" })
        {
            var seen = (await arm.GetAsync(list)).Is(200).Json.GetProperty("value").EnumerateArray().Select(one => one.GetProperty("id").GetString()!).ToList();
            Assert.Equal(areOne, seen.Exists(one => one.EndsWith("/hidden", StringComparison.Ordinal) || one.EndsWith(lookalike, StringComparison.Ordinal)));
        }

        foreach (var path in new[] { other, TrespassFixture.Image(other, "hidden"), $"{other}/resources" })
        {
            var read = await arm.GetAsync(path);
            Assert.Equal(areOne ? 200 : 404, read.Status);
        }

        if (areOne)
            return;
        (await arm.PutAsync(TrespassFixture.Image(other, "hidden"), AuthorizationFixture.Image())).Is(404);
        (await arm.DeleteAsync(TrespassFixture.Image(other, "hidden"))).Is(404);
        (await arm.DeleteAsync(other)).Is(404);
        (await Owner.GetAsync(TrespassFixture.Image(other, "hidden"))).Is(200);
    }

    [Fact]
    public async Task A_filter_on_what_extends_one_resource_shows_nothing_of_its_neighbours()
    {
        var (reader, id) = await fixture.Plane.NewPrincipalAsync();
        var (one, neighbour) = (TrespassFixture.Image(TrespassFixture.Mine, "one"), TrespassFixture.Image(TrespassFixture.Mine, "neighbour"));
        foreach (var image in new[] { one, neighbour })
        {
            (await Owner.PutAsync(image, AuthorizationFixture.Image())).Is(201);
            (await Owner.PutAsync($"{image}/providers/Microsoft.Authorization/locks/of-{image.Split('/')[^1]}?api-version=2020-05-01", new JsonObject { ["properties"] = new JsonObject { ["level"] = "CanNotDelete" } })).Is(201);
        }

        await fixture.Plane.AssignAsync(id, BuiltInRoles.Reader, one);
        foreach (var filter in new[] { "", "&$filter=resourceGroup%20eq%20'mine'", "&$filter=resourceGroup%20eq%20'MINE'", "&$filter=resourceGroup%20eq%20'others'" })
        {
            var shown = (await reader.GetAsync($"{one}/providers/Microsoft.Authorization/locks?api-version=2020-05-01{filter}")).Is(200).Text;
            Assert.DoesNotContain("of-neighbour", shown, StringComparison.Ordinal);
            Assert.Equal(!filter.Contains("others", StringComparison.Ordinal), shown.Contains("of-one", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_page_of_somebody_elses_list_is_a_place_in_ones_own()
    {
        string[] keys = ["/", "/subscriptions", TrespassFixture.Subscription(fixture.Foreign), fixture.Foreign, TrespassFixture.Others, TrespassFixture.Image(TrespassFixture.Others, "hidde"), "/zzz"];
        foreach (var token in keys.Select(key => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key.ToLowerInvariant()))))
        {
            foreach (var list in new[] { $"{TrespassFixture.Mine}/resources", $"{ArmHttp.SubscriptionPath}/resources", $"{ArmHttp.SubscriptionPath}/resourceGroups", "/subscriptions", $"{ArmHttp.SubscriptionPath}/providers/ControlPlane.BareMetal/osImages" })
                ShowsNothing((await Intruder.GetAsync($"{list}?$top=1000&$skipToken={token}")).Is(200));
        }

        var next = (await Owner.GetAsync($"{ArmHttp.SubscriptionPath}/resources?$top=1")).Is(200).Json.GetProperty("nextLink").GetString()!;
        ShowsNothing((await Intruder.SendRawAsync(HttpMethod.Get, next)).Is(200));
        ShowsNothing((await Intruder.SendRawAsync(HttpMethod.Get, next.Replace(ControlPlaneFixture.Subscription, fixture.Foreign.Split('/')[2], StringComparison.Ordinal))).Is(404));
        ShowsNothing((await Intruder.SendRawAsync(HttpMethod.Get, next.Replace("/resources?", "/resourceGroups/others/resources?", StringComparison.Ordinal))).Is(404));
    }

    [Fact]
    public async Task A_query_finds_nothing_elsewhere_whatever_it_names()
    {
        foreach (var query in new[] { "resources", $"resources | where properties.version == '{TrespassFixture.Marker}'", "resources | union resourcecontainers", "resources | where id contains 'hidden' or true", "resources | where name == '' or 1 == 1 //'", "resources | project properties, id" })
        {
            foreach (var subscriptions in new[] { [fixture.Foreign.Split('/')[2]], [fixture.Foreign.Split('/')[2], ControlPlaneFixture.Subscription], Array.Empty<string>(), ["' or '1'='1"], ["%"], [""] })
            {
                foreach (var token in new[] { null, Base64Url.EncodeToString("0"u8), Base64Url.EncodeToString("1"u8) })
                {
                    var answer = await Intruder.PostAsync("/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", new JsonObject
                    {
                        ["query"] = query, ["subscriptions"] = new JsonArray([.. subscriptions]), ["options"] = new JsonObject { ["$skipToken"] = token, ["authorizationScopeFilter"] = "AtScopeAboveAndBelow", ["allowPartialScopes"] = true },
                    });
                    Assert.True(answer.Status is 200 or 400, answer.ToString());
                    if (answer.Status == 200)
                        ShowsNothing(answer);
                }
            }
        }
    }

    [Fact]
    public async Task An_operation_of_others_can_neither_be_watched_nor_canceled()
    {
        foreach (var accepted in fixture.Accepted)
        {
            var watch = new Uri(accepted.Header("Azure-AsyncOperation")!);
            foreach (var path in new[] { watch.AbsolutePath, watch.AbsolutePath.Replace("operationStatuses", "operationResults", StringComparison.Ordinal) })
            {
                foreach (var at in new[] { path, $"{ArmHttp.SubscriptionPath}/{string.Join('/', path.Split('/')[3..])}", $"{TrespassFixture.Subscription(fixture.Foreign)}/{string.Join('/', path.Split('/')[3..])}" })
                {
                    ShowsNothing((await Intruder.GetAsync(at)).Is(404));
                    ShowsNothing((await Intruder.PostAsync($"{at}/cancel")).Is(404));
                }
            }

            Assert.Equal(0L, await fixture.Plane.Database.ScalarAsync("select count(*) from operations where cancel_requested_at is not null and id = $1", Guid.Parse(watch.Segments[^1])));
        }
    }

    [Fact]
    public async Task A_deployment_reaches_no_further_than_who_deploys()
    {
        var before = await fixture.OutsideAsync();
        var image = AuthorizationFixture.Image();
        (image["type"], image["apiVersion"], image["name"]) = ("ControlPlane.BareMetal/osImages", ArmHttp.ApiVersion, "planted");
        var inner = new JsonObject { ["resources"] = new JsonArray(image.DeepClone()) };
        var @lock = new JsonObject { ["type"] = "Microsoft.Authorization/locks", ["apiVersion"] = "2020-05-01", ["name"] = "planted", ["properties"] = new JsonObject { ["level"] = "CanNotDelete" } };
        foreach (var group in new[] { TrespassFixture.Others, fixture.Foreign })
        {
            var hidden = TrespassFixture.Image(group, "hidden");
            JsonObject[] templates =
            [
                Template(With(Nested(inner), ("resourceGroup", group.Split('/')[4]), ("subscriptionId", group.Split('/')[2]))),
                Template(With(image, ("scope", group))),
                Template(With(@lock, ("scope", hidden))),
                Template(With(@lock, ("scope", TrespassFixture.Subscription(group)))),
                Template(With(image, ("name", $"x/../../../../{group.Split('/')[4]}/providers/ControlPlane.BareMetal/osImages/planted"))),
                Template(With(Nested(inner), ("name", $"..%2f{group.Split('/')[4]}"), ("resourceGroup", $"mine/../{group.Split('/')[4]}"))),
            ];
            foreach (var template in templates)
            {
                foreach (var scope in new[] { TrespassFixture.Mine, group, TrespassFixture.Subscription(group) })
                {
                    foreach (var verb in new[] { "/validate", "/whatIf", "" })
                    {
                        var body = new JsonObject { ["location"] = "westeurope", ["properties"] = new JsonObject { ["mode"] = "Incremental", ["template"] = template.DeepClone() } };
                        if (scope == TrespassFixture.Mine)
                            body.Remove("location");
                        var answer = await Intruder.SendAsync(verb.Length == 0 ? HttpMethod.Put : HttpMethod.Post, $"{scope}/providers/Microsoft.Resources/deployments/trespass{verb}?api-version=2021-04-01", ArmHttp.Json(body));
                        // What-if tells of each resource why it would not be deployed.
                        Assert.True(answer.Status is >= 400 and < 500 || verb == "/whatIf", $"{template.ToJsonString()}\n{answer}");
                        ShowsNothing(answer);
                    }
                }
            }
        }

        Assert.Equal(before, await fixture.OutsideAsync());

        static JsonObject Template(params JsonNode[] resources) => new() { ["resources"] = new JsonArray([.. resources.Select(one => one.DeepClone())]) };
        static JsonObject Nested(JsonNode template) => new()
        {
            ["type"] = "Microsoft.Resources/deployments", ["apiVersion"] = "2021-04-01", ["name"] = "nested", ["properties"] = new JsonObject { ["mode"] = "Incremental", ["template"] = template.DeepClone() },
        };
    }

    [Fact]
    public async Task A_property_links_to_nothing_elsewhere()
    {
        var before = await fixture.OutsideAsync();
        foreach (var group in new[] { TrespassFixture.Others, fixture.Foreign })
        {
            foreach (var link in new[] { TrespassFixture.Image(group, "hidden"), TrespassFixture.Image(group, "HIDDEN"), TrespassFixture.Image($"{TrespassFixture.Mine}/../{group.Split('/')[4]}", "hidden"), TrespassFixture.Image(group, "hidden").Replace("/", "//", StringComparison.Ordinal) })
            {
                var answer = await Intruder.PutAsync($"{TrespassFixture.Mine}/providers/ControlPlane.BareMetal/bareMetalMachines/m", new JsonObject
                {
                    ["location"] = "westeurope",
                    ["properties"] = new JsonObject { ["bmc"] = new JsonObject { ["endpoint"] = "https://127.0.0.9:4444", ["credentials"] = new JsonObject { ["userName"] = "u", ["password"] = "p" } }, ["osImageId"] = link },
                });
                Assert.True(answer.Status is >= 400 and < 500, answer.ToString());
                ShowsNothing(answer);
            }

            var assignment = AuthorizationFixture.Assignment(fixture.IntruderId, BuiltInRoles.Owner);
            assignment["properties"]!["scope"] = group;
            var granted = await Intruder.PutAsync($"{TrespassFixture.Mine}/providers/Microsoft.Authorization/roleAssignments/{Guid.NewGuid()}?api-version=2022-04-01", assignment);
            Assert.True(granted.Status is >= 400 and < 500 || granted.Json.GetProperty("properties").GetProperty("scope").GetString() == TrespassFixture.Mine, granted.ToString());
            (await Intruder.GetAsync(group)).Is(404);
        }

        Assert.Equal(before, await fixture.OutsideAsync());
    }

    /// <summary>Every verb; whatever it is answered, nothing is told, and the answer is no error of ours.</summary>
    private async Task TryAsync(string path, params (string, string)[] headers)
    {
        foreach (var verb in Verbs)
        {
            if (headers.Length > 0 && verb != HttpMethod.Get)
                continue;
            var body = verb == HttpMethod.Put || verb == HttpMethod.Patch ? ArmHttp.Json(AuthorizationFixture.Image()) : null;
            var answer = await Intruder.SendAsync(verb, path, body, headers);
            Assert.True(answer.Status < 500, answer.ToString());
            ShowsNothing(answer);
        }
    }

    private static void ShowsNothing(ArmAnswer answer)
    {
        Assert.DoesNotContain(TrespassFixture.Marker, answer.Text, StringComparison.Ordinal);
        Assert.False(answer.Status == 200 && answer.Text.Contains("/hidden\"", StringComparison.OrdinalIgnoreCase), answer.ToString());
    }

    private static JsonObject With(JsonNode node, params (string Name, JsonNode? Value)[] members)
    {
        var copy = node.DeepClone().AsObject();
        foreach (var (name, value) in members)
            copy[name] = value;
        return copy;
    }
}
