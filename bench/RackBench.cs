using System.Diagnostics;

namespace ControlPlane.Bench;

/// <summary>One PUT of a rack of 42 machines until all are nodes, against BMCs that take no time: once with a host that never did it before, and once more.</summary>
internal static class RackBench
{
    public static async IAsyncEnumerable<Measure> RunAsync(Stack stack)
    {
        await using var simulation = await Simulation.StartAsync(84);
        yield return Measure.Fact("rack.42.first", (await Racks.ProvisionAsync(stack, simulation, "bench-rack-first", 1, 42)).TotalSeconds, "s");
        yield return Measure.AtMost("rack.42", (await Racks.ProvisionAsync(stack, simulation, "bench-rack", 43, 84)).TotalSeconds, "s", 10);
    }
}

/// <summary>A thousand machines at once, with front door and worker in processes of their own; what the worker needs for it.</summary>
internal static class MachinesBench
{
    private const int Count = 1000;

    public static async IAsyncEnumerable<Measure> RunAsync(Stack embedded)
    {
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        await using var worker = WorkerProcess.Start(door);
        await using var simulation = await Simulation.StartAsync(Count);
        var time = await Racks.ProvisionAsync(stack, simulation, "bench-machines", 1, Count);
        yield return Measure.AtMost("machines.1000", time.TotalSeconds, "s", 120);
        yield return Measure.AtMost("machines.1000.worker", Proc.PeakResidentMegabytes(worker.Id), "MB", 400);
        yield return Measure.Fact("machines.1000.worker.cpu", Proc.CpuSeconds(worker.Id), "s");
        yield return Measure.Fact("machines.1000.door.cpu", Proc.CpuSeconds(door.Id), "s");
        yield return Measure.Fact("machines.1000.sims.cpu", Proc.CpuSeconds(simulation.Id), "s");
    }
}

/// <summary>The worker as a process of its own.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private readonly Process process;

    private WorkerProcess(Process process) => this.process = process;

    public int Id => process.Id;

    public static WorkerProcess Start(FrontDoorProcess door) => new(Programs.Start("Worker", new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["ConnectionStrings__postgres"] = door.Postgres,
        ["Provisioning__PublicUri"] = door.Endpoint.GetLeftPart(UriPartial.Authority),
        ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
    }));

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}

internal static class Racks
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    /// <summary>From sending the PUT of the rack until its operation has succeeded; group, cluster and image are there before.</summary>
    public static async Task<TimeSpan> ProvisionAsync(Stack stack, Simulation simulation, string group, int firstSlot, int lastSlot)
    {
        await stack.PutGroupAsync(group);
        var cluster = $"{stack.GroupPath(group)}/providers/Microsoft.Kubernetes/connectedClusters/cluster";
        var image = $"{stack.ImagesPath(group)}/image";
        await FinishAsync(stack, await stack.PutAsync(cluster, simulation.Cluster(stack)));
        await FinishAsync(stack, await stack.PutAsync(image, simulation.Image(stack)));
        var begin = Stopwatch.GetTimestamp();
        await FinishAsync(stack, await stack.PutAsync($"{stack.GroupPath(group)}/providers/ControlPlane.BareMetal/racks/rack", simulation.Rack(stack, image, cluster, firstSlot, lastSlot)));
        return Stopwatch.GetElapsedTime(begin);
    }

    private static Task FinishAsync(Stack stack, HttpResponseMessage accepted) => stack.FinishAsync(accepted, TimeSpan.FromMilliseconds(100), Limit);
}
