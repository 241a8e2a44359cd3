using System.CommandLine;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace ControlPlane.Cli;

/// <summary>`placement watch|pause|resume|rollback|evict|clusters|drift|runs FLEET/NAME`: how a placement gets to its members.</summary>
internal static class PlacementCommands
{
    public const string Placement = "Microsoft.ContainerService/fleets/clusterResourcePlacements";

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public static Command Create() => new("placement", "Placements of a fleet.")
    {
        Verb("watch", "Watch the run that is under way until it rests: ended, on hold, or waiting for somebody.", (client, id, _, cancel) => WatchAsync(client, id, cancel)),
        Verb("pause", "Start no more members.", (client, id, _, cancel) => ActAsync(client, id, "pause", body: null, cancel)),
        Verb("resume", "Go on with a run that is paused or on hold, and watch it.", async (client, id, _, cancel) =>
            await ActAsync(client, id, "resume", body: null, cancel) is var code && code != ExitCode.Ok ? code : await WatchAsync(client, id, cancel)),
        Rollback(),
        Evict(),
        Clusters(),
        Drift(),
        Runs(),
    };

    /// <summary>From an id, or from names separated by slashes, one for each level of the type.</summary>
    public static string IdOf(Client client, string given, string? group, string type) =>
        ResourceAddress.IsId(given) ? given : ResourceAddress.Id(client.Connection.SubscriptionId, group, type, given);

    private static Command Rollback()
    {
        var revision = new Option<int?>("--revision") { Description = "The revision to go back to; without it, the one before." };
        var command = Verb("rollback", "Bring every member back to an earlier revision, at once, and wait.", (client, id, parsed, cancel) =>
            ActAsync(client, id, "rollback", parsed.GetValue(revision) is { } number ? new() { ["revision"] = number } : [], cancel));
        command.Add(revision);
        return command;
    }

    private static Command Evict()
    {
        var member = new Argument<string>("member") { Description = "The member of the fleet." };
        var undo = new Option<bool>("--undo") { Description = "Let the placement come back." };
        var command = Verb("evict", "Take the placement from a member if its disruption budget allows it, and keep it away; --undo lets it come back.", (client, id, parsed, cancel) =>
            EvictAsync(client, id, parsed.GetValue(member)!, parsed.GetValue(undo), cancel));
        command.Add(member);
        command.Add(undo);
        return command;
    }

    /// <summary>The eviction has the name of the member, so that it is found again.</summary>
    private static async Task<int> EvictAsync(Client client, string id, string member, bool isUndone, CancellationToken cancel)
    {
        var eviction = ResourceAddress.Versioned($"{id}/evictions/{member}");
        var accepted = isUndone
            ? await client.SendAsync(HttpMethod.Delete, eviction, body: null, cancel)
            : await client.SendAsync(HttpMethod.Put, eviction, new JsonObject { ["properties"] = new JsonObject { ["clusterName"] = member } }, cancel);
        return await Following.ToTheEndAsync(client, accepted, $"{id.Split('/')[^1]} evict {member}", cancel) ? ExitCode.Ok : ExitCode.Failed;
    }

    private static Command Clusters()
    {
        var state = new Option<string?>("--state") { Description = "Only members in this state: Available, Progressing, Failed, Offline, Pending, Removing or DiffReported." };
        var command = Verb("clusters", "List how each member stands.", async (client, id, parsed, cancel) =>
        {
            var table = new Table { Border = TableBorder.None };
            table.AddColumns("MEMBER", "STATE", "REVISION", "WANTED", "ERROR");
            await foreach (var member in client.ListAsync(ResourceAddress.Versioned($"{id}/clusters{(parsed.GetValue(state) is { } wanted ? $"?state={wanted}" : "")}"), cancel))
            {
                var properties = member.At("properties");
                table.AddRow([.. new[] { member.Text("name"), properties.Text("state"), $"{properties.Number("appliedRevision")}", $"{properties.Number("desiredRevision")}", properties.Text("error", "message") }.Select(cell => new Text(cell ?? ""))]);
            }

            AnsiConsole.Write(table);
            return ExitCode.Ok;
        });
        command.Add(state);
        return command;
    }

    private static Command Drift()
    {
        var member = new Option<string?>("--member") { Description = "Only this member." };
        var refresh = new Option<bool>("--refresh") { Description = "Have the members looked at now; what is found is told by the next call." };
        var command = Verb("drift", "List what is not on the members as the placement has it.", async (client, id, parsed, cancel) =>
        {
            var body = parsed.GetValue(refresh) ? new JsonObject { ["refresh"] = true } : null;
            var filter = parsed.GetValue(member) is { } name ? $"?$filter={Uri.EscapeDataString($"member eq '{name.Replace("'", "''", StringComparison.Ordinal)}'")}" : "";
            for (var next = ResourceAddress.Versioned($"{id}/drift{filter}"); next is { Length: > 0 }; body = null)
            {
                var page = (await client.SendAsync(HttpMethod.Post, next, body, cancel)).Body;
                foreach (var (one, difference) in page.Items("value").SelectMany(one => one.At("properties").Items("differences").Select(difference => (one, difference))))
                    Console.WriteLine($"{one.Text("name")}  {difference.Text("kind")}  {ObjectOf(difference.At("resource"))}  {DescribeOf(difference)}  since {difference.Text("firstObservedTime")}");
                if (page.Number("refreshing") is { } count)
                    Report.Line($"{count} members are being looked at.");
                next = page.Text("nextLink");
            }

            return ExitCode.Ok;
        });
        command.Add(member);
        command.Add(refresh);
        return command;
    }

    private static string DescribeOf(JsonNode difference) =>
        difference.Text("path") is { Length: > 0 } path ? $"{path}: {difference.Text("valueInMember") ?? "nothing"} instead of {difference.Text("valueInHub") ?? "nothing"}" : "is not there";

    private static string ObjectOf(JsonNode? resource) => $"{resource.Text("kind")} {(resource.Text("namespace") is { } space ? $"{space}/" : "")}{resource.Text("name")}";

    private static Command Runs() => Verb("runs", "List the runs, newest first.", async (client, id, _, cancel) =>
    {
        var table = new Table { Border = TableBorder.None };
        table.AddColumns("RUN", "KIND", "REVISION", "STATE", "HEALTHY", "FAILED", "MESSAGE");
        await foreach (var run in client.ListAsync(ResourceAddress.Versioned($"{id}/rolloutRuns"), cancel))
        {
            var properties = run.At("properties");
            table.AddRow([.. new[] { run.Text("name"), properties.Text("kind"), $"{properties.Number("revision")}", properties.Text("state"), $"{properties.Number("clusters", "healthy")}", $"{properties.Number("clusters", "failed")}", properties.Text("message") }.Select(cell => new Text(cell ?? ""))]);
        }

        AnsiConsole.Write(table);
        return ExitCode.Ok;
    });

    private static Command Verb(string verb, string description, Func<Client, string, ParseResult, CancellationToken, Task<int>> run)
    {
        var name = new Argument<string>("placement") { Description = "fleet/name, or a resource id." };
        var group = ResourceCommands.GroupOption();
        return Session.Run(new Command(verb, description) { name, group }, (client, parsed, cancel) => run(client, IdOf(client, parsed.GetValue(name)!, parsed.GetValue(group), Placement), parsed, cancel));
    }

    private static async Task<int> ActAsync(Client client, string id, string action, JsonObject? body, CancellationToken cancel)
    {
        var accepted = await client.SendAsync(HttpMethod.Post, ResourceAddress.Versioned($"{id}/{action}"), body, cancel);
        return await Following.ToTheEndAsync(client, accepted, $"{id.Split('/')[^1]} {action}", cancel) ? ExitCode.Ok : ExitCode.Failed;
    }

    /// <summary>A line for each change, until nothing more changes by itself.</summary>
    /// <returns>0 when it succeeded or waits for somebody as it was told to, 1 when it failed.</returns>
    private static async Task<int> WatchAsync(Client client, string id, CancellationToken cancel)
    {
        string? shown = null;
        while (true)
        {
            var run = (await client.GetAsync(ResourceAddress.Versioned(id), cancel)).Body.At("properties", "rollout");
            var state = run.Text("state") ?? "Pending";
            var line = Line(run, state);
            if (!string.Equals(line, shown, StringComparison.Ordinal))
                Console.WriteLine($"  {id.Split('/')[^1]}  {line}");
            shown = line;
            // A failed run that goes back is followed by the run that does.
            if (state is "Succeeded" or "RolledBack" or "HealthyHold" or "Paused" or "WaitingGate")
                return ExitCode.Ok;
            if (state is "Failed" or "Superseded" && run.Text("message")?.Contains("go back", StringComparison.Ordinal) is not true)
            {
                Report.Line($"cpctl: {run.Text("message")}");
                return ExitCode.Failed;
            }

            await Task.Delay(Interval, TimeProvider.System, cancel);
        }
    }

    private static string Line(JsonNode? run, string state)
    {
        var clusters = run.At("clusters");
        string Count(string name) => clusters.Number(name) is > 0 and var number ? $", {number} {name}" : "";
        return $"{run.Text("kind")} of revision {run.Number("revision")}: {state}{(run.Text("stage") is { } stage and not "all" ? $" in stage {stage}" : "")}, {clusters.Number("healthy")} of {clusters.Number("total")} healthy{Count("updating")}{Count("failed")}{Count("deferred")}";
    }
}
