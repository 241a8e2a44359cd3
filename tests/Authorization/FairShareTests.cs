using System.Text.Json.Nodes;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Tests.Fixtures;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>Nobody's requests keep those of others waiting: not many slow ones of one principal, not a whole subscription's.</summary>
public sealed class FairShareTests
{
    private const string Group = $"/subscriptions/{ControlPlaneFixture.Subscription}/resourceGroups/shares";

    /// <summary>Nothing waits for its turn: what finds no place is refused, so that a test need not measure time.</summary>
    private static readonly (string, string)[] Narrow = [("Throttling:AtOncePerSubscription", "3"), ("Throttling:WaitingPerSubscription", "0"), ("Throttling:AtOncePerPrincipal", "2"), ("Throttling:WaitingPerPrincipal", "0")];

    [Fact]
    public async Task Bodies_that_do_not_come_cost_their_sender_its_own_turn_and_nobody_elses()
    {
        await using var plane = await PlaneAsync();
        var (slow, id) = await plane.NewPrincipalAsync();
        await plane.AssignAsync(id, BuiltInRoles.Contributor, ArmHttp.SubscriptionPath);
        var (other, otherId) = await plane.NewPrincipalAsync();
        await plane.AssignAsync(otherId, BuiltInRoles.Reader, Group);
        var connections = new List<RawConnection>();
        for (var at = 0; at < 2; at++)
        {
            var connection = await RawConnection.OpenAsync(plane.Endpoint);
            connections.Add(connection);
            await connection.SendHeadAsync("PUT", $"{Image(at)}?api-version=2026-06-01", slow.Token, "Content-Type: application/json", "Content-Length: 100", "Expect: 100-continue");
            Assert.Equal(100, (await connection.ReadAsync())?.Status);
        }

        (await slow.GetAsync(Group)).Is(429, "SubscriptionRequestsThrottled");
        // All of the subscription's share is still there.
        await using var held = await HeldAsync(plane);
        var working = new[] { plane.Arm.PutAsync(Image(9), AuthorizationFixture.Image()), plane.Arm.PutAsync(Image(9), AuthorizationFixture.Image()) };
        await held.IsAwaitedByAsync(2);
        (await other.GetAsync(Group)).Is(200);
        await held.ReleaseAsync();
        Assert.All(await Task.WhenAll(working), answer => Assert.InRange(answer.Status, 200, 409));
        foreach (var connection in connections)
            await connection.DisposeAsync();
        await Eventually.Async(() => slow.GetAsync(Group), answer => answer.Status == 200, "its turn comes back when it gives up");
    }

    [Fact]
    public async Task A_busy_subscription_is_refused_its_excess_and_another_is_served()
    {
        await using var plane = await PlaneAsync();
        var other = $"/subscriptions/{Guid.NewGuid()}";
        (await plane.Arm.PutAsync($"{other}?api-version=2.0", new JsonObject { ["state"] = "Registered" })).Is(200);
        var owners = new List<ArmHttp>();
        for (var at = 0; at < 2; at++)
        {
            var (owner, id) = await plane.NewPrincipalAsync();
            await plane.AssignAsync(id, BuiltInRoles.Owner, ArmHttp.SubscriptionPath);
            await plane.AssignAsync(id, BuiltInRoles.Owner, other);
            owners.Add(owner);
        }

        await using var held = await HeldAsync(plane);
        Task<ArmAnswer>[] working = [owners[0].PutAsync(Image(9), AuthorizationFixture.Image()), owners[0].PutAsync(Image(9), AuthorizationFixture.Image()), owners[1].PutAsync(Image(9), AuthorizationFixture.Image())];
        await held.IsAwaitedByAsync(3);
        (await owners[1].GetAsync(Group)).Is(429, "SubscriptionRequestsThrottled");
        (await plane.Arm.GetAsync(Group)).Is(429, "SubscriptionRequestsThrottled");
        for (var time = 0; time < 20; time++)
        {
            (await owners[0].GetAsync(other)).Is(200);
            Assert.InRange((await owners[1].PutAsync($"{other}/resourceGroups/g", new JsonObject { ["location"] = "westeurope" })).Status, 200, 201);
        }

        await held.ReleaseAsync();
        Assert.All(await Task.WhenAll(working), answer => Assert.InRange(answer.Status, 200, 409));
        (await plane.Arm.GetAsync(Group)).Is(200);
    }

    [Fact]
    public async Task A_request_that_does_not_end_is_cut_off()
    {
        await using var plane = await PlaneAsync(("Limits:RequestWithin", "00:00:02"));
        await using var held = await HeldAsync(plane);
        await Assert.ThrowsAsync<HttpRequestException>(() => plane.Arm.PutAsync(Image(9), AuthorizationFixture.Image()));
        (await plane.Arm.GetAsync(Group)).Is(200);
    }

    private static string Image(int at) => $"{Group}/providers/ControlPlane.BareMetal/osImages/image-{at}";

    private static async Task<ControlPlaneFixture> PlaneAsync(params (string, string)[] settings)
    {
        var plane = await ControlPlaneFixture.StartFrontDoorAsync([.. Narrow, .. settings]);
        (await plane.Arm.PutAsync(Group, new JsonObject { ["location"] = "westeurope" })).Is(201);
        return plane;
    }

    /// <summary>From now on what is created in the group waits.</summary>
    private static Task<HeldResources> HeldAsync(ControlPlaneFixture plane) => HeldResources.TakeAsync(plane.Database.ConnectionString, Group.ToLowerInvariant());

    /// <summary>The row of a group, locked by somebody else: a resource is created when its group is known to stay.</summary>
    private sealed class HeldResources(string connectionString, NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public static async Task<HeldResources> TakeAsync(string connectionString, string group)
        {
            var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync();
            var transaction = await connection.BeginTransactionAsync();
            await using var command = new NpgsqlCommand("select 1 from resources where key = $1 for update", connection, transaction) { Parameters = { new() { Value = group } } };
            await command.ExecuteScalarAsync();
            return new(connectionString, connection, transaction);
        }

        /// <summary>Waits until so many wait for it.</summary>
        public async Task IsAwaitedByAsync(long waiting)
        {
            await using var looking = new NpgsqlConnection(connectionString);
            await looking.OpenAsync();
            await Eventually.Async(async () =>
            {
                await using var command = new NpgsqlCommand("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'", looking);
                return (long)(await command.ExecuteScalarAsync())!;
            }, seen => seen >= waiting, $"{waiting} writes wait");
        }

        public Task ReleaseAsync() => transaction.RollbackAsync();

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
