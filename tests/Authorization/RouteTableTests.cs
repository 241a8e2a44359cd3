using System.Text.RegularExpressions;
using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>Every route, with every role, in a subscription of one's own and in another's: what is let in is what the role's definition says.</summary>
[Collection(AuthorizationSuite.Name)]
public sealed partial class RouteTableTests(AuthorizationFixture fixture)
{
    /// <summary>Answers that come only after a caller was let in.</summary>
    private static readonly int[] Refusals = [401, 403, 404];

    [Fact]
    public async Task Every_route_says_what_it_asks_for()
    {
        var silent = Routes().Where(route => route.Metadata.GetMetadata<ArmRoute>() is null && route.Metadata.GetMetadata<OpenRoute>() is null).Select(route => route.RoutePattern.RawText)
            .Where(pattern => pattern is not ("/healthz" or "/readyz") && pattern?.StartsWith("/provision", StringComparison.Ordinal) is not true && pattern?.StartsWith("/metadata", StringComparison.Ordinal) is not true);
        Assert.Empty(silent);
        (await fixture.Plane.Arm.Anonymous().GetAsync("/subscriptions")).Is(401);
    }

    [Fact]
    public async Task Nobody_without_a_token_gets_anywhere()
    {
        var anonymous = fixture.Plane.Arm.Anonymous();
        foreach (var (method, path, _) in Requests(ControlPlaneFixture.Subscription).DistinctBy(request => (request.Method, request.Path)))
            Assert.Equal(401, (await anonymous.SendAsync(method, path)).Status);
    }

    [Fact]
    public async Task Each_role_gets_what_it_names_in_its_own_subscription_and_nothing_in_another()
    {
        var (own, foreign) = (Guid.NewGuid().ToString(), Guid.NewGuid().ToString());
        foreach (var subscription in new[] { own, foreign })
            (await fixture.Plane.Arm.PutAsync($"/subscriptions/{subscription}?api-version=2.0", new System.Text.Json.Nodes.JsonObject { ["state"] = "Registered" })).Is(200);
        foreach (var (name, role) in BuiltInRoles.ByName)
        {
            var (arm, id) = await fixture.Plane.NewPrincipalAsync();
            await fixture.Plane.AssignAsync(id, name, $"/subscriptions/{own}");
            foreach (var (method, path, route) in Requests(own))
            {
                // A writing verb with no body, or of no known type, is refused later by what it lacks; only who is let in matters here.
                var answer = await arm.SendAsync(method, path);
                var allowed = route.Action is null || (route.IsTenantLevel || !path.StartsWith("/subscriptions/", StringComparison.Ordinal) ? false : route.IsForAllWhoSee || route.IsFiltered || Role.FindBuiltIn(name)!.Allows(route.Action, route.IsDataAction));
                var denied = answer.Status is 403 && answer.ErrorCode is "AuthorizationFailed";
                if (!allowed && !route.IsFiltered)
                    Assert.True(Refusals.Contains(answer.Status), $"{role.RoleName} was let in: {answer}");
                if (allowed)
                    Assert.False(denied, $"{role.RoleName} was refused: {answer}");
                Assert.True(answer.Status is not 500, answer.ToString());
            }

            foreach (var (method, path, route) in Requests(foreign).Where(request => request.Path.StartsWith("/subscriptions/", StringComparison.Ordinal)))
            {
                var answer = await arm.SendAsync(method, path);
                Assert.True(answer.Status is 404 && (method == HttpMethod.Head || answer.ErrorCode is "SubscriptionNotFound"), $"{role.RoleName} in another's subscription, {route.OperationId}: {answer}");
            }
        }
    }

    private IEnumerable<RouteEndpoint> Routes() => fixture.Plane.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    /// <summary>One request for each route; the names in it are of nothing that is there. Extensions are asked below one type only, for the others are the same code.</summary>
    private IEnumerable<(HttpMethod Method, string Path, ArmRoute Route)> Requests(string subscription) =>
        from endpoint in Routes()
        let route = endpoint.Metadata.GetMetadata<ArmRoute>()
        where route is { OperationId.Length: > 0 }
        let pattern = endpoint.RoutePattern.RawText!
        where !pattern.Contains("{extended", StringComparison.Ordinal) || pattern.Contains("/osImages/", StringComparison.Ordinal)
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
        select (new HttpMethod(method), Parameter().Replace(pattern.Replace("{subscription}", subscription, StringComparison.Ordinal).Replace("{location}", "westeurope", StringComparison.Ordinal), "00000000-0000-0000-0000-00000000abcd"), route);

    [GeneratedRegex(@"\{[^}]+\}", RegexOptions.None, 1000)]
    private static partial Regex Parameter();
}
