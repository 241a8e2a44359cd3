using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace ControlPlane.Cli;

/// <summary>`fleet insights|clusters|remediate FLEET`: what the clusters of a fleet are, run and cost, and what is done about it.</summary>
internal static class InsightCommands
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public static IEnumerable<Command> All() => [Insights(), Clusters(), Remediate()];

    private static Command Insights()
    {
        var groupBy = new Option<string?>("--group-by") { Description = "region, kubernetesVersion, nodeImage, connectivity, addOns/NAME or a label's name." };
        var (filter, output) = (FilterOption(), new Option<string>("--output", "-o") { Description = "table or json.", DefaultValueFactory = _ => "table" });
        output.AcceptOnlyFromAmong("table", "json");
        var command = Verb("insights", "Show the scorecard: health, cost, compliance and exposure.", async (client, fleet, parsed, cancel) =>
        {
            var card = (await client.GetAsync(Query(fleet, "insights", ("groupBy", parsed.GetValue(groupBy)), ("$filter", parsed.GetValue(filter))), cancel)).Body.At("properties");
            if (parsed.GetValue(output) is "json")
                Console.WriteLine(card?.ToJsonString(JsonReading.Indented));
            else
                WriteScorecard(card, parsed.GetValue(groupBy));
            return ExitCode.Ok;
        });
        foreach (var option in new Option[] { groupBy, filter, output })
            command.Add(option);
        return command;
    }

    private static void WriteScorecard(JsonNode? card, string? groupBy)
    {
        var table = new Table { Border = TableBorder.None };
        table.AddColumns((groupBy ?? "fleet").ToUpperInvariant(), "CLUSTERS", "CONNECTED", "NODES", "AVAILABLE", "FAILED", "COMPLIANT", "BREAKING", "CORDONED", "EXPOSED", "COST");
        foreach (var (name, one) in card.Items("groups").Select(group => (group.Text("value") ?? "", group.At("scorecard"))).Append(("total", card.At("total"))))
        {
            string Number(params ReadOnlySpan<string> path) => $"{one.Number(path) ?? 0}";
            var cost = one.Items("cost").Where(line => line.Number("cost") is not null && line.Text("currency") is not null).GroupBy(line => line.Text("currency"), StringComparer.Ordinal)
                .Select(lines => string.Create(CultureInfo.InvariantCulture, $"{lines.Sum(line => line.Number("cost")!.Value):0.00} {lines.Key}"));
            Row(table, name, Number("clusters", "total"), Number("clusters", "connected"), Number("clusters", "nodes"), Number("placements", "available"), Number("placements", "failed"),
                Number("compliance", "compliant"), Number("compliance", "nonCompliant"), Number("compliance", "cordoned"), Number("exposedClusters"), string.Join(", ", cost));
        }

        AnsiConsole.Write(table);
        foreach (var exposure in card.Items("total", "vulnerabilities"))
            Console.WriteLine($"{exposure.Text("cve")} ({exposure.Text("severity")}): {exposure.Number("clusters")} clusters, {exposure.Number("nodes")} nodes: {string.Join(", ", exposure.Items("byRegion").Select(region => $"{region.Text("value")} {region.Number("clusters")}"))}");
    }

    private static Command Clusters()
    {
        var filter = FilterOption();
        var command = Verb("clusters", "List clusters with what they run, whether they comply and to what they are exposed.", async (client, fleet, parsed, cancel) =>
        {
            var table = new Table { Border = TableBorder.None };
            table.AddColumns("NAME", "REGION", "STATUS", "KUBERNETES", "NODE IMAGES", "COMPLIANCE", "CORDONED", "CVES");
            await foreach (var cluster in client.ListAsync(Query(fleet, "insights/clusters", ("$filter", parsed.GetValue(filter))), cancel))
            {
                var seen = cluster.At("properties");
                Row(table, cluster.Text("name"), seen.Text("region"), seen.Text("connectivityStatus"), seen.Text("kubernetesVersion"), string.Join(", ", (seen.At("nodeImages") as JsonObject ?? []).Select(image => $"{image.Key} ({image.Value})")),
                    seen.Text("complianceState"), seen.Text("cordonedAt"), string.Join(", ", (seen.At("cves") as JsonArray ?? []).Select(cve => $"{cve}")));
            }

            AnsiConsole.Write(table);
            return ExitCode.Ok;
        });
        command.Add(filter);
        return command;
    }

    private static Command Remediate()
    {
        var cve = new Option<string?>("--cve") { Description = "Clusters that are exposed to it." };
        var image = new Option<string?>("--node-image") { Description = "What their nodes shall run; without it, what the CVE is fixed in." };
        var addOn = new Option<string?>("--add-on") { Description = "NAME=VERSION that they shall run." };
        var concurrency = new Option<string>("--max-concurrency") { Description = "How many at once: a number or a percentage.", DefaultValueFactory = _ => "10%" };
        var filter = FilterOption();
        var command = Verb("remediate", "Update exactly the clusters that are exposed or selected, and watch until all are.", async (client, fleet, parsed, cancel) =>
        {
            var run = $"remediate-{Guid.NewGuid():N}"[..18];
            var body = new JsonObject { ["updateRunName"] = run, ["maxConcurrency"] = parsed.GetValue(concurrency) };
            foreach (var (name, value) in new[] { ("cve", parsed.GetValue(cve)), ("filter", parsed.GetValue(filter)) })
            {
                if (value is not null)
                    body[name] = value;
            }

            if (parsed.GetValue(image) is { } wanted)
                body["target"] = new JsonObject { ["nodeImage"] = wanted };
            else if (parsed.GetValue(addOn) is { } pair)
                body["target"] = pair.Split('=') is [{ Length: > 0 } name, { Length: > 0 } version] ? new JsonObject { ["addOn"] = name, ["version"] = version } : throw new UsageException("--add-on is NAME=VERSION, such as secrets-store-csi-driver=1.4.8");
            var accepted = await client.SendAsync(HttpMethod.Post, ResourceAddress.Versioned($"{fleet}/remediate"), body, cancel);
            return await Following.ToTheEndAsync(client, accepted, "remediate", cancel) ? await WatchAsync(client, $"{fleet}/updateRuns/{run}", cancel) : ExitCode.Failed;
        });
        foreach (var option in new Option[] { cve, filter, image, addOn, concurrency })
            command.Add(option);
        return command;
    }

    /// <summary>A line for each change of an update run, until it rests.</summary>
    private static async Task<int> WatchAsync(Client client, string id, CancellationToken cancel)
    {
        string? shown = null;
        while (true)
        {
            var status = (await client.GetAsync(ResourceAddress.Versioned(id), cancel)).Body.At("properties", "status");
            var members = status.Items("stages").SelectMany(stage => stage.Items("groups")).SelectMany(group => group.Items("members")).ToList();
            var state = status.Text("status", "state") ?? "NotStarted";
            var counts = members.CountBy(member => member.Text("status", "state") ?? "", StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
            var line = $"{state}, {counts.GetValueOrDefault("Completed")} of {members.Count} clusters updated{string.Concat(counts.Where(count => count.Key is not ("Completed" or "NotStarted")).Select(count => $", {count.Value} {count.Key}"))}";
            if (!string.Equals(line, shown, StringComparison.Ordinal))
                Console.WriteLine($"  {id.Split('/')[^1]}  {line}");
            shown = line;
            if (state is "Completed")
                return ExitCode.Ok;
            if (state is "Failed" or "Stopped" or "Skipped")
            {
                Report.Line($"cpctl: {status.Text("status", "error", "message") ?? $"the run is {state}"}");
                return ExitCode.Failed;
            }

            await Task.Delay(Interval, TimeProvider.System, cancel);
        }
    }

    private static Option<string?> FilterOption() => new("--filter") { Description = "NAME eq|ne 'VALUE', joined by and; names as of --group-by, and cve and compliance." };

    private static string Query(string fleet, string below, params ReadOnlySpan<(string Name, string? Value)> query)
    {
        var pairs = new List<string>();
        foreach (var (name, value) in query)
        {
            if (value is not null)
                pairs.Add($"{Uri.EscapeDataString(name)}={Uri.EscapeDataString(value)}");
        }

        return ResourceAddress.Versioned($"{fleet}/{below}{(pairs.Count > 0 ? $"?{string.Join('&', pairs)}" : "")}");
    }

    private static Command Verb(string verb, string description, Func<Client, string, ParseResult, CancellationToken, Task<int>> run)
    {
        var name = new Argument<string>("fleet") { Description = "Fleet name or resource id." };
        var group = ResourceCommands.GroupOption();
        return Session.Run(new Command(verb, description) { name, group }, (client, parsed, cancel) => run(client, PlacementCommands.IdOf(client, parsed.GetValue(name)!, parsed.GetValue(group), FleetCommands.Fleet), parsed, cancel));
    }

    private static void Row(Table table, params ReadOnlySpan<string?> cells)
    {
        var row = new List<Text>();
        foreach (var cell in cells)
            row.Add(new Text(cell ?? ""));
        table.AddRow(row);
    }
}
