using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>Service root, sessions, tasks and the update service.</summary>
internal static class ServicePages
{
    public static RedfishPage Root(Machine machine)
    {
        var personality = machine.Personality;
        var rest = new JsonObject
        {
            ["RedfishVersion"] = "1.17.0", ["UUID"] = machine.Identity.BmcUuid.ToString(), ["Vendor"] = personality.Vendor, ["Product"] = personality.Product,
            ["Systems"] = Link(machine.Path("Systems")), ["Managers"] = Link(machine.Path("Managers")), ["Chassis"] = Link(machine.Path("Chassis")),
            ["Tasks"] = Link(machine.Path("TaskService")), ["EventService"] = Link(machine.Path("EventService")),
            ["UpdateService"] = Link(machine.Path("UpdateService")),
            ["ProtocolFeaturesSupported"] = new JsonObject { ["ExpandQuery"] = new JsonObject { ["ExpandAll"] = false }, ["FilterQuery"] = false, ["SelectQuery"] = false },
        };
        if (!personality.NoSessionService)
        {
            rest["SessionService"] = Link(machine.Path("SessionService"));
            rest["Links"] = new JsonObject { ["Sessions"] = Link(machine.Path("SessionService/Sessions")) };
        }

        return Of(machine.Path("").Replace("//", "/", StringComparison.Ordinal), "#ServiceRoot.v1_15_0.ServiceRoot", "RootService", "Root Service", rest);
    }

    public static RedfishPage? Sessions(Machine machine, string[] path, string account) => path switch
    {
        [] => Of(machine.Path("SessionService"), "#SessionService.v1_1_8.SessionService", "SessionService", "Session Service", new JsonObject
        {
            ["ServiceEnabled"] = true, ["SessionTimeout"] = (int)BmcSessions.IdleTimeout.TotalSeconds, ["Sessions"] = Link(machine.Path("SessionService/Sessions")),
        }),
        ["Sessions"] or ["Sessions", "Members"] => SessionCollection(machine),
        ["Sessions", var id] => machine.Bmc.Sessions.Open(machine.World.Clock.Now).FirstOrDefault(session => session.Id == id) is { } session
            ? new RedfishPage
            {
                Body = Of(machine.Path($"SessionService/Sessions/{id}"), "#Session.v1_4_0.Session", id, "User Session", new JsonObject { ["UserName"] = session.User }).Body,
                Delete = () => machine.Bmc.Sessions.Delete(id) ? RedfishAnswer.NoContent(null) : RedfishErrors.NotFound(machine, id),
            }
            : null,
        _ => null,
    };

    /// <summary>Creates a session for credentials that the door has checked. Callers hold the machine's gate.</summary>
    public static RedfishAnswer Login(Machine machine, string user)
    {
        var limit = machine.Has(Scenario.SessionLimit) ? 0 : machine.Personality.SessionLimit;
        if (machine.Bmc.Sessions.Create(user, limit, machine.World.Clock.Now) is not { } session)
        {
            return machine.Personality.Vendor == "Dell"
                ? RedfishErrors.Error(machine, 503, "RAC0218", "The maximum number of user sessions is reached.")
                : RedfishErrors.Error(machine, 503, "Base.1.18.SessionLimitExceeded", "The session establishment failed due to the number of simultaneous sessions exceeding the limit of the implementation.");
        }

        var path = machine.Path($"SessionService/Sessions/{session.Id}");
        var body = Of(path, "#Session.v1_4_0.Session", session.Id, "User Session", new JsonObject { ["UserName"] = user }).Body;
        return new RedfishAnswer(201, body) { Location = path, Token = session.Token };
    }

    public static RedfishPage? Tasks(Machine machine, string[] path) => path switch
    {
        [] => Of(machine.Path("TaskService"), "#TaskService.v1_2_0.TaskService", "TaskService", "Task Service", new JsonObject
        {
            ["ServiceEnabled"] = true, ["Tasks"] = Link(machine.Path("TaskService/Tasks")),
        }),
        ["Tasks"] => Collection(machine.Path("TaskService/Tasks"), "TaskCollection", "Tasks",
            machine.Bmc.Tasks.Select(task => machine.Path($"TaskService/Tasks/{task.Id}"))),
        ["Tasks", var id] => machine.Bmc.Tasks.Find(task => task.Id == id) is { } task ? TaskPage(machine, task) : null,
        ["TaskMonitors", var id] => machine.Bmc.Tasks.Find(task => task.Id == id) is { } task
            ? new RedfishPage { Body = TaskPage(machine, task).Body, Status = task.State == "Completed" ? 200 : 202 }
            : null,
        _ => null,
    };

    public static RedfishPage TaskPage(Machine machine, BmcTask task) =>
        Of(machine.Path($"TaskService/Tasks/{task.Id}"), "#Task.v1_7_0.Task", task.Id, task.Name, new JsonObject
        {
            ["TaskState"] = task.State, ["TaskStatus"] = "OK", ["PercentComplete"] = task.State == "Completed" ? 100 : 0,
            ["StartTime"] = task.Created.ToString("yyyy-MM-ddTHH:mm:ssZ"), ["TaskMonitor"] = machine.Path($"TaskService/TaskMonitors/{task.Id}"),
            ["Messages"] = new JsonArray(new JsonObject
            {
                ["MessageId"] = task.State == "Completed" ? $"{machine.Personality.Registry}.PR19" : $"{machine.Personality.Registry}.JCP001",
                ["Message"] = task.State == "Completed" ? "Job completed successfully." : "Task successfully scheduled.",
            }),
        });

    /// <summary>The same task as Dell's job queue shows it.</summary>
    public static RedfishPage JobPage(Machine machine, BmcTask task) =>
        Of(machine.Path($"Managers/{machine.Personality.ManagerId}/Oem/Dell/Jobs/{task.Id}"), "#DellJob.v1_4_0.DellJob", task.Id, task.Name, new JsonObject
        {
            ["JobState"] = task.State == "Completed" ? "Completed" : "Scheduled", ["JobType"] = "BIOSConfiguration",
            ["PercentComplete"] = task.State == "Completed" ? 100 : 0, ["Message"] = task.State == "Completed" ? "Job completed successfully." : "Task successfully scheduled.",
        });

    public static RedfishPage Update(Machine machine) =>
        Of(machine.Path("UpdateService"), "#UpdateService.v1_11_0.UpdateService", "UpdateService", "Update Service", new JsonObject { ["ServiceEnabled"] = true });

    private static RedfishPage SessionCollection(Machine machine) =>
        Collection(machine.Path("SessionService/Sessions"), "SessionCollection", "Sessions",
            machine.Bmc.Sessions.Open(machine.World.Clock.Now).Select(session => machine.Path($"SessionService/Sessions/{session.Id}")));
}
