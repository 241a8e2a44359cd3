using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>Watches a rack until nothing moves any more, then says how it ended.</summary>
internal sealed class RackWatch(Client client, string rackId, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <param name="operation">Status address of the PUT's operation; null when only the rack's own state is known.</param>
    /// <returns>0 when every machine joined, 3 when some did, 1 when none did.</returns>
    public async Task<int> RunAsync(Uri? operation, CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        var (rack, status) = await Board.ShowAsync(async (board, token) =>
        {
            while (true)
            {
                // The operation is read first: when it has ended, the rack read after it shows the end as well.
                var running = operation is null ? null : (await client.GetAsync(operation.ToString(), token)).Body;
                var seen = (await client.GetAsync(ResourceAddress.Versioned(rackId), token)).Body;
                board.Update(RackProgress.From(seen, time.GetElapsedTime(started)));
                var state = running is null ? seen.Text("properties", "provisioningState") : running.Text("status");
                if (ArmStates.IsTerminal(state))
                    return (seen, running);
                await Task.Delay(Interval, time, token);
            }
        }, cancel);
        return Conclude(RackProgress.From(rack, time.GetElapsedTime(started)), status, rack);
    }

    private static int Conclude(RackProgress progress, JsonNode? status, JsonNode? rack)
    {
        var error = ArmError.From(status.At("error")) ?? ArmError.From(rack.At("properties", "error"));
        var succeeded = ArmStates.IsTerminal(status.Text("status"))
            ? ArmStates.IsSuccess(status)
            : rack.Text("properties", "provisioningState") is "Succeeded";
        foreach (var machine in progress.Machines.Where(machine => machine.Failed))
            Report.Line($"  {machine.Name}: {machine.Message}");
        if (!succeeded && error is not null)
            Report.Error(error);
        Console.WriteLine(progress.Headline);
        if (succeeded && progress.Joined == progress.Machines.Count && progress.Joined > 0)
            return ExitCode.Ok;
        return progress.Joined > 0 ? ExitCode.Partial : ExitCode.Failed;
    }
}

/// <summary>One machine of a rack as the rack's own GET shows it.</summary>
internal sealed record MachineProgress(long Slot, string Name, string Status, string Step, double? Percent, string Message, bool Failed)
{
    public bool Joined => string.Equals(Status, "Provisioned", StringComparison.OrdinalIgnoreCase);
}

/// <summary>A rack at one moment.</summary>
internal sealed record RackProgress(string Name, TimeSpan Elapsed, IReadOnlyList<MachineProgress> Machines)
{
    public int Joined => Machines.Count(machine => machine.Joined);

    public int Failed => Machines.Count(machine => machine.Failed);

    public string Headline =>
        $"{Name}: {Joined} of {Machines.Count} nodes joined{(Failed > 0 ? $", {Failed} failed" : "")} after {Elapsed.TotalSeconds:0} s";

    public static RackProgress From(JsonNode? rack, TimeSpan elapsed) => new(
        rack.Text("name") ?? "rack", elapsed,
        [.. rack.Items("properties", "machines").Select(Machine).OrderBy(machine => machine.Slot)]);

    private static MachineProgress Machine(JsonObject machine)
    {
        var error = ArmError.From(machine["error"]);
        var status = machine.Text("detailedStatus") ?? machine.Text("provisioningState") ?? "Pending";
        var failed = status is "Error" or "Failed" or "Canceled" || (error is not null && status is not "Provisioned");
        return new MachineProgress(
            (long)(machine.Number("slot") ?? 0), machine.Text("name") ?? "", status, status is "Provisioned" ? "" : machine.Text("step") ?? "", machine.Number("percentComplete"),
            error is null ? machine.Text("message") ?? "" : $"{error.Code}: {error.Message}", failed);
    }
}
