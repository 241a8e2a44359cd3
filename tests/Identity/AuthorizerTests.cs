using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>Who owns what, and how soon that is known.</summary>
public sealed class AuthorizerTests(IdentityFixture fixture) : IClassFixture<IdentityFixture>
{
    private static readonly CancellationToken None = CancellationToken.None;

    private Authorizer Authorizer => fixture.Host.Services.GetRequiredService<Authorizer>();

    [Fact]
    public async Task The_bootstrap_application_owns_its_subscription_and_no_other()
    {
        using var own = await fixture.Host.CallAsync(await fixture.Host.TokenAsync());
        Assert.True((await own.JsonAsync()).GetProperty("may").GetBoolean());
        using var other = await fixture.Host.GetAsync("/subscriptions/99999999-2222-3333-4444-555555555555", await fixture.Host.TokenAsync());
        Assert.False((await other.JsonAsync()).GetProperty("may").GetBoolean());
    }

    [Fact]
    public async Task A_role_that_is_given_or_taken_counts_within_five_seconds()
    {
        var principal = Somebody();
        Assert.False(await Authorizer.CanAsync(principal, "s1", None));

        await GiveAsync(principal, "/subscriptions/s1");
        fixture.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(await Authorizer.CanAsync(principal, "s1", None));
        Assert.False(await Authorizer.CanAsync(principal, "s2", None));
        Assert.Equal(["s1"], await Authorizer.VisibleSubscriptionsAsync(principal, None));

        await using var db = Database();
        await db.RoleAssignments.Where(row => row.PrincipalId == principal.ObjectId).ExecuteDeleteAsync();
        fixture.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(await Authorizer.CanAsync(principal, "s1", None));
        Assert.Empty(await Authorizer.VisibleSubscriptionsAsync(principal, None));
    }

    [Fact]
    public async Task An_owner_of_the_root_sees_every_subscription_there_is()
    {
        await using var db = Database();
        db.AddRange(SubscriptionRow("aaa"), SubscriptionRow("bbb"));
        await db.SaveChangesAsync();
        var principal = Somebody();
        await GiveAsync(principal, "/");

        Assert.True(await Authorizer.CanAsync(principal, "anything", None));
        Assert.Equal(["aaa", "bbb"], await Authorizer.VisibleSubscriptionsAsync(principal, None));
    }

    [Fact]
    public async Task Another_role_does_not_make_an_owner()
    {
        var principal = Somebody();
        await GiveAsync(principal, "/subscriptions/s1", role: "Reader");
        Assert.False(await Authorizer.CanAsync(principal, "s1", None));
    }

    private ControlPlaneDb Database() => fixture.Host.Services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContext();

    private async Task GiveAsync(Principal principal, string scope, string role = Authorizer.Owner)
    {
        await using var db = Database();
        db.Add(new RoleAssignmentRow { Scope = scope, PrincipalId = principal.ObjectId, Role = role });
        await db.SaveChangesAsync();
    }

    private static Principal Somebody() => new(Guid.NewGuid().ToString(), "Application", Guid.NewGuid().ToString(), IdentityHost.Tenant);

    private static ResourceRow SubscriptionRow(string id) => new()
    {
        Key = $"/subscriptions/{id}", Id = $"/subscriptions/{id}", Type = "Microsoft.Resources/subscriptions", Name = id, Subscription = id,
        Tags = "{}", Properties = "{}", Status = "{}", State = ProvisioningState.Succeeded, Version = 1,
        CreatedAt = DateTimeOffset.UnixEpoch, CreatedBy = "test", CreatedByType = "Application", ModifiedBy = "test", ModifiedByType = "Application",
    };
}
