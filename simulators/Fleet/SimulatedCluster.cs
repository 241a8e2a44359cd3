using System.Collections.Immutable;
using ControlPlane.Simulators.Clusters;

namespace ControlPlane.Simulators.Fleet;

/// <summary>One cluster of a fleet. It is installed when somebody calls it for the first time, so that thousands of them cost nothing before.</summary>
internal sealed class SimulatedCluster : IDisposable
{
    private readonly Lazy<KubernetesApi> api;
    private ImmutableArray<ActiveClusterFault> faults = [];

    public SimulatedCluster(ClusterSeat seat, Func<ClusterSeat, ClusterConduct, KubernetesApi> install)
    {
        Seat = seat;
        api = new Lazy<KubernetesApi>(() => install(seat, Conduct));
    }

    public ClusterSeat Seat { get; }
    public ClusterConduct Conduct { get; } = new();
    public WriteTally Tally { get; } = new();
    public KubernetesApi Api => api.Value;
    public bool IsInstalled => api.IsValueCreated;

    /// <summary>The faults that strike this cluster.</summary>
    public ImmutableArray<ActiveClusterFault> Faults => faults;

    /// <summary>Other faults strike from now on.</summary>
    public void Suffer(ImmutableArray<ActiveClusterFault> now)
    {
        faults = now;
        var (images, rollout, flipFlop, late) = (Conduct.BadImages, Conduct.SlowRollout, Conduct.FlipFlop, Conduct.LateCustomResources);
        Conduct.BadImages = [.. now.Where(fault => fault.Fault.Action == ClusterFaultAction.NeverAvailable).SelectMany(fault => fault.Fault.Images.Count == 0 ? ["*"] : fault.Fault.Images)];
        Conduct.SlowRollout = Delay(ClusterFaultAction.SlowRollout);
        Conduct.FlipFlop = Delay(ClusterFaultAction.FlipFlop);
        Conduct.LateCustomResources = Delay(ClusterFaultAction.LateCrd);
        if (IsInstalled && (images.Count + Conduct.BadImages.Count > 0 || rollout != Conduct.SlowRollout || flipFlop != Conduct.FlipFlop || late != Conduct.LateCustomResources)) Api.Reconsider();
    }

    public void Dispose()
    {
        if (IsInstalled) Api.Dispose();
    }

    private TimeSpan Delay(ClusterFaultAction action) =>
        faults.FirstOrDefault(fault => fault.Fault.Action == action) is { } fault ? TimeSpan.FromMilliseconds(Math.Max(1, fault.Fault.DelayMilliseconds)) : TimeSpan.Zero;
}
