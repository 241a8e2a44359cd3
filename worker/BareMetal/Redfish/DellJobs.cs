using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Dell's job queue, as far as BIOS changes need it: a change is a job that waits for the next reset.</summary>
internal sealed class DellJobs(RedfishClient client, MachineFacts facts)
{
    /// <summary>An iDRAC keeps a hundred old jobs; the newest come last.</summary>
    private const int MaxTasks = 20;

    /// <summary>The BIOS job that is not over, after its monitor was lost; null when there is none.</summary>
    public async Task<Uri?> FindWaitingAsync(CancellationToken stop)
    {
        if (facts.Tasks is null || await client.FindAsync(client.Resolve(facts.Tasks), stop) is not { } service) return null;
        var tasks = await client.MembersAsync(service.Body.Link("Tasks"), stop);
        foreach (var task in tasks.TakeLast(MaxTasks).Reverse())
        {
            if (await client.FindAsync(task, stop) is { } found
                && !TaskWatch.Outcome(found).IsOver
                && found.Body.GetRawText().Contains("bios", StringComparison.OrdinalIgnoreCase)) return task;
        }

        return null;
    }

    /// <summary>Takes the waiting BIOS job out of the queue, so that other values can be written.</summary>
    /// <exception cref="RedfishException">Busy when that cannot be done: the next reset runs the job.</exception>
    public async Task DeleteWaitingAsync(RedfishException cause, CancellationToken stop)
    {
        if (await FindWaitingAsync(stop) is not { } job || facts.Manager is not { } manager) throw Waits(cause);
        var links = (await client.GetAsync(manager, stop)).Body.At("Links", "Oem", "Dell");
        var service = links.Link("DellJobService") ?? $"{manager.AbsolutePath.TrimEnd('/')}/Oem/Dell/DellJobService";
        try
        {
            var action = client.Resolve($"{service.TrimEnd('/')}/Actions/DellJobService.DeleteJobQueue");
            await client.PostAsync(action, new JsonObject { ["JobID"] = job.Segments[^1].Trim('/') }, stop);
        }
        catch (RedfishException refused) when (refused.Failure == RedfishFailure.Rejected)
        {
            throw Waits(cause);
        }
    }

    private static RedfishException Waits(RedfishException cause) =>
        new(RedfishFailure.Busy, "A BIOS job of earlier values waits for a reset and cannot be deleted.", cause) { Status = cause.Status, MessageIds = cause.MessageIds };
}
