using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class TaskTests
{
    private const string Monitor = "/redfish/v1/TaskService/TaskMonitors/7";
    private static readonly CancellationToken Go = CancellationToken.None;

    [Fact]
    public async Task A_202_is_running_and_says_when_to_look_again()
    {
        var outcome = await PollAsync(new Reply(HttpStatusCode.Accepted).With("Retry-After", "9"));
        Assert.Equal((TaskProgress.Running, false, TimeSpan.FromSeconds(9)), (outcome.Progress, outcome.IsOver, outcome.RetryAfter));
    }

    [Fact]
    public async Task Without_Retry_After_it_is_one_second() =>
        Assert.Equal(TimeSpan.FromSeconds(1), (await PollAsync(new Reply(HttpStatusCode.Accepted))).RetryAfter);

    [Fact]
    public async Task Anything_else_is_the_final_answer()
    {
        Assert.Equal(TaskProgress.Succeeded, (await PollAsync(new Reply(HttpStatusCode.NoContent))).Progress);
        var failed = await PollAsync(Reply.Error(HttpStatusCode.BadRequest, "Base.1.12.PropertyValueNotInList"));
        Assert.Equal((TaskProgress.Failed, "PropertyValueNotInList"), (failed.Progress, failed.MessageId));
    }

    [Fact]
    public async Task A_task_that_the_BMC_forgot_is_gone() =>
        Assert.Equal(TaskProgress.Gone, (await PollAsync(new Reply(HttpStatusCode.NotFound))).Progress);

    [Theory]
    [InlineData("Scheduled", "OK", TaskProgress.Scheduled)]
    [InlineData("Pending", null, TaskProgress.Scheduled)]
    [InlineData("Running", "OK", TaskProgress.Running)]
    [InlineData("Starting", "OK", TaskProgress.Running)]
    [InlineData("Completed", "OK", TaskProgress.Succeeded)]
    [InlineData("Completed", "Critical", TaskProgress.Failed)]
    [InlineData("Exception", "Critical", TaskProgress.Failed)]
    [InlineData("Cancelled", null, TaskProgress.Failed)]
    public async Task A_task_resource_in_place_of_its_monitor_is_understood(string state, string? status, object progress)
    {
        var outcome = await PollAsync(Reply.Ok(new JsonObject
        {
            ["TaskState"] = state, ["TaskStatus"] = status, ["PercentComplete"] = 40, ["Messages"] = new JsonArray(new JsonObject { ["MessageId"] = "IDRAC.2.8.PR21" }),
        }));
        Assert.Equal(((TaskProgress)progress, 40), (outcome.Progress, outcome.PercentComplete));
        Assert.Equal(outcome.Progress == TaskProgress.Failed ? "PR21" : null, outcome.MessageId);
    }

    [Fact]
    public async Task A_monitor_at_another_origin_is_not_asked()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.PollTaskAsync(new Uri("https://10.1.1.1/redfish/v1/TaskService/Tasks/1"), Go));

        Assert.Equal(RedfishFailure.NotAllowed, fault.Failure);
    }

    private static async Task<TaskOutcome> PollAsync(Reply reply)
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.On("GET", Monitor, _ => reply);
        return await (await bmc.ConnectAsync()).PollTaskAsync(new Uri(bmc.Address, Monitor), Go);
    }
}
