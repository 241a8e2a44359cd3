using System.Text.Json;
using System.Text.RegularExpressions;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>How each member of a placement stands, and where it is not as the placement has it; a look at them can be asked for.</summary>
internal static partial class PlacementClusters
{
    private const int Most = 1000;

    public static void Map(IEndpointRouteBuilder app)
    {
        QueryParameter[] paging = [new("$top", $"At most so many, 1 to {Most}.", Shape: typeof(int)), new("$skipToken", "From a nextLink.")];
        app.MapArm(HttpMethod.Get, $"{PlacementEndpoints.Placement}/clusters", new("PlacementClusters_List", $"{PlacementEndpoints.Permission}/clusters/read", "How each member stands.")
        {
            IsPaged = true, Answers = [new(200, "A page of members, by name.", typeof(Page<ClusterShown>))],
            Query = [new("state", $"Only members in this state: {string.Join(", ", Enum.GetNames<ClusterState>())}."), new("$filter", "state eq '{state}' and drifted eq true|false; joined by and."), .. paging],
        }, ClustersAsync);
        app.MapArm(HttpMethod.Post, $"{PlacementEndpoints.Placement}/drift", new("Placements_Drift", $"{PlacementEndpoints.Permission}/drift/action", "The members that are not as the placement has them, and in what. POST a nextLink for the next page.")
        {
            Body = typeof(DriftParameters), Answers = [new(200, "A page of members, by name.", typeof(DriftPage))], Query = [new("$filter", "kind eq 'Drift'|'Diff' and member eq '{name}', joined by and."), .. paging],
        }, DriftAsync);
    }

    private static async Task ClustersAsync(HttpContext http)
    {
        var (placement, source) = await PlacementEndpoints.PlacementAsync(http);
        var filter = Filter(http, "state", "drifted");
        var state = Known<ClusterState>(filter, "state") ?? (http.Request.Query.TryGetValue("state", out var wanted) ? Enum.TryParse<ClusterState>(wanted, ignoreCase: true, out var known) && Enum.IsDefined(known) ? known.ToString() : throw ArmErrors.InvalidQuery("state", $"must be one of {string.Join(", ", Enum.GetNames<ClusterState>())}.") : null);
        var isDrifted = !filter.TryGetValue("drifted", out var text) ? (object)NpgsqlTypes.NpgsqlDbType.Boolean : bool.TryParse(text, out var drifted) ? drifted : throw ArmErrors.InvalidFilter(http.Request.Query["$filter"].ToString(), "drifted is true or false.");
        var (top, after) = Paging(http);
        await using var command = Sql.Command(source, $"""
            select name, resource_id, state, desired_revision, applied_revision, error_code, error, transition_at, repairs, repaired_at, repaired, drifts, diffs, drifted_at from (
                select m.name, r.id as resource_id, case when v.apply_strategy->>'type' = 'ReportDiff' and {BindingSql.State} = 'Available' then 'DiffReported' else {BindingSql.State} end as state,
                    b.desired_revision, b.applied_revision, b.error_code, b.error, b.transition_at, b.repairs, b.repaired_at, b.repaired, i.drifts, i.diffs, i.drifted_at
                from fleet_members m join placement_bindings b on b.member_id = m.id and b.placement_id = (select id from placements where resource_key = $1) join resources r on r.key = m.resource_key
                    left join placement_revisions v on v.placement_id = b.placement_id and v.revision = b.desired_revision
                    cross join lateral (
                        select (count(*) filter (where kind = 'Drift'))::int as drifts, (count(*) filter (where kind = 'Diff'))::int as diffs, min(first_observed_at) filter (where kind = 'Drift') as drifted_at
                        from binding_issues i where i.placement_id = b.placement_id and i.member_id = b.member_id) i
                where m.fleet_key = (select fleet_key from placements where resource_key = $1) and m.name > $2) members
            where ($3 is null or state = $3) and ($4 is null or (drifts > 0) = $4) order by name limit $5
            """, placement.Key, after, state, isDrifted, top + 1);
        var clusters = new List<ClusterShown>();
        await using (var row = await command.ExecuteReaderAsync(http.RequestAborted))
        {
            while (await row.ReadAsync(http.RequestAborted))
                clusters.Add(Read(row, placement));
        }

        await http.AnswerAsync(new Page<ClusterShown>([.. clusters.Take(top)], clusters.Count > top ? http.NextLink(clusters[top - 1].Name) : null));
    }

    private static ClusterShown Read(NpgsqlDataReader row, ResourceRow placement)
    {
        var drifts = row.GetInt32(11);
        return new($"{placement.Id}/clusters/{row.GetString(0)}", row.GetString(0), $"{PlacementEndpoints.Permission}/clusters", new()
        {
            MemberId = row.GetString(1), State = Enum.Parse<ClusterState>(row.GetString(2)), DesiredRevision = row.GetInt32(3), AppliedRevision = row.GetInt32(4), LastTransitionTime = row.GetFieldValue<DateTimeOffset>(7),
            Error = !row.IsDBNull(5) ? new(row.GetString(5), row.IsDBNull(6) ? "" : row.GetString(6)) : drifts > 0 ? new("FoundDrifts", $"{drifts} fields are not as they were applied; POST {placement.Id}/drift says which.") : null,
            Repairs = row.GetInt32(8), LastRepairTime = row.IsDBNull(9) ? null : row.GetFieldValue<DateTimeOffset>(9), LastRepair = row.IsDBNull(10) ? null : row.GetString(10),
            DriftedFields = drifts, DifferingFields = row.GetInt32(12), FirstDriftedObservedTime = row.IsDBNull(13) ? null : row.GetFieldValue<DateTimeOffset>(13),
        });
    }

    private static async Task DriftAsync(HttpContext http)
    {
        var (placement, source) = await PlacementEndpoints.PlacementAsync(http);
        var filter = Filter(http, "kind", "member");
        var (kind, member, (top, after)) = (Known<DifferenceKind>(filter, "kind"), filter.GetValueOrDefault("member"), Paging(http));
        int? refreshing = null;
        if (await IsRefreshAsync(http))
        {
            await using var refresh = Sql.Command(source, BindingSql.Refresh, placement.Key, member);
            refreshing = (int)(await refresh.ExecuteScalarAsync(http.RequestAborted))!;
        }

        await using var command = Sql.Command(source, """
            select m.name, r.id, i.kind, i.object, i.path, i.value_in_member, i.value_in_hub, i.first_observed_at, i.last_observed_at
            from (select m.id, m.name, m.resource_key from fleet_members m
                    where exists (select from binding_issues i where i.member_id = m.id and i.placement_id = (select id from placements where resource_key = $1) and ($3 is null or i.kind = $3))
                        and m.name > $2 and ($4 is null or m.name = $4) order by m.name limit $5) m
                join resources r on r.key = m.resource_key join binding_issues i on i.member_id = m.id and i.placement_id = (select id from placements where resource_key = $1) and ($3 is null or i.kind = $3)
            order by m.name, i.object, i.path
            """, placement.Key, after, kind, member, top + 1);
        var members = new List<DriftShown>();
        await using (var row = await command.ExecuteReaderAsync(http.RequestAborted))
        {
            while (await row.ReadAsync(http.RequestAborted))
            {
                if (members.Count == 0 || members[^1].Name != row.GetString(0))
                    members.Add(new($"{placement.Id}/clusters/{row.GetString(0)}", row.GetString(0), $"{PlacementEndpoints.Permission}/clusters", new() { MemberId = row.GetString(1), Differences = [] }));
                members[^1].Properties.Differences.Add(Difference(row));
            }
        }

        await http.AnswerAsync(new DriftPage([.. members.Take(top)], members.Count > top ? http.NextLink(members[top - 1].Name) : null, refreshing));
    }

    private static DifferenceShown Difference(NpgsqlDataReader row)
    {
        var thing = row.GetString(3).Split('/');
        return new()
        {
            Kind = Enum.Parse<DifferenceKind>(row.GetString(2)), Resource = new(thing[0], thing[1], thing[2].Length > 0 ? thing[2] : null, thing[^1]), Path = row.GetString(4), ValueInMember = row.IsDBNull(5) ? null : row.GetString(5),
            ValueInHub = row.IsDBNull(6) ? null : row.GetString(6), FirstObservedTime = row.GetFieldValue<DateTimeOffset>(7), LastObservedTime = row.GetFieldValue<DateTimeOffset>(8),
        };
    }

    private static async Task<bool> IsRefreshAsync(HttpContext http)
    {
        if (http.Request.ContentLength is null or 0)
            return false;
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        return Shape.Faults(body.RootElement, typeof(DriftParameters), "body") is { Count: > 0 } faults ? throw ArmErrors.Invalid(faults) : body.RootElement.Deserialize<DriftParameters>(Json.Options)!.Refresh;
    }

    private static (int Top, string After) Paging(HttpContext http)
    {
        var top = http.Request.Query.TryGetValue("$top", out var text) ? int.TryParse(text, out var given) && given is > 0 and <= Most ? given : throw ArmErrors.InvalidQuery("$top", $"must be a number from 1 to {Most}.") : 100;
        var after = http.Request.Query["$skipToken"].ToString();
        return after.Contains('\0', StringComparison.Ordinal) ? throw ArmErrors.InvalidQuery("$skipToken", "is not one that a nextLink carried.") : (top, after);
    }

    /// <summary>What each of these names must be, where it is compared.</summary>
    private static Dictionary<string, string> Filter(HttpContext http, params string[] names)
    {
        var wanted = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var (filter, at) = (http.Request.Query["$filter"].ToString(), 0);
        if (filter.Contains('\0', StringComparison.Ordinal))
            throw ArmErrors.InvalidFilter(filter.Replace('\0', '?'), "it holds U+0000.");
        while (at < filter.Length)
        {
            var term = Term().Match(filter, at);
            if (!term.Success || term.Groups["and"].Success != at > 0 || !names.Contains(term.Groups["name"].Value, StringComparer.OrdinalIgnoreCase) || !wanted.TryAdd(term.Groups["name"].Value, term.Groups["value"].Value.Replace("''", "'", StringComparison.Ordinal)))
                throw ArmErrors.InvalidFilter(filter, $"at character {at + 1}: expected {string.Join(" or ", names)}, each once, as {{name}} eq '{{value}}', joined by and.");
            at = term.Index + term.Length;
        }

        return wanted;
    }

    private static string? Known<T>(Dictionary<string, string> filter, string name) where T : struct, Enum => !filter.TryGetValue(name, out var text) ? null
        : Enum.TryParse<T>(text, ignoreCase: true, out var known) && Enum.IsDefined(known) ? known.ToString() : throw ArmErrors.InvalidFilter(text, $"{name} is one of {string.Join(", ", Enum.GetNames<T>())}.");

    [GeneratedRegex(@"\G\s*(?<and>and\s+)?(?:properties/)?(?<name>[a-z]+)\s+eq\s+(?:'(?<value>(?:[^']|'')*)'|(?<value>true|false))\s*", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();

    internal enum ClusterState { Available, Progressing, Failed, Offline, Pending, Removing, DiffReported }

    /// <summary>A placement on one member.</summary>
    internal sealed record ClusterShown(string Id, string Name, string Type, ClusterProperties Properties);

    internal sealed record ClusterProperties
    {
        public required string MemberId { get; init; }
        public required ClusterState State { get; init; }

        /// <summary>What the member shall have; 0 while nothing was decided.</summary>
        public required int DesiredRevision { get; init; }

        /// <summary>What the member has; 0 for nothing.</summary>
        public required int AppliedRevision { get; init; }

        public required DateTimeOffset LastTransitionTime { get; init; }
        public ErrorBody? Error { get; init; }

        /// <summary>Fields that somebody has changed since they were applied.</summary>
        public int DriftedFields { get; init; }

        public DateTimeOffset? FirstDriftedObservedTime { get; init; }

        /// <summary>Fields that differ from the placement and never were as it has them: what ReportDiff found, or why an object is not taken over.</summary>
        public int DifferingFields { get; init; }

        /// <summary>How often something had drifted and was brought back.</summary>
        public int Repairs { get; init; }

        public DateTimeOffset? LastRepairTime { get; init; }

        /// <summary>What it was.</summary>
        public string? LastRepair { get; init; }
    }

    internal sealed record DriftParameters
    {
        /// <summary>Have the members looked at now; what is found is told by the next call.</summary>
        public bool Refresh { get; init; }
    }

    /// <summary>Members that differ, and how many are looked at because of this call.</summary>
    internal sealed record DriftPage(IReadOnlyList<DriftShown> Value, string? NextLink, int? Refreshing);

    /// <summary>A member that differs.</summary>
    internal sealed record DriftShown(string Id, string Name, string Type, DriftProperties Properties);

    internal sealed record DriftProperties
    {
        public required string MemberId { get; init; }

        /// <summary>At most 100 are kept of a member.</summary>
        public required List<DifferenceShown> Differences { get; init; }
    }

    /// <summary>A field that is not as the placement has it.</summary>
    internal sealed record DifferenceShown
    {
        public required DifferenceKind Kind { get; init; }
        public required DifferingResource Resource { get; init; }

        /// <summary>A JSON pointer; empty for the whole object.</summary>
        public required string Path { get; init; }

        /// <summary>Absent when the member has none. Of a Secret no value is ever told.</summary>
        public string? ValueInMember { get; init; }

        public string? ValueInHub { get; init; }
        public required DateTimeOffset FirstObservedTime { get; init; }
        public required DateTimeOffset LastObservedTime { get; init; }
    }

    /// <summary>The object by what it is.</summary>
    internal sealed record DifferingResource(string Group, string Kind, string? Namespace, string Name);
}
