using System.Net;
using System.Text.Json;
using ControlPlane.Persistence.Identity;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>A front door whose bootstrap application may administer the directory.</summary>
public sealed class DirectoryFixture : IAsyncLifetime
{
    private TestDatabase? database;

    internal ManualTime Time { get; } = new();
    internal TestDatabase Database => database!;
    internal IdentityHost Host { get; private set; } = null!;
    internal GraphClient Graph { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        database = await TestDatabase.CreateAsync();
        Host = await IdentityHost.StartAsync(database, Time);
        Graph = new GraphClient(Host);
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await database!.DisposeAsync();
    }
}

/// <summary>Applications, people and groups are administered as in Microsoft Graph.</summary>
public sealed class DirectoryTests(DirectoryFixture fixture) : IClassFixture<DirectoryFixture>
{
    private IdentityHost Host => fixture.Host;

    private GraphClient Graph => fixture.Graph;

    [Fact]
    public async Task An_application_signs_in_with_any_of_its_secrets_until_that_one_ends_or_is_removed()
    {
        var (id, appId, objectId, first) = await Graph.ApplicationAsync("two secrets");
        var second = await Graph.PostAsync($"/v1.0/applications/{id}/addPassword", new { passwordCredential = new { endDateTime = fixture.Time.GetUtcNow().AddMinutes(10) } }, 200);
        Assert.Equal(HttpStatusCode.OK, await Graph.TokenStatusAsync(appId, first));
        Assert.Equal(HttpStatusCode.OK, await Graph.TokenStatusAsync(appId, second.Text("secretText")));

        var shown = await Graph.GetAsync($"/v1.0/applications/{id}");
        Assert.Equal(2, shown.GetProperty("passwordCredentials").GetArrayLength());
        Assert.DoesNotContain(first, shown.ToString(), StringComparison.Ordinal);
        Assert.StartsWith(shown.GetProperty("passwordCredentials")[0].Text("hint"), first, StringComparison.Ordinal);

        fixture.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(HttpStatusCode.Unauthorized, await Graph.TokenStatusAsync(appId, second.Text("secretText")));
        Assert.Equal(HttpStatusCode.OK, await Graph.TokenStatusAsync(appId, first));
        await Graph.PostAsync($"/v1.0/applications/{id}/removePassword", new { keyId = shown.GetProperty("passwordCredentials")[0].Text("keyId") }, 204);
        Assert.Equal(HttpStatusCode.Unauthorized, await Graph.TokenStatusAsync(appId, first));
        Assert.NotEmpty(objectId);
    }

    [Fact]
    public async Task Without_a_service_principal_or_with_a_disabled_one_no_token_is_issued()
    {
        var (_, appId, objectId, secret) = await Graph.ApplicationAsync("disabled");
        await Graph.PatchAsync($"/v1.0/servicePrincipals/{objectId}", new { accountEnabled = false });
        Assert.Equal(HttpStatusCode.BadRequest, await Graph.TokenStatusAsync(appId, secret));
        await Graph.PatchAsync($"/v1.0/servicePrincipals/{objectId}", new { accountEnabled = true });
        Assert.Equal(HttpStatusCode.OK, await Graph.TokenStatusAsync(appId, secret));
        await Graph.DeleteAsync($"/v1.0/servicePrincipals/{objectId}");
        Assert.Equal(HttpStatusCode.BadRequest, await Graph.TokenStatusAsync(appId, secret));
    }

    [Fact]
    public async Task Deleting_an_application_leaves_nothing_of_it()
    {
        var (id, appId, objectId, secret) = await Graph.ApplicationAsync("gone soon");
        await Graph.PostAsync($"/v1.0/applications/{id}/federatedIdentityCredentials", new { name = "github", issuer = "https://token.actions.githubusercontent.com", subject = "repo:a/b:ref:refs/heads/main" });
        await Graph.JoinAsync(await Graph.GroupAsync("of gone soon"), objectId);
        await Graph.DeleteAsync($"/v1.0/applications/{id}");

        await Graph.DeleteAsync($"/v1.0/applications/{id}", 404);
        Assert.Equal(404, (await Graph.SendAsync(HttpMethod.Get, $"/v1.0/servicePrincipals/{objectId}")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, await Graph.TokenStatusAsync(appId, secret));
        foreach (var (table, column, value) in new[] { ("application_secrets", "application_id", id), ("federated_credentials", "application_id", id), ("group_members", "member_id", objectId), ("directory_objects", "object_id", objectId) })
            Assert.Equal(0L, await fixture.Database.ScalarAsync($"select count(*) from {table} where {column} = $1", value));
    }

    [Fact]
    public async Task A_person_is_made_changed_disabled_and_deleted()
    {
        var id = await Graph.UserAsync("grace");
        Assert.Equal(id, (await Graph.GetAsync("/v1.0/users/grace@plane.example")).Text("id"));
        Assert.Equal([id], await Graph.IdsAsync("/v1.0/users?$filter=userPrincipalName eq 'Grace@plane.example'"));
        Assert.DoesNotContain(IdentityHost.Password, (await Graph.GetAsync($"/v1.0/users/{id}")).ToString(), StringComparison.Ordinal);

        var browser = new Browser(Host);
        var refresh = (await browser.RedeemAsync((await SignInAsync(browser, "grace@plane.example", IdentityHost.Password)).Parameters["code"])).Text("refresh_token");
        await Graph.PatchAsync($"/v1.0/users/{id}", new { passwordProfile = new { password = "another password" } });
        Assert.Equal("invalid_grant", await RefreshErrorAsync(refresh));
        Assert.Equal(HttpStatusCode.Unauthorized, (await SignInAsync(browser, "grace@plane.example", IdentityHost.Password)).Status);
        refresh = (await browser.RedeemAsync((await SignInAsync(browser, "grace@plane.example", "another password")).Parameters["code"])).Text("refresh_token");

        await Graph.PatchAsync($"/v1.0/users/{id}", new { accountEnabled = false });
        Assert.Equal("invalid_grant", await RefreshErrorAsync(refresh));
        Assert.Equal(HttpStatusCode.Unauthorized, (await SignInAsync(browser, "grace@plane.example", "another password")).Status);
        await Graph.DeleteAsync($"/v1.0/users/{id}");
        Assert.Equal(404, (await Graph.SendAsync(HttpMethod.Get, $"/v1.0/users/{id}")).Status);
    }

    [Fact]
    public async Task The_groups_of_a_principal_are_found_through_groups_even_in_a_circle()
    {
        var user = await Graph.UserAsync("joan");
        var groups = new List<string>();
        for (var index = 0; index < 4; index++)
            groups.Add(await Graph.GroupAsync($"ring {index}"));
        await Graph.JoinAsync(groups[0], user);
        for (var index = 0; index < 4; index++)
            await Graph.JoinAsync(groups[(index + 1) % 4], groups[index]);

        var source = Host.Services.GetRequiredService<NpgsqlDataSource>();
        Assert.Equal(groups.Order(StringComparer.Ordinal), (await source.GroupsOfAsync(user, CancellationToken.None)).Order(StringComparer.Ordinal));
        Assert.Equal(groups.Order(StringComparer.Ordinal), await Graph.IdsAsync($"/v1.0/users/{user}/transitiveMemberOf"));
        Assert.Equal([user, groups[3]], [.. (await Graph.IdsAsync($"/v1.0/groups/{groups[0]}/members")).OrderBy(id => id == user ? 0 : 1)]);
        Assert.Contains(user, await Graph.IdsAsync($"/v1.0/groups/{groups[3]}/transitiveMembers"));

        await Graph.DeleteAsync($"/v1.0/groups/{groups[0]}/members/{user}/$ref");
        await Graph.DeleteAsync($"/v1.0/groups/{groups[0]}/members/{user}/$ref", 404);
        Assert.Empty(await source.GroupsOfAsync(user, CancellationToken.None));
        await Graph.DeleteAsync($"/v1.0/groups/{groups[0]}");
        Assert.Equal(0L, await fixture.Database.ScalarAsync("select count(*) from group_members where group_id = $1 or member_id = $1", groups[0]));
    }

    [Fact]
    public async Task Groups_are_followed_up_to_ten_levels_and_a_wide_graph_is_no_burden()
    {
        // 12 levels of 30 groups, each in every group of the next level: 30^12 ways up.
        await fixture.Database.ExecuteAsync("""
            insert into directory_objects (object_id, display_name, created_at, kind) select format('g%s-%s', l, g), 'deep', now(), 'group' from generate_series(1, 12) l, generate_series(1, 30) g
            """);
        await fixture.Database.ExecuteAsync("""
            insert into group_members (member_id, group_id) select format('g%s-%s', l, a), format('g%s-%s', l + 1, b) from generate_series(1, 11) l, generate_series(1, 30) a, generate_series(1, 30) b
            """);
        var groups = await Host.Services.GetRequiredService<NpgsqlDataSource>().GroupsOfAsync("g1-1", CancellationToken.None);
        Assert.Equal(30 * GroupReads.Depth, groups.Count);
        Assert.DoesNotContain("g12-1", groups);
        await fixture.Database.ExecuteAsync("delete from directory_objects where display_name = 'deep'");
    }

    [Fact]
    public async Task Lists_come_in_pages_and_by_filter()
    {
        var ids = new List<string>();
        for (var index = 0; index < 5; index++)
            ids.Add(await Graph.GroupAsync("paged"));

        var (path, found) = ("/v1.0/groups?$filter=displayName eq 'paged'&$top=2", new List<string>());
        for (var pages = 1; ; pages++)
        {
            var page = await Graph.GetAsync(path);
            found.AddRange(page.GetProperty("value").EnumerateArray().Select(group => group.Text("id")));
            if (!page.TryGetProperty("@odata.nextLink", out var next))
            {
                Assert.Equal(3, pages);
                break;
            }

            path = next.GetString()!;
            Assert.StartsWith(Host.Endpoint, path, StringComparison.Ordinal);
        }

        Assert.Equal(ids.Order(StringComparer.Ordinal), found);
        var application = await Graph.ApplicationAsync("it's found");
        Assert.Equal([application.Id], await Graph.IdsAsync($"/v1.0/applications?$filter=appId eq '{application.AppId}'"));
        Assert.Equal([application.Id], await Graph.IdsAsync("/v1.0/applications?$filter=displayName eq 'it''s found'"));
        Assert.Equal([application.ObjectId], await Graph.IdsAsync($"/v1.0/servicePrincipals?$filter=appId eq '{application.AppId}'"));
        foreach (var wrong in new[] { "$filter=colour eq 'red'", "$filter=displayName ne 'x'", "$filter=displayName eq 'x' or 1 eq 1", "$top=0", "$top=1000", "$skiptoken=x" })
            Assert.Equal(400, (await Graph.SendAsync(HttpMethod.Get, $"/v1.0/groups?{wrong}")).Status);
    }

    [Theory]
    [InlineData("users", """{"displayName":5,"passwordProfile":{"pass":"x"},"colour":1}""", "displayName", "passwordProfile.pass", "passwordProfile.password", "colour")]
    [InlineData("users", """{}""", "displayName", "userPrincipalName", "passwordProfile")]
    [InlineData("users", """{"displayName":"x","userPrincipalName":"no at","passwordProfile":{"password":"short"}}""", "userPrincipalName", "passwordProfile.password")]
    [InlineData("groups", """{"displayName":"","mailEnabled":true,"securityEnabled":false}""", "displayName", "mailEnabled", "securityEnabled")]
    [InlineData("servicePrincipals", """{"appId":"11111111-0000-0000-0000-000000000000"}""", "appId")]
    [InlineData("applications", """{"displayName":"x","signInAudience":"AzureADMultipleOrgs","web":{"redirectUris":["http://plane.example","https://*.plane.example"]}}""", "signInAudience", "web.redirectUris")]
    [InlineData("applications", """{"displayName":"x","publicClient":{"redirectUris":["javascript:alert(1)"]},"spa":{"redirectUris":["https://a.example"]}}""", "spa.redirectUris", "publicClient.redirectUris")]
    [InlineData("applications", """{"displayName":"x","keyCredentials":[{"key":"bm8gY2VydGlmaWNhdGU=","type":"Symmetric"}]}""", "keyCredentials[0].key", "keyCredentials[0].type")]
    public async Task Every_fault_of_a_body_is_named(string collection, string body, params string[] targets)
    {
        var (status, answer) = await Graph.SendAsync(HttpMethod.Post, $"/v1.0/{collection}", JsonDocument.Parse(body).RootElement);
        Assert.Equal(400, status);
        Assert.Equal(targets.Order(StringComparer.Ordinal), answer.GetProperty("error").GetProperty("details").EnumerateArray().Select(fault => fault.Text("target")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_name_that_must_be_unique_is_taken_once()
    {
        await Graph.UserAsync("unique");
        var (status, body) = await Graph.SendAsync(HttpMethod.Post, "/v1.0/users", new { displayName = "x", userPrincipalName = "UNIQUE@plane.example", passwordProfile = new { password = "long enough" } });
        Assert.Equal(409, status);
        Assert.Equal("userPrincipalName", body.GetProperty("error").Text("target"));
        var application = await Graph.ApplicationAsync("once");
        Assert.Equal(409, (await Graph.SendAsync(HttpMethod.Post, "/v1.0/servicePrincipals", new { appId = application.AppId })).Status);
        var group = await Graph.GroupAsync("twice");
        await Graph.JoinAsync(group, application.ObjectId);
        await Graph.JoinAsync(group, application.ObjectId, 409);
        await Graph.JoinAsync(group, group, 400);
        await Graph.JoinAsync(group, Guid.NewGuid().ToString(), 404);
        await Graph.JoinAsync(Guid.NewGuid().ToString(), application.ObjectId, 404);
    }

    [Fact]
    public async Task Who_does_not_own_everything_sees_nothing_of_the_directory()
    {
        var (_, appId, _, secret) = await Graph.ApplicationAsync("nobody");
        using var answer = await Host.AskTokenAsync(Host.ClientCredentials().With("client_id", appId).With("client_secret", secret));
        var nobody = new GraphClient(Host, (await answer.JsonAsync()).Text("access_token"));
        foreach (var path in new[] { "/v1.0/users", "/V1.0/Users", "/v1.0/applications", "/v1.0/groups" })
            Assert.Equal(403, (await nobody.SendAsync(HttpMethod.Get, path)).Status);
        Assert.Equal(403, (await nobody.SendAsync(HttpMethod.Post, "/v1.0/users", new { })).Status);
        using var anonymous = await Host.GetAsync("/v1.0/users", token: null);
        Assert.Equal(HttpStatusCode.Unauthorized, anonymous.StatusCode);
    }

    [Fact]
    public async Task An_application_of_the_directory_signs_people_in_at_its_own_addresses()
    {
        await Graph.UserAsync("lin");
        var web = await Graph.PostAsync("/v1.0/applications", new { displayName = "web", web = new { redirectUris = new[] { "https://app.example/signin" } } });
        var secret = (await Graph.PostAsync($"/v1.0/applications/{web.Text("id")}/addPassword", new { }, 200)).Text("secretText");
        var browser = new Browser(Host);
        var request = browser.Request().With("client_id", web.Text("appId")).With("redirect_uri", "https://app.example/signin");
        Assert.Equal(HttpStatusCode.BadRequest, (await browser.OpenAsync(new Dictionary<string, string>(request, StringComparer.Ordinal) { ["redirect_uri"] = "https://app.example:8443/signin" })).Status);

        var page = await browser.OpenAsync(request);
        var code = (await browser.SubmitAsync(page, ("username", "lin@plane.example"), ("password", IdentityHost.Password))).Parameters["code"];
        var without = await browser.RedeemAsync(code, change: form => form.With("client_id", web.Text("appId")).With("redirect_uri", "https://app.example/signin"));
        Assert.Equal("invalid_client", without.Text("error"));
        var tokens = await browser.RedeemAsync(code, change: form => form.With("client_id", web.Text("appId")).With("redirect_uri", "https://app.example/signin").With("client_secret", secret));
        Assert.True(tokens.TryGetProperty("access_token", out _), tokens.ToString());
    }

    private static async Task<Browser.Page> SignInAsync(Browser browser, string name, string password) =>
        await browser.SubmitAsync(await browser.OpenAsync(browser.Request()), ("username", name), ("password", password));

    private async Task<string?> RefreshErrorAsync(string token)
    {
        using var answer = await Host.AskTokenAsync(new(StringComparer.Ordinal) { ["grant_type"] = "refresh_token", ["client_id"] = Api.Identity.WellKnownClients.AzureCli, ["refresh_token"] = token });
        return (await answer.JsonAsync()).GetProperty("error").GetString();
    }
}
