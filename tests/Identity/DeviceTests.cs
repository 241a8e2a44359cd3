using System.Net;
using System.Text.Json;
using ControlPlane.Api.Identity;
using ControlPlane.Tests.Fixtures;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>A device without a browser is signed in by a person who has one (RFC 8628).</summary>
public sealed class DeviceTests(IdentityFixture fixture) : IClassFixture<IdentityFixture>
{
    private const string T = IdentityHost.Tenant;

    private IdentityHost Host => fixture.Host;

    [Theory]
    [InlineData($"/{T}/oauth2/v2.0")]
    [InlineData($"/{T}/oauth2")]
    [InlineData("/adfs/oauth2")]
    public async Task The_code_that_a_person_types_signs_the_device_in(string path)
    {
        var device = await BeginAsync(Host, path);
        Assert.Equal($"{Host.Endpoint}/device", device.GetProperty("verification_uri").GetString());
        Assert.Contains(device.GetProperty("user_code").GetString()!, device.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(5, device.GetProperty("interval").GetInt32());
        Assert.Equal("authorization_pending", await PollErrorAsync(device, path));

        var answer = await ApproveAsync(new(Host), device);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Contains("Signed in", answer.Html, StringComparison.Ordinal);

        fixture.Time.Advance(TimeSpan.FromSeconds(5));
        var tokens = await PollAsync(device, path);
        var token = new JsonWebToken(tokens.GetProperty("access_token").GetString());
        Assert.Equal(IdentityHost.UserId, token.GetClaim("oid").Value);
        Assert.Equal([Host.Endpoint], token.Audiences);
        Assert.True(tokens.TryGetProperty("refresh_token", out _));
        Assert.Equal("invalid_grant", await PollErrorAsync(device, path));
    }

    [Fact]
    public async Task The_person_sees_who_asks_and_may_deny_it()
    {
        var device = await BeginAsync(Host);
        var browser = new Browser(Host);
        var page = await browser.GetAsync($"/device?user_code={device.GetProperty("user_code").GetString()}");
        Assert.Contains("ControlPlane CLI", page.Html, StringComparison.Ordinal);

        var answer = await browser.SubmitAsync(page, ("username", IdentityHost.User), ("password", IdentityHost.Password), ("decision", "deny"));
        Assert.Contains("Denied", answer.Html, StringComparison.Ordinal);
        Assert.Equal("access_denied", await PollErrorAsync(device));
        Assert.Contains("There is no such code", (await browser.GetAsync($"/device?user_code={device.GetProperty("user_code").GetString()}")).Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_device_that_asks_too_often_is_told_to_slow_down()
    {
        var device = await BeginAsync(Host);
        Assert.Equal("authorization_pending", await PollErrorAsync(device));
        Assert.Equal("slow_down", await PollErrorAsync(device));
        fixture.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("authorization_pending", await PollErrorAsync(device));
    }

    [Fact]
    public async Task A_code_is_good_once_and_for_ten_minutes()
    {
        var device = await BeginAsync(Host);
        Assert.Equal(HttpStatusCode.OK, (await ApproveAsync(new(Host), device)).Status);
        Assert.Contains("There is no such code", (await new Browser(Host).GetAsync($"/device?user_code={device.GetProperty("user_code").GetString()}")).Html, StringComparison.Ordinal);

        var late = await BeginAsync(Host);
        fixture.Time.Advance(TimeSpan.FromMinutes(11));
        Assert.Contains("There is no such code", (await new Browser(Host).GetAsync($"/device?user_code={late.GetProperty("user_code").GetString()}")).Html, StringComparison.Ordinal);
        Assert.Equal("expired_token", await PollErrorAsync(late));
    }

    [Fact]
    public async Task The_code_belongs_to_the_application_that_asked()
    {
        var device = await BeginAsync(Host);
        await ApproveAsync(new(Host), device);
        using var other = await Host.AskTokenAsync(PollForm(device).With("client_id", WellKnownClients.AzureCli));
        Assert.False((await other.JsonAsync()).TryGetProperty("access_token", out _));
    }

    [Fact]
    public async Task Guessing_at_codes_locks_the_address()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var host = await (await IdentityHost.StartAsync(database, new ManualTime())).WithUserAsync();
        var browser = new Browser(host);
        var device = await BeginAsync(host);
        for (var guess = 0; guess < 50; guess++)
            Assert.Contains("There is no such code", (await browser.GetAsync($"/device?user_code=0000-0000-{guess:0000}")).Html, StringComparison.Ordinal);
        Assert.Contains("too many wrong attempts", (await browser.GetAsync($"/device?user_code={device.GetProperty("user_code").GetString()}")).Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_site_cannot_sign_a_device_in()
    {
        var device = await BeginAsync(Host);
        var browser = new Browser(Host);
        var page = await browser.GetAsync($"/device?user_code={device.GetProperty("user_code").GetString()}");
        var fields = page.With(("username", IdentityHost.User), ("password", IdentityHost.Password));
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.PostAsync("/device", fields, origin: "https://evil.example")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await new Browser(Host).PostAsync("/device", fields)).Status);
        Assert.Equal("authorization_pending", await PollErrorAsync(device));
    }

    private static async Task<JsonElement> BeginAsync(IdentityHost host, string path = $"/{T}/oauth2/v2.0")
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal) { ["client_id"] = WellKnownClients.Cli, ["scope"] = $"{host.Endpoint}/.default openid profile offline_access" };
        using var answer = await host.AskTokenAsync(form, path + "/devicecode");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.JsonAsync();
    }

    private static async Task<Browser.Page> ApproveAsync(Browser browser, JsonElement device) =>
        await browser.SubmitAsync(await browser.GetAsync($"/device?user_code={device.GetProperty("user_code").GetString()}"), ("username", IdentityHost.User), ("password", IdentityHost.Password));

    private async Task<JsonElement> PollAsync(JsonElement device, string path = $"/{T}/oauth2/v2.0")
    {
        using var answer = await Host.AskTokenAsync(PollForm(device), path + "/token");
        return await answer.JsonAsync();
    }

    private async Task<string?> PollErrorAsync(JsonElement device, string path = $"/{T}/oauth2/v2.0") => (await PollAsync(device, path)).GetProperty("error").GetString();

    private static Dictionary<string, string> PollForm(JsonElement device) => new(StringComparer.Ordinal)
    {
        ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
        ["client_id"] = WellKnownClients.Cli,
        ["device_code"] = device.GetProperty("device_code").GetString()!,
        ["code"] = device.GetProperty("device_code").GetString()!,
    };

}
