using System.Net;
using ControlPlane.Api.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>A person signs in with a browser: the authorization code grant with PKCE, and refresh tokens.</summary>
public sealed class SignInTests(IdentityFixture fixture) : IClassFixture<IdentityFixture>
{
    private const string T = IdentityHost.Tenant;

    private IdentityHost Host => fixture.Host;

    [Theory]
    [InlineData($"/{T}/oauth2/v2.0", $"/{T}/v2.0")]
    [InlineData($"/{T}/oauth2", $"/{T}")]
    [InlineData("/adfs/oauth2", "/adfs")]
    public async Task A_person_signs_in_and_the_token_says_who_it_is(string path, string authority)
    {
        var browser = new Browser(Host);
        var back = await browser.SignInAsync(path: path + "/authorize");
        Assert.Equal("the-state", back["state"]);
        Assert.Equal(Host.Endpoint + authority, back["iss"]);

        var tokens = await browser.RedeemAsync(back["code"], path + "/token");
        var access = new JsonWebToken(tokens.GetProperty("access_token").GetString());
        Assert.Equal("user", access.GetClaim("idtyp").Value);
        Assert.Equal(IdentityHost.UserId, access.GetClaim("oid").Value);
        Assert.Equal(T, access.GetClaim("tid").Value);
        Assert.Equal(IdentityHost.User, access.GetClaim("upn").Value);
        Assert.Equal("Ada Lovelace", access.GetClaim("name").Value);
        Assert.Equal("user_impersonation", access.GetClaim("scp").Value);
        Assert.Equal(WellKnownClients.AzureCli, access.GetClaim("appid").Value);
        Assert.Equal([Host.Endpoint], access.Audiences);
        Assert.Equal(Host.Endpoint + authority, access.Issuer);

        var id = new JsonWebToken(tokens.GetProperty("id_token").GetString());
        Assert.Equal([WellKnownClients.AzureCli], id.Audiences);
        Assert.Equal(Host.Endpoint + authority, id.Issuer);
        Assert.Equal("the-nonce", id.GetClaim("nonce").Value);
        Assert.Equal(IdentityHost.User, id.GetClaim("preferred_username").Value);
        Assert.Equal($$"""{"uid":"{{IdentityHost.UserId}}","utid":"{{T}}"}""", Base64UrlEncoder.Decode(tokens.GetProperty("client_info").GetString()));

        using var response = await Host.CallAsync(access.EncodedToken);
        var me = (await response.JsonAsync()).GetProperty("principal");
        Assert.Equal(IdentityHost.UserId, me.GetProperty("objectId").GetString());
        Assert.Equal("User", me.GetProperty("type").GetString());
    }

    [Fact]
    public async Task The_page_runs_no_script_leads_only_back_and_cannot_be_framed()
    {
        var page = await new Browser(Host).OpenAsync(new Browser(Host).Request());
        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.DoesNotContain("<script", page.Html, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("default-src 'none'", page.Headers["Content-Security-Policy"], StringComparison.Ordinal);
        Assert.Contains("form-action 'self' http://localhost:8400;", page.Headers["Content-Security-Policy"], StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", page.Headers["Content-Security-Policy"], StringComparison.Ordinal);
        Assert.Equal("DENY", page.Headers["X-Frame-Options"]);
        Assert.Equal("no-store", page.Headers["Cache-Control"]);
        Assert.Contains("secure", page.Headers["Set-Cookie"], StringComparison.OrdinalIgnoreCase);
        Assert.Contains("httponly", page.Headers["Set-Cookie"], StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task What_a_request_carries_is_text_in_the_page_and_not_markup()
    {
        var browser = new Browser(Host);
        const string Markup = "\"><script>alert(1)</script>";
        var page = await browser.OpenAsync(browser.Request().With("state", Markup).With("login_hint", Markup));
        Assert.DoesNotContain("<script", page.Html, StringComparison.Ordinal);
        var answer = await browser.SubmitAsync(page, ("username", IdentityHost.User), ("password", IdentityHost.Password));
        Assert.Equal(Markup, answer.Parameters["state"]);
    }

    [Theory]
    [InlineData(IdentityHost.User, "wrong")]
    [InlineData("nobody@plane.example", IdentityHost.Password)]
    [InlineData("", "")]
    public async Task A_wrong_name_and_a_wrong_password_look_alike(string name, string password)
    {
        var browser = new Browser(Host);
        var answer = await browser.SubmitAsync(await browser.OpenAsync(browser.Request()), ("username", name), ("password", password));
        Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
        Assert.Contains("The user name or the password is wrong.", answer.Html, StringComparison.Ordinal);
        Assert.DoesNotContain(password.Length > 0 ? $"value=\"{password}\"" : "value=\"x\"", answer.Html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("authorize", "username=a%00b&password=c")]
    [InlineData("token", "grant_type=client_credentials&client_id=a%00b")]
    [InlineData("devicecode", "client_id=%00")]
    public async Task A_form_that_cannot_be_read_is_refused_with_400(string endpoint, string form)
    {
        using var content = new StringContent(form, System.Text.Encoding.ASCII, "application/x-www-form-urlencoded");
        using var answer = await Host.Client.PostAsync(new Uri($"/{T}/oauth2/v2.0/{endpoint}", UriKind.Relative), content);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("invalid_request", (await answer.JsonAsync()).GetProperty("error").GetString());
    }

    [Fact]
    public async Task Another_site_cannot_send_our_form()
    {
        var browser = new Browser(Host);
        var page = await browser.OpenAsync(browser.Request());
        var fields = page.With(("username", IdentityHost.User), ("password", IdentityHost.Password));

        foreach (var forged in new[]
        {
            await browser.PostAsync(page.Action, fields, origin: "https://evil.example"),
            await browser.PostAsync(page.Action, fields, origin: "null"),
            await browser.PostAsync(page.Action, fields, withCookie: false),
            await new Browser(Host).PostAsync(page.Action, fields),
            await browser.PostAsync(page.Action, new Dictionary<string, string>(fields, StringComparer.Ordinal) { ["form_token"] = new('a', 43) }),
            await browser.PostAsync(page.Action, new Dictionary<string, string>(fields, StringComparer.Ordinal) { ["form_token"] = "" }),
        })
            Assert.Equal(HttpStatusCode.Unauthorized, forged.Status);
        Assert.Equal(HttpStatusCode.Redirect, (await browser.PostAsync(page.Action, fields)).Status);
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("http://localhost.evil.example:8400")]
    [InlineData("http://localhost:8400@evil.example")]
    [InlineData("http://localhost:8400/other")]
    [InlineData("http://localhost:8400?x=y")]
    [InlineData("http://localhost:8400#fragment")]
    [InlineData("https://localhost:8400")]
    [InlineData("http://127.0.0.2:8400")]
    [InlineData("javascript:alert(1)")]
    [InlineData("//evil.example")]
    [InlineData("")]
    public async Task A_browser_is_sent_nowhere_that_is_not_registered(string redirectUri)
    {
        var browser = new Browser(Host);
        var page = await browser.OpenAsync(browser.Request().With("redirect_uri", redirectUri));
        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
        Assert.Null(page.Location);
    }

    [Theory]
    [InlineData("http://localhost:1")]
    [InlineData("http://localhost:65535/")]
    [InlineData("http://127.0.0.1:50123")]
    [InlineData("http://[::1]:50123")]
    [InlineData("http://localhost")]
    public async Task A_program_on_this_machine_may_listen_on_any_port(string redirectUri)
    {
        var browser = new Browser(Host);
        var code = (await browser.SignInAsync(browser.Request().With("redirect_uri", redirectUri)))["code"];
        Assert.True((await browser.RedeemAsync(code, change: form => form["redirect_uri"] = redirectUri)).TryGetProperty("access_token", out _));
    }

    [Theory]
    [InlineData("code_challenge", null)]
    [InlineData("code_challenge_method", null)]
    [InlineData("code_challenge_method", "plain")]
    [InlineData("response_type", "token")]
    [InlineData("response_type", "code id_token")]
    [InlineData("prompt", "none")]
    [InlineData("scope", "https://vault.azure.net/.default")]
    public async Task A_weaker_request_is_sent_back_with_an_error_and_no_code(string field, string? value)
    {
        var browser = new Browser(Host);
        var request = browser.Request().With(field, value);
        if (field == "code_challenge")
            request.Remove("code_challenge_method");
        var answer = await browser.OpenAsync(request);
        var place = answer.Location is { } location ? location.ToString() : answer.Html;
        Assert.Contains("error", place, StringComparison.Ordinal);
        Assert.DoesNotContain("code=", place, StringComparison.Ordinal);
        Assert.DoesNotContain("<form", answer.Html, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("code_verifier", "another-verifier-of-at-least-forty-three-characters-01234")]
    [InlineData("code_verifier", null)]
    [InlineData("redirect_uri", "http://localhost:8401")]
    [InlineData("redirect_uri", null)]
    [InlineData("client_id", WellKnownClients.Cli)]
    [InlineData("code", "made-up")]
    public async Task A_stolen_code_is_of_no_use(string field, string? value)
    {
        var browser = new Browser(Host);
        var code = (await browser.SignInAsync())["code"];
        var answer = await browser.RedeemAsync(code, change: form => form.With(field, value));
        Assert.True(answer.TryGetProperty("error", out _));
        Assert.False(answer.TryGetProperty("access_token", out _));
    }

    [Fact]
    public async Task A_code_that_comes_twice_takes_back_what_it_gave()
    {
        var browser = new Browser(Host);
        var code = (await browser.SignInAsync())["code"];
        var tokens = await browser.RedeemAsync(code);
        Assert.Equal("invalid_grant", (await browser.RedeemAsync(code)).GetProperty("error").GetString());
        Assert.Equal("invalid_grant", (await RefreshAsync(tokens.GetProperty("refresh_token").GetString()!)).GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_code_is_good_for_a_few_minutes()
    {
        var browser = new Browser(Host);
        var code = (await browser.SignInAsync())["code"];
        fixture.Time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal("invalid_grant", (await browser.RedeemAsync(code)).GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_refresh_token_gives_a_new_one_and_one_that_is_used_again_later_ends_them_all()
    {
        var browser = new Browser(Host);
        var first = (await browser.RedeemAsync((await browser.SignInAsync())["code"])).GetProperty("refresh_token").GetString()!;
        var second = await RefreshAsync(first);
        Assert.NotEqual(first, second.GetProperty("refresh_token").GetString());
        using var response = await Host.CallAsync(second.GetProperty("access_token").GetString());
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);

        fixture.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("invalid_grant", (await RefreshAsync(first)).GetProperty("error").GetString());
        Assert.Equal("invalid_grant", (await RefreshAsync(second.GetProperty("refresh_token").GetString()!)).GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_refresh_token_outlives_the_key_that_signed_the_access_tokens()
    {
        var browser = new Browser(Host);
        var refresh = (await browser.RedeemAsync((await browser.SignInAsync())["code"])).GetProperty("refresh_token").GetString()!;
        await using var other = await IdentityHost.StartAsync(fixture.Database, fixture.Time);
        using var answer = await other.AskTokenAsync(RefreshForm(refresh));
        // Another replica has another address here, which is another issuer: the row says which one it was for.
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        fixture.Time.Advance(TimeSpan.FromDays(13));
        Assert.True((await RefreshAsync(refresh)).TryGetProperty("access_token", out _));
    }

    [Fact]
    public async Task Neither_a_refresh_token_nor_an_id_token_opens_the_front_door()
    {
        var browser = new Browser(Host);
        var tokens = await browser.RedeemAsync((await browser.SignInAsync())["code"]);
        foreach (var wrong in new[] { "refresh_token", "id_token" })
        {
            using var response = await Host.CallAsync(tokens.GetProperty(wrong).GetString());
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }
    }

    [Fact]
    public async Task A_refresh_token_asks_for_a_resource_of_ours_only()
    {
        var browser = new Browser(Host);
        var refresh = (await browser.RedeemAsync((await browser.SignInAsync())["code"])).GetProperty("refresh_token").GetString()!;
        using var other = await Host.AskTokenAsync(RefreshForm(refresh).With("scope", "https://vault.azure.net/.default"));
        Assert.Equal("invalid_target", (await other.JsonAsync()).GetProperty("error").GetString());
        using var ours = await Host.AskTokenAsync(RefreshForm(refresh).With("scope", "https://management.azure.com/.default"));
        Assert.Equal(["https://management.azure.com"], new JsonWebToken((await ours.JsonAsync()).GetProperty("access_token").GetString()).Audiences);
    }

    [Fact]
    public async Task Issuing_tokens_leaves_rows_for_codes_and_refresh_tokens_only_and_those_go_when_they_are_over()
    {
        await Host.TokenAsync();
        var before = (long)(await fixture.Database.ScalarAsync("select count(*) from \"OpenIddictTokens\""))!;
        await Host.TokenAsync();
        Assert.Equal(before, await fixture.Database.ScalarAsync("select count(*) from \"OpenIddictTokens\""));

        var browser = new Browser(Host);
        await browser.RedeemAsync((await browser.SignInAsync())["code"]);
        Assert.Equal(before + 2, await fixture.Database.ScalarAsync("select count(*) from \"OpenIddictTokens\""));
        fixture.Time.Advance(TimeSpan.FromDays(30));
        using var housekeeping = ActivatorUtilities.CreateInstance<Housekeeping>(Host.Services);
        await housekeeping.RunAsync(CancellationToken.None);
        Assert.Equal(0L, await fixture.Database.ScalarAsync("select count(*) from \"OpenIddictTokens\""));
        Assert.Equal(0L, await fixture.Database.ScalarAsync("select count(*) from \"OpenIddictAuthorizations\""));
    }

    private async Task<System.Text.Json.JsonElement> RefreshAsync(string token)
    {
        using var answer = await Host.AskTokenAsync(RefreshForm(token));
        return await answer.JsonAsync();
    }

    private static Dictionary<string, string> RefreshForm(string token) =>
        new(StringComparer.Ordinal) { ["grant_type"] = "refresh_token", ["client_id"] = WellKnownClients.AzureCli, ["refresh_token"] = token };
}
