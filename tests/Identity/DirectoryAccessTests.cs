using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>Through the whole front door: who may administer the directory, and that roles count for whom they were given to.</summary>
public sealed class DirectoryAccessTests
{
    [Fact]
    public async Task The_directory_is_for_those_who_have_a_role_at_the_tenant()
    {
        await using var plane = await ControlPlaneFixture.StartFrontDoorAsync();
        var (nobody, principal) = await plane.NewPrincipalAsync();
        var (subscriptionOwner, owner) = await plane.NewPrincipalAsync();
        await plane.AssignAsync(owner, BuiltInRoles.Owner, ArmHttp.SubscriptionPath);
        foreach (var arm in new[] { nobody, subscriptionOwner })
        {
            foreach (var path in new[] { "/v1.0/users", "/V1.0/Applications", "/v1.0//groups/", $"/v1.0/servicePrincipals/{principal}" })
                (await arm.GetAsync(path)).Is(403, "AuthorizationFailed");
            (await arm.PostAsync("/v1.0/users", new JsonObject())).Is(403, "AuthorizationFailed");
            (await arm.PostAsync($"/v1.0/groups/{principal}/members/$ref", new JsonObject())).Is(403, "AuthorizationFailed");
        }

        await plane.AssignAsync(principal, BuiltInRoles.Reader, "");
        await Eventually.Async(async () => (await nobody.GetAsync("/v1.0/users")).Status == 200, "a reader of the tenant reads the directory");
        (await nobody.PostAsync("/v1.0/groups", new JsonObject { ["displayName"] = "x" })).Is(403, "AuthorizationFailed");
        (await nobody.DeleteAsync($"/v1.0/servicePrincipals/{owner}")).Is(403, "AuthorizationFailed");
        (await plane.Arm.Anonymous().GetAsync("/v1.0/users")).Is(401);
    }

    [Fact]
    public async Task A_person_signs_in_on_a_device_and_reads_what_a_role_shows()
    {
        await using var plane = await ControlPlaneFixture.StartFrontDoorAsync();
        var user = (await plane.Arm.PostAsync("/v1.0/users", JsonNode.Parse("""{"displayName":"Ada","userPrincipalName":"ada@plane.example","passwordProfile":{"password":"Analytical-Engine"}}"""))).Is(201).Json;
        await plane.AssignAsync(user.Text("id"), BuiltInRoles.Reader, ArmHttp.SubscriptionPath);

        using var client = LoopbackCertificate.Client(plane.Endpoint);
        var endpoint = plane.Endpoint.GetLeftPart(UriPartial.Authority);
        var device = await PostAsync(client, "/adfs/oauth2/devicecode", new() { ["client_id"] = WellKnownClients.AzureCli, ["scope"] = $"{endpoint}/.default offline_access" });
        using var page = await client.GetAsync(new Uri($"/device?user_code={device.Text("user_code")}", UriKind.Relative));
        var cookie = page.Headers.GetValues("Set-Cookie").First().Split(';')[0];
        using var approval = new HttpRequestMessage(HttpMethod.Post, new Uri("/device", UriKind.Relative))
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["user_code"] = device.Text("user_code"), ["form_token"] = cookie.Split('=', 2)[1], ["username"] = "ada@plane.example", ["password"] = "Analytical-Engine",
            }),
        };
        approval.Headers.Add("Cookie", cookie);
        using var approved = await client.SendAsync(approval);
        Assert.True(approved.IsSuccessStatusCode, await approved.Content.ReadAsStringAsync());

        var tokens = await PostAsync(client, "/adfs/oauth2/token", new() { ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code", ["client_id"] = WellKnownClients.AzureCli, ["device_code"] = device.Text("device_code") });
        using var ada = new ArmHttp(LoopbackCertificate.Client(plane.Endpoint), tokens.Text("access_token"));
        (await ada.GetAsync(ArmHttp.SubscriptionPath)).Is(200);
        (await ada.PutAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/g", JsonNode.Parse("""{"location":"westeurope"}""")!)).Is(403, "AuthorizationFailed");
    }

    private static async Task<JsonElement> PostAsync(HttpClient client, string path, Dictionary<string, string> form)
    {
        using var content = new FormUrlEncodedContent(form);
        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), content);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }
}
