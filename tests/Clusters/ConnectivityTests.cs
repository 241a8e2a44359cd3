using ControlPlane.Contracts.Clusters;
using Xunit;

namespace ControlPlane.Tests.Clusters;

/// <summary>How a cluster is connected, by what is known of it.</summary>
public sealed class ConnectivityTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan OfflineAfter = TimeSpan.FromMinutes(15);

    [Theory]
    [InlineData(null, null, ClusterConnectivity.Connecting, null)]
    [InlineData(-1, null, ClusterConnectivity.Connected, 14)]
    [InlineData(0, null, ClusterConnectivity.Connected, 15)]
    [InlineData(-15, null, ClusterConnectivity.Offline, null)]
    [InlineData(-16, null, ClusterConnectivity.Offline, null)]
    [InlineData(-1, 5, ClusterConnectivity.Connected, 5)]
    [InlineData(-1, 60, ClusterConnectivity.Connected, 14)]
    [InlineData(-60, 5, ClusterConnectivity.Offline, 5)]
    [InlineData(null, 5, ClusterConnectivity.Connecting, 5)]
    [InlineData(-1, 0, ClusterConnectivity.Expired, null)]
    [InlineData(-60, -1, ClusterConnectivity.Expired, null)]
    [InlineData(null, -1, ClusterConnectivity.Expired, null)]
    public void Minutes_since_it_was_seen_and_until_its_certificate_expires_say_how_it_is_connected(int? seen, int? expires, ClusterConnectivity status, int? until)
    {
        var connectivity = Connectivity.Of(At(seen), At(expires), Now, OfflineAfter);
        Assert.Equal((status, At(until)), (connectivity.Status, connectivity.Until));
    }

    [Fact]
    public void Nothing_heard_until_the_given_time_changes_nothing_before_it_and_something_at_it()
    {
        var chance = new Random(20260601);
        for (var round = 0; round < 2_000; round++)
        {
            DateTimeOffset? seen = chance.Next(4) == 0 ? null : Now.AddMinutes(-chance.Next(0, 30));
            DateTimeOffset? expires = chance.Next(2) == 0 ? null : Now.AddMinutes(chance.Next(-5, 40));
            var first = Connectivity.Of(seen, expires, Now, OfflineAfter);
            if (first.Until is not { } until)
            {
                Assert.Equal(first, Connectivity.Of(seen, expires, Now.AddYears(1), OfflineAfter));
                continue;
            }

            Assert.Equal(first, Connectivity.Of(seen, expires, until.AddTicks(-1), OfflineAfter));
            Assert.NotEqual(first.Status, Connectivity.Of(seen, expires, until, OfflineAfter).Status);
        }
    }

    private static DateTimeOffset? At(int? minutes) => minutes is { } some ? Now.AddMinutes(some) : null;
}
