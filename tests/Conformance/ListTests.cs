using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>Lists: scopes, paging, filters (ARM RPC, collections).</summary>
[Collection(ConformanceSuite.Name)]
public sealed class ListTests(ConformanceFixture fixture)
{
    private ArmHttp Arm => fixture.Frozen.Arm;

    [Theory, EachType(Which.Grouped)]
    public async Task A_group_and_the_subscription_list_it_and_a_group_lists_only_its_own(string type)
    {
        var (mine, other) = (await NewGroupAsync(), await NewGroupAsync());
        var (here, there) = (Subject.Frozen(fixture, type, mine), Subject.Frozen(fixture, type, other));
        await here.SettleAsync();
        await there.SettleAsync();

        Assert.Equal([here.Path], await IdsAsync(here.Collection));
        Assert.Equal([here.Path], await IdsAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{mine}/resources"));
        foreach (var list in new[] { $"{ArmHttp.SubscriptionPath}/providers/{type}", $"{ArmHttp.SubscriptionPath}/resources" })
        {
            var listed = await IdsAsync(list);
            Assert.Contains(here.Path, listed);
            Assert.Contains(there.Path, listed);
        }
    }

    [Theory, EachType(Which.Grouped)]
    public async Task Of_an_empty_group_the_list_is_empty_and_of_a_missing_one_404(string type)
    {
        var empty = (await Arm.GetAsync(Subject.Frozen(fixture, type, await NewGroupAsync()).Collection)).Is(200).Json;
        Assert.Equal(["value"], empty.EnumerateObject().Select(member => member.Name));
        Assert.Equal(0, empty.GetProperty("value").GetArrayLength());
        (await Arm.GetAsync(Subject.Frozen(fixture, type, "nowhere").Collection)).Is(404, "ResourceGroupNotFound");
    }

    [Theory, EachType(Which.Grouped)]
    public async Task Top_holds_on_every_page_and_nextLink_is_absolute_and_keeps_the_query(string type)
    {
        var group = await NewGroupAsync();
        var things = Enumerable.Range(0, 5).Select(_ => Subject.Frozen(fixture, type, group)).ToList();
        foreach (var thing in things)
            await thing.CreateAsync();

        var (seen, next, pages) = (new List<string>(), (string?)$"{things[0].Collection}?api-version={things[0].Type.ApiVersions[0]}&%24top=2&$filter=tagName%20eq%20'purpose'", 0);
        while (next is not null)
        {
            var page = (await Arm.SendRawAsync(HttpMethod.Get, next)).Is(200);
            Assert.True(page.Json.GetProperty("value").GetArrayLength() <= 2, page.ToString());
            seen.AddRange(Ids(page));
            next = NextLink(page);
            if (next is null)
                continue;
            Assert.StartsWith(Arm.Endpoint.GetLeftPart(UriPartial.Authority) + things[0].Collection, next, StringComparison.Ordinal);
            foreach (var kept in new[] { "api-version=", "top=2", "tagName", "skipToken=" })
                Assert.Contains(kept, next, StringComparison.Ordinal);
            Assert.True(++pages < 10, "Paging does not end.");
        }

        Assert.Equal(things.Select(thing => thing.Path).Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
    }

    [Theory, EachType(Which.Grouped)]
    public async Task Every_item_is_seen_exactly_once_while_others_come_and_go(string type)
    {
        var group = await NewGroupAsync();
        var stays = Enumerable.Range(0, 7).Select(_ => Subject.Frozen(fixture, type, group)).ToList();
        var goes = Enumerable.Range(0, 4).Select(_ => Subject.Frozen(fixture, type, group)).ToList();
        foreach (var thing in stays.Concat(goes))
            await thing.CreateAsync();

        var (seen, next) = (new List<string>(), (string?)$"{stays[0].Collection}?api-version={stays[0].Type.ApiVersions[0]}&$top=2");
        for (var page = 0; next is not null; page++)
        {
            var answer = (await Arm.SendRawAsync(HttpMethod.Get, next)).Is(200);
            seen.AddRange(Ids(answer));
            next = NextLink(answer);
            if (page < goes.Count)
            {
                await goes[page].DeleteAsync();
                await goes[page].EndAsync(ProvisioningState.Succeeded);
                await Subject.Frozen(fixture, type, group).CreateAsync();
            }
        }

        Assert.Equal(seen.Count, seen.Distinct(StringComparer.Ordinal).Count());
        Assert.All(stays, thing => Assert.Contains(thing.Path, seen));
    }

    [Theory, EachType(Which.Grouped)]
    public async Task Filters_compare_by_eq_and_substringof_and_join_by_and(string type)
    {
        var group = await NewGroupAsync();
        var (a, b) = (Subject.Frozen(fixture, type, group), Subject.Frozen(fixture, type, group));
        a.Body["tags"] = new JsonObject { ["owner"] = "O'Neill", ["tier"] = "gold" };
        b.Body["tags"] = new JsonObject { ["owner"] = "Smith" };
        b.Body["location"] = "westus";
        await a.CreateAsync();
        await b.CreateAsync();
        var scope = $"{ArmHttp.SubscriptionPath}/resourceGroups/{group}/resources";

        async Task Finds(string filter, params Subject[] expected) =>
            Assert.Equal(expected.Select(thing => thing.Path).Order(StringComparer.Ordinal), (await IdsAsync($"{scope}?$filter={Uri.EscapeDataString(filter)}")).Order(StringComparer.Ordinal));

        await Finds($"resourceType eq '{type}'", a, b);
        await Finds($"RESOURCETYPE EQ '{type.ToUpperInvariant()}'", a, b);
        await Finds("resourceType eq 'Nobody.Here/things'");
        await Finds($"resourceGroup eq '{group.ToUpperInvariant()}'", a, b);
        await Finds("location eq 'West US'", b);
        await Finds($"name eq '{a.Name.ToLowerInvariant()}'", a);
        await Finds($"substringof('{a.Name[^4..]}', name)", a);
        await Finds("tagName eq 'owner'", a, b);
        await Finds("tagName eq 'tier'", a);
        await Finds("tagName eq 'owner' and tagValue eq 'O''Neill'", a);
        await Finds("tagName eq 'owner' and tagValue eq 'O'");
        await Finds($"name eq '{a.Name}' and location eq 'westus'");
        await Finds("substringof('%', name)");
        await Finds("substringof('_hing', name)");
    }

    [Theory, EachType(Which.Grouped)]
    public async Task A_filter_never_shows_more_than_the_list_it_filters(string type)
    {
        var (mine, other) = (await NewGroupAsync(), await NewGroupAsync());
        await Subject.Frozen(fixture, type, other).CreateAsync();
        var image = Subject.Frozen(fixture, "ControlPlane.BareMetal/osImages", mine);
        await image.CreateAsync();

        Assert.Empty(await IdsAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{mine}/resources?$filter=resourceGroup%20eq%20'{other}'"));
        if (type != "ControlPlane.BareMetal/osImages")
            Assert.Empty(await IdsAsync($"{Subject.Frozen(fixture, type, mine).Collection}?$filter=resourceType%20eq%20'ControlPlane.BareMetal/osImages'"));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("name")]
    [InlineData("name eq")]
    [InlineData("name eq 'a")]
    [InlineData("name eq \"a\"")]
    [InlineData("name ne 'a'")]
    [InlineData("name eq 'a' or name eq 'b'")]
    [InlineData("name eq 'a' and")]
    [InlineData("name eq 'a' name eq 'b'")]
    [InlineData("name eq 'a' and name eq 'b'")]
    [InlineData("flavour eq 'vanilla'")]
    [InlineData("tagValue eq 'x'")]
    [InlineData("substringof('a', location)")]
    [InlineData("name eq '\0'")]
    [InlineData("tagName eq '\0'")]
    [InlineData("'; drop table resources; --")]
    public async Task A_filter_that_is_not_understood_is_400(string filter) =>
        (await Arm.GetAsync($"{ArmHttp.SubscriptionPath}/resources?$filter={Uri.EscapeDataString(filter)}")).Is(400, "InvalidFilterInQueryString");

    [Theory]
    [InlineData("$top=0")]
    [InlineData("$top=-1")]
    [InlineData("$top=1001")]
    [InlineData("$top=ten")]
    [InlineData("$top=99999999999999999999")]
    [InlineData("$skipToken=!!!")]
    [InlineData("$skipToken=")]
    [InlineData("$skipToken=AAAA")]
    [InlineData("$skipToken=L3N1YgBz")]
    public async Task A_top_or_skipToken_that_makes_no_sense_is_400(string query) =>
        (await Arm.GetAsync($"{ArmHttp.SubscriptionPath}/resources?{query}")).Is(400, "InvalidQueryParameterValue");

    private async Task<string> NewGroupAsync()
    {
        var name = $"list-{Guid.NewGuid():N}";
        await ConformanceFixture.MakeGroupAsync(fixture.Frozen, name);
        return name;
    }

    private async Task<IReadOnlyList<string>> IdsAsync(string path)
    {
        var (seen, page) = (new List<string>(), (await Arm.GetAsync(path)).Is(200));
        seen.AddRange(Ids(page));
        while (NextLink(page) is { } next)
        {
            page = (await Arm.SendRawAsync(HttpMethod.Get, next)).Is(200);
            seen.AddRange(Ids(page));
        }

        return seen;
    }

    private static IEnumerable<string> Ids(ArmAnswer page) => page.Json.GetProperty("value").EnumerateArray().Select(item => item.GetProperty("id").GetString()!);

    private static string? NextLink(ArmAnswer page) => page.Json.TryGetProperty("nextLink", out var link) && link.ValueKind is not JsonValueKind.Null ? link.GetString() : null;
}
