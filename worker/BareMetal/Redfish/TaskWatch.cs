using System.Net;
using System.Text.Json;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>How far a BMC's task is.</summary>
internal enum TaskProgress
{
    /// <summary>Waiting for something, for a Dell BIOS job the next reset.</summary>
    Scheduled,
    Running,
    Succeeded,
    Failed,

    /// <summary>The BMC has forgotten it, for example by a reboot: the target's state tells.</summary>
    Gone,
}

/// <summary>One look at a task.</summary>
internal sealed record TaskOutcome(TaskProgress Progress)
{
    public bool IsOver => Progress is not (TaskProgress.Scheduled or TaskProgress.Running);
    public int? PercentComplete { get; init; }

    /// <summary>When to look again; 1 s unless the BMC says otherwise.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The message id of the failure, if there is one.</summary>
    public string? MessageId { get; init; }
}

/// <summary>Follows tasks: by their monitor (202 until the final answer of the original call) or by the task resource itself.</summary>
internal sealed class TaskWatch(RedfishClient client)
{
    public async Task<TaskOutcome> PollAsync(Uri monitor, CancellationToken stop)
    {
        var answer = await client.ReadAsync(client.Resolve(monitor.OriginalString), stop);
        return Outcome(answer);
    }

    /// <summary>Where a call that was accepted can be followed, or null when it was simply done.</summary>
    public static Uri? MonitorOf(RedfishAnswer? answer, RedfishClient client)
    {
        if (answer is null) return null;
        var monitor = answer.Body.Text("TaskMonitor") // HPE
            ?? (answer.Status == HttpStatusCode.Accepted || IsTask(answer.Location) ? answer.Location : null)
            ?? (IsTask(answer.Body.Text("@odata.id")) ? answer.Body.Text("@odata.id") : null);
        return monitor is null ? null : client.Resolve(monitor);
    }

    /// <summary>Pure.</summary>
    public static TaskOutcome Outcome(RedfishAnswer answer)
    {
        var wait = answer.RetryAfter ?? TimeSpan.FromSeconds(1);
        if (answer.Status is HttpStatusCode.NotFound or HttpStatusCode.Gone) return new(TaskProgress.Gone);
        if (!answer.IsSuccess) return new(TaskProgress.Failed) { MessageId = RedfishError.MessageIds(answer.Body).FirstOrDefault() };

        var state = answer.Body.Text("TaskState");
        var progress = state switch
        {
            null when answer.Status == HttpStatusCode.Accepted => TaskProgress.Running,
            null => TaskProgress.Succeeded,
            "New" or "Pending" or "Scheduled" or "Suspended" => TaskProgress.Scheduled,
            "Completed" when answer.Body.Text("TaskStatus") is "Critical" => TaskProgress.Failed,
            "Completed" => TaskProgress.Succeeded,
            "Exception" or "Killed" or "Cancelled" or "Interrupted" => TaskProgress.Failed,
            _ => TaskProgress.Running,
        };
        return new(progress)
        {
            RetryAfter = wait,
            PercentComplete = answer.Body.Integer("PercentComplete"),
            MessageId = progress == TaskProgress.Failed ? FailureOf(answer.Body) : null,
        };
    }

    private static bool IsTask(string? path) => path is not null
        && (path.Contains("/TaskService/", StringComparison.OrdinalIgnoreCase) || path.Contains("/Jobs/", StringComparison.OrdinalIgnoreCase));

    private static string? FailureOf(JsonElement task) =>
        task.Items("Messages").Select(message => message.Text("MessageId")).OfType<string>().Select(id => id[(id.LastIndexOf('.') + 1)..]).LastOrDefault();
}
