using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Simulators.Clusters;

namespace ControlPlane.Simulators.Fleet;

/// <summary>A fault in force, and the clusters that it strikes.</summary>
internal sealed class ActiveClusterFault : IDisposable
{
    private readonly CancellationTokenSource ended = new();
    private readonly ClusterFault fault;
    private readonly HashSet<SimulatedCluster> names;
    private int remaining;
    private int strikes;

    public ActiveClusterFault(ClusterFault fault, string id, IReadOnlyList<SimulatedCluster> struck)
    {
        (this.fault, Id, Struck, remaining) = (fault, id, struck, fault.Remaining ?? -1);
        (Ended, names) = (ended.Token, [.. struck]);
    }

    public string Id { get; }
    public ClusterFault Fault => fault;
    public IReadOnlyList<SimulatedCluster> Struck { get; }
    public int Strikes => Volatile.Read(ref strikes);
    public int? Remaining => fault.Remaining is null ? null : Math.Max(0, Volatile.Read(ref remaining));

    /// <summary>Cancelled when the fault is taken back: what hangs then breaks.</summary>
    public CancellationToken Ended { get; }

    /// <summary>Whether a request is struck; counts if it is.</summary>
    public bool Hits(string method, string path, Func<double> dice)
    {
        if (fault.Method is not null && !string.Equals(fault.Method, method, StringComparison.OrdinalIgnoreCase)) return false;
        if (fault.Path is not null && !ClusterConduct.Matches(fault.Path, path)) return false;
        if (fault.Probability < 1 && dice() >= fault.Probability) return false;
        return Strike();
    }

    public bool Concerns(SimulatedCluster cluster) => names.Contains(cluster);

    public bool Strike()
    {
        if (fault.Remaining is not null && Interlocked.Decrement(ref remaining) < 0) return false;
        Interlocked.Increment(ref strikes);
        return true;
    }

    public void Dispose()
    {
        ended.Cancel();
        ended.Dispose();
    }
}

/// <summary>All faults of a fleet. Which clusters one strikes is decided when it is added, by the seed and the clusters' names alone.</summary>
internal sealed class FaultPlan(IReadOnlyList<SimulatedCluster> clusters, int seed)
{
    private readonly Lock gate = new();
    private ImmutableList<ActiveClusterFault> faults = [];
    private int number;

    public IReadOnlyList<ActiveClusterFault> All => faults;

    public ActiveClusterFault Add(ClusterFault fault)
    {
        lock (gate)
        {
            var id = fault.Id ?? $"fault-{++number}";
            Remove(id);
            var active = new ActiveClusterFault(fault, id, Choose(fault, id));
            faults = faults.Add(active);
            Settle(active.Struck);
            return active;
        }
    }

    /// <summary>Takes one fault back, or all when no id is given.</summary>
    public int Remove(string? id)
    {
        lock (gate)
        {
            var gone = faults.FindAll(fault => id is null || fault.Id == id);
            faults = faults.RemoveRange(gone);
            foreach (var fault in gone)
            {
                Settle(fault.Struck);
                fault.Dispose();
            }

            return gone.Count;
        }
    }

    private List<SimulatedCluster> Choose(ClusterFault fault, string id)
    {
        var candidates = clusters.Where(cluster =>
            (fault.Clusters.Count == 0 || fault.Clusters.Any(pattern => ClusterConduct.Matches(pattern, cluster.Seat.Name)))
            && (fault.Region is null || fault.Region == cluster.Seat.Region)
            && fault.Labels.All(label => cluster.Seat.Labels.TryGetValue(label.Key, out var value) && value == label.Value)).ToList();
        if (fault.Fraction >= 1) return candidates;
        var count = (int)Math.Round(candidates.Count * Math.Clamp(fault.Fraction, 0, 1), MidpointRounding.AwayFromZero);
        return [.. candidates.OrderBy(cluster => Rank(id, cluster.Seat.Name)).Take(count)];
    }

    private ulong Rank(string id, string name) => BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}/{id}/{name}")));

    private void Settle(IReadOnlyList<SimulatedCluster> struck)
    {
        foreach (var cluster in struck) cluster.Suffer([.. faults.Where(fault => fault.Concerns(cluster))]);
    }
}
