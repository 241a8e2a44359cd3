using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ControlPlane.Admission.Arm;
using ControlPlane.Api.Arm;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>The gates of a fleet (<c>fleets/gates</c>): read, listed with a filter, and completed. Nobody but a run makes one or takes one away.</summary>
internal static partial class GateEndpoints
{
    private const string Gates = "/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/Microsoft.ContainerService/fleets/{parent0}/gates";
    private const int MostGates = 1000;

    private const string Select = """
        select g.id, f.id, g.display_name, g.state, g.version, g.stage_name, g.group_name, g.timing, g.changed_by, coalesce(u.id, p.id), coalesce(u.name, 'run-' || rr.number), g.update_run_id is not null
        from fleet_gates g join resources f on f.key = g.fleet_key
        left join update_runs ur on ur.id = g.update_run_id left join resources u on u.key = ur.resource_key
        left join rollout_runs rr on rr.id = g.rollout_run_id left join placements pl on pl.id = rr.placement_id left join resources p on p.key = pl.resource_key
        """;

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, Gates, new("Gates_ListByFleet", $"{Gate.Type}/read", "The gates of the fleet, oldest first.")
        {
            IsPaged = true, Answers = [new(200, "A page.", typeof(Page<GateShown>))],
            Query =
            [
                new("$filter", "state, gateType and target/id with eq, joined by and; each may begin with properties/."), new("$top", $"At most so many, 1 to {MostGates}.", Shape: typeof(int)), new("$skipToken", "From a nextLink."),
            ],
        }, ListAsync);
        app.MapArm(HttpMethod.Get, $"{Gates}/{{name}}", new("Gates_Get", $"{Gate.Type}/read", "Read one.") { Answers = [new(200, "The gate.", typeof(GateShown))] }, GetAsync);
        app.MapArm(HttpMethod.Patch, $"{Gates}/{{name}}", new("Gates_Update", $"{Gate.Type}/write", "Complete it: the run goes on. A gate is completed once.") { Body = typeof(GatePatch), Answers = [new(200, "Completed.", typeof(GateShown))] }, PatchAsync);
    }

    private static async Task ListAsync(HttpContext http)
    {
        var (fleet, source) = await FleetAsync(http);
        var filter = Filter(http);
        var top = http.Request.Query.TryGetValue("$top", out var text) ? int.TryParse(text, out var given) && given is > 0 and <= MostGates ? given : throw ArmErrors.InvalidQuery("$top", $"must be a number from 1 to {MostGates}.") : 100;
        var after = http.Request.Query.TryGetValue("$skipToken", out var token) ? Guid.TryParse(token, out var last) ? last : throw ArmErrors.InvalidQuery("$skipToken", "is not one that a nextLink carried.") : Guid.Empty;
        await using var command = Sql.Command(source, $"""
            {Select} where g.fleet_key = $1 and ($2 is null or g.state = $2) and ($3 is null or lower(coalesce(u.id, p.id)) = $3)
                and ($4 = '00000000-0000-0000-0000-000000000000' or (g.created_at, g.id) > (select o.created_at, o.id from fleet_gates o where o.id = $4))
            order by g.created_at, g.id limit $5
            """, fleet.Key, filter.GetValueOrDefault("state"), filter.GetValueOrDefault("target/id")?.ToLowerInvariant(), after, top + 1);
        var gates = new List<GateShown>();
        await using (var row = await command.ExecuteReaderAsync(http.RequestAborted))
        {
            while (await row.ReadAsync(http.RequestAborted))
                gates.Add(Read(row).Shown);
        }

        await http.AnswerAsync(new Page<GateShown>([.. gates.Take(top)], gates.Count > top ? http.NextLink(gates[top - 1].Name) : null));
    }

    private static async Task GetAsync(HttpContext http)
    {
        var (fleet, source) = await FleetAsync(http);
        await using var connection = await source.OpenConnectionAsync(http.RequestAborted);
        await AnswerAsync(http, (await FindAsync(http, connection, fleet, isHeld: false)).Shown);
    }

    private static async Task PatchAsync(HttpContext http)
    {
        var (fleet, source) = await FleetAsync(http);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        if (Shape.Faults(body.RootElement, typeof(GatePatch), "body") is { Count: > 0 } faults)
            throw ArmErrors.Invalid(faults);
        if (body.RootElement.Deserialize<GatePatch>(Json.Options)!.Properties?.State is not GateState.Completed)
            throw ArmErrors.Invalid([Shape.Fault("properties.state", "must be Completed: that is all that can be asked of a gate")]);
        await using var connection = await source.OpenConnectionAsync(http.RequestAborted);
        await using var transaction = await connection.BeginTransactionAsync(http.RequestAborted);
        var gate = await FindAsync(http, connection, fleet, isHeld: true);
        http.Preconditions().Demand(gate.Version);
        if (gate.Shown.Properties.State is GateState.Completed)
            throw new ArmException(409, new("GateAlreadyCompleted", $"The gate '{gate.Id}' was completed by '{gate.Shown.Properties.CompletedBy}' already; a gate is completed once."));
        if (gate.Shown.Properties.State is GateState.Skipped)
            throw new ArmException(409, new("GateSkipped", $"The gate '{gate.Id}' was skipped, or its run has ended: nothing waits for it any more."));
        var caller = http.Caller();
        await using (var command = Sql.Command(connection, """
            with gate as (update fleet_gates set state = 'Completed', version = version + 1, changed_at = now(), changed_by = $2 where id = $1 returning rollout_run_id, update_run_id, stage, timing),
            logged as (insert into activities (at, subscription, resource_id, action, status, principal, correlation_id) select now(), $3, $4, $5, 'Succeeded', $6, $7 from gate),
            rollout as (update rollout_runs r set approvals = array_append(r.approvals, gate.stage || '/' || gate.timing) from gate where r.id = gate.rollout_run_id)
            update update_runs u set status_due = true from gate where u.id = gate.update_run_id
            """, gate.Id, http.Principal().ObjectId, fleet.Subscription, gate.Shown.Id, $"{Gate.Type}/write", caller.Principal, caller.CorrelationId))
        {
            await command.ExecuteNonQueryAsync(http.RequestAborted);
        }

        var shown = await FindAsync(http, connection, fleet, isHeld: false);
        await transaction.CommitAsync(http.RequestAborted);
        await AnswerAsync(http, shown.Shown);
    }

    private static async Task<(ResourceRow Fleet, NpgsqlDataSource Source)> FleetAsync(HttpContext http)
    {
        ApiVersion.Require(http, ResourceTypes.Find(Fleet.Type));
        string Value(string name) => (string)http.Request.RouteValues[name]!;
        var id = ResourceId.Create(Value("subscription"), Value("resourceGroup"), Fleet.Type, [Value("parent0")]);
        var source = http.RequestServices.GetRequiredService<NpgsqlDataSource>();
        return (await source.FindResourceAsync(id.Key, http.RequestAborted) ?? throw await http.RequestServices.GetRequiredService<ResourceLookup>().MissingAsync(id, http.RequestAborted), source);
    }

    private static async Task<StoredGate> FindAsync(HttpContext http, NpgsqlConnection connection, ResourceRow fleet, bool isHeld)
    {
        var name = (string)http.Request.RouteValues["name"]!;
        if (Guid.TryParse(name, out var id))
        {
            await using var command = Sql.Command(connection, $"{Select} where g.fleet_key = $1 and g.id = $2{(isHeld ? " for update of g" : "")}", fleet.Key, id);
            await using var row = await command.ExecuteReaderAsync(http.RequestAborted);
            if (await row.ReadAsync(http.RequestAborted))
                return Read(row);
        }

        throw new ArmException(404, new("ResourceNotFound", $"The fleet has no gate '{name}'; GET {fleet.Id}/gates lists those that it has."));
    }

    private static async Task AnswerAsync(HttpContext http, GateShown gate)
    {
        http.Response.Headers.ETag = gate.ETag;
        await http.AnswerAsync(gate);
    }

    private static StoredGate Read(NpgsqlDataReader row)
    {
        var run = new GateRun { Name = row.GetString(10), Stage = row.GetString(5), Group = row.GetString(6) is { Length: > 0 } group ? group : null, Timing = Enum.Parse<GateTiming>(row.GetString(7)) };
        var isUpdate = row.GetBoolean(11);
        return new(row.GetGuid(0), row.GetInt64(4), new($"{row.GetString(1)}/gates/{row.GetGuid(0)}", $"{row.GetGuid(0)}", Gate.Type, Preconditions.Etag(row.GetInt64(4)), new()
        {
            DisplayName = row.IsDBNull(2) ? null : row.GetString(2), GateType = GateType.Approval, State = Enum.Parse<GateState>(row.GetString(3)), CompletedBy = row.IsDBNull(8) ? null : row.GetString(8),
            Target = new() { Id = row.GetString(9), UpdateRunProperties = isUpdate ? run : null, RolloutRunProperties = isUpdate ? null : run },
        }));
    }

    /// <summary>What each name that is compared must be.</summary>
    private static Dictionary<string, string> Filter(HttpContext http)
    {
        var wanted = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        if (!http.Request.Query.TryGetValue("$filter", out var given) || string.IsNullOrWhiteSpace(given))
            return wanted;
        var (filter, at) = (given.ToString(), 0);
        while (at < filter.Length)
        {
            var term = Term().Match(filter, at);
            if (!term.Success || !wanted.TryAdd(term.Groups["name"].Value, term.Groups["value"].Value.Replace("''", "'", StringComparison.Ordinal)))
                throw ArmErrors.InvalidFilter(filter, $"at character {at + 1}: expected state, gateType or target/id, each once, as {{name}} eq '{{value}}', joined by and.");
            at = term.Index + term.Length;
        }

        if (wanted.TryGetValue("state", out var state))
            wanted["state"] = Enum.TryParse<GateState>(state, ignoreCase: true, out var known) && Enum.IsDefined(known) ? known.ToString() : throw ArmErrors.InvalidFilter(filter, $"state is one of {string.Join(", ", Enum.GetNames<GateState>())}.");
        if (wanted.TryGetValue("gateType", out var type) && !type.Equals(nameof(GateType.Approval), StringComparison.OrdinalIgnoreCase))
            throw ArmErrors.InvalidFilter(filter, "gateType is Approval.");
        return filter.Contains('\0', StringComparison.Ordinal) ? throw ArmErrors.InvalidFilter(filter.Replace('\0', '?'), "it holds U+0000.") : wanted;
    }

    private sealed record StoredGate(Guid Id, long Version, GateShown Shown);

    [GeneratedRegex(@"\G\s*(?:and\s+)?(?:properties/)?(?<name>state|gateType|target/id)\s+eq\s+'(?<value>(?:[^']|'')*)'\s*", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();

    /// <summary>A gate as it is read.</summary>
    internal sealed record GateShown(string Id, string Name, string Type, string ETag, Gate Properties);
}
