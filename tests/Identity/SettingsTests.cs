using System.Net;
using ControlPlane.Api.Identity;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>What the configuration section <c>Identity</c> decides.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData("Identity:TenantId", "contoso", "Identity:TenantId")]
    [InlineData("Identity:Endpoints:0", "http://plane.example", "Identity:Endpoints")]
    [InlineData("Identity:Audiences:0", "plane", "Identity:Audiences")]
    [InlineData("Identity:Portal:RedirectUris:0", "http://portal.example/", "Identity:Portal:RedirectUris")]
    [InlineData("Identity:Bootstrap:ClientId", "x", "Identity:Bootstrap:ClientSecret")]
    [InlineData("Identity:SigningKeys:PublishAhead", "00:01:00", "PublishAhead")]
    [InlineData("Identity:SigningKeys:Lifetime", "1.00:00:00", "Lifetime")]
    public void A_wrong_setting_is_refused_by_its_name(string name, string value, string named)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal) { ["Identity:TenantId"] = IdentityHost.Tenant, [name] = value }).Build();
        Assert.Contains(named, Assert.Throws<InvalidOperationException>(() => IdentitySettings.From(configuration)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_configured_endpoints_tokens_are_issued_by_and_for_no_other()
    {
        const string Plane = "https://plane.example:8443";
        await using var database = await TestDatabase.CreateAsync();
        await using var host = await IdentityHost.StartAsync(database, new ManualTime(), ("Identity:Endpoints:0", Plane + "/"), ("Identity:Audiences:0", "https://arm.example"));

        // The client came by an address that is not among them.
        var document = await host.JsonAsync("/adfs/.well-known/openid-configuration");
        Assert.Equal($"{Plane}/adfs/oauth2/token", document.GetProperty("token_endpoint").GetString());

        foreach (var (resource, status) in new[]
        {
            (Plane, HttpStatusCode.OK), ("HTTPS://PLANE.example:8443", HttpStatusCode.OK), ("https://arm.example", HttpStatusCode.OK),
            (host.Endpoint, HttpStatusCode.BadRequest), ("https://plane.example", HttpStatusCode.BadRequest), ("https://management.azure.com", HttpStatusCode.BadRequest),
        })
        {
            using var answer = await host.AskTokenAsync(host.ClientCredentials().With("scope", resource + "/.default"));
            Assert.Equal(status, answer.StatusCode);
            if (status != HttpStatusCode.OK)
                continue;
            using var response = await host.CallAsync((await answer.JsonAsync()).GetProperty("access_token").GetString());
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Fact]
    public async Task A_secret_that_changes_in_the_configuration_replaces_the_old_one()
    {
        await using var database = await TestDatabase.CreateAsync();
        var time = new ManualTime();
        await using (await IdentityHost.StartAsync(database, time))
        {
        }

        await using var host = await IdentityHost.StartAsync(database, time, ("Identity:Bootstrap:ClientSecret", "a new one"));
        using var old = await host.AskTokenAsync(host.ClientCredentials());
        Assert.Equal(HttpStatusCode.Unauthorized, old.StatusCode);
        using var changed = await host.AskTokenAsync(host.ClientCredentials().With("client_secret", "a new one"));
        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);
    }
}
