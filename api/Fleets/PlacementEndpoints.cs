using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Admission.Fleets;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>What belongs to a placement and is rows rather than resources: how each member stands, its revisions, its rollout runs; and what would happen, without doing it.</summary>
internal static class PlacementEndpoints
{
    private const string Placement = "/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/Microsoft.ContainerService/fleets/{parent0}/clusterResourcePlacements/{name}";
    private const string Permission = "Microsoft.ContainerService/fleets/clusterResourcePlacements";
    private const int MostClusters = 1000;

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, $"{Placement}/clusters", new("PlacementClusters_List", $"{Permission}/clusters/read", "How each member stands.")
        {
            IsPaged = true, Answers = [new(200, "A page of members, by name.", typeof(Page<ClusterShown>))],
            Query =
            [
                new("state", "Only members in this state: Available, Progressing, Failed, Offline, Pending or Removing."), new("$top", $"At most so many, 1 to {MostClusters}.", Shape: typeof(int)), new("$skipToken", "From a nextLink."),
            ],
        }, ClustersAsync);
        app.MapArm(HttpMethod.Get, $"{Placement}/revisions", new("PlacementRevisions_List", $"{Permission}/revisions/read", "The revisions that are kept, newest first.") { IsPaged = true, Answers = [new(200, "All of them.", typeof(Page<RevisionShown>))] }, RevisionsAsync);
        app.MapArm(HttpMethod.Get, $"{Placement}/revisions/{{revision}}", new("PlacementRevisions_Get", $"{Permission}/revisions/read", "A revision with its manifests.") { Answers = [new(200, "The revision.", typeof(RevisionShown))] }, RevisionAsync);
        app.MapArm(HttpMethod.Get, $"{Placement}/rolloutRuns", new("RolloutRuns_List", $"{Permission}/rolloutRuns/read", "The runs of the placement, newest first.") { IsPaged = true, Answers = [new(200, "All of them.", typeof(Page<RolloutRunShown>))] }, RunsAsync);
        app.MapArm(HttpMethod.Post, $"{Placement}/simulate", new("Placements_Simulate", $"{Permission}/simulate/action", "Which members the placement would go to, and in which stages, were its policy as it is or as given. Changes nothing.")
        {
            Body = typeof(SimulateParameters), Answers = [new(200, "The members.", typeof(Simulated))],
        }, SimulateAsync);
        app.MapArm(HttpMethod.Get, $"{Placement}/render", new("Placements_Render", $"{Permission}/render/read", "The manifests as one member has them, after overrides.")
        {
            Answers = [new(200, "The manifests.", typeof(Rendered))], Query = [new("member", "The name of the member.", IsRequired: true)],
        }, RenderAsync);
    }

    private static async Task ClustersAsync(HttpContext http)
    {
        var (placement, source) = await PlacementAsync(http);
        var top = http.Request.Query.TryGetValue("$top", out var text) ? int.TryParse(text, out var given) && given is > 0 and <= MostClusters ? given : throw ArmErrors.InvalidQuery("$top", $"must be a number from 1 to {MostClusters}.") : 100;
        var state = http.Request.Query.TryGetValue("state", out var wanted) ? Enum.TryParse<ClusterState>(wanted, ignoreCase: true, out var known) && Enum.IsDefined(known) ? known.ToString() : throw ArmErrors.InvalidQuery("state", $"must be one of {string.Join(", ", Enum.GetNames<ClusterState>())}.") : null;
        var after = http.Request.Query.TryGetValue("$skipToken", out var token) ? token.ToString() : "";
        await using var command = Sql.Command(source, $"""
            select name, resource_id, state, desired_revision, applied_revision, error_code, error, transition_at from (
                select m.name, r.id as resource_id, {BindingSql.State} as state, b.desired_revision, b.applied_revision, b.error_code, b.error, b.transition_at
                from fleet_members m join placement_bindings b on b.member_id = m.id and b.placement_id = (select id from placements where resource_key = $1) join resources r on r.key = m.resource_key
                where m.fleet_key = (select fleet_key from placements where resource_key = $1) and m.name > $2) members
            where $3 is null or state = $3 order by name limit $4
            """, placement.Key, after, state, top + 1);
        var clusters = new List<ClusterShown>();
        await using (var row = await command.ExecuteReaderAsync(http.RequestAborted))
        {
            while (await row.ReadAsync(http.RequestAborted))
            {
                clusters.Add(new($"{placement.Id}/clusters/{row.GetString(0)}", row.GetString(0), $"{Permission}/clusters", new()
                {
                    MemberId = row.GetString(1), State = Enum.Parse<ClusterState>(row.GetString(2)), DesiredRevision = row.GetInt32(3), AppliedRevision = row.GetInt32(4), LastTransitionTime = row.GetFieldValue<DateTimeOffset>(7),
                    Error = row.IsDBNull(5) ? null : new(row.GetString(5), row.IsDBNull(6) ? "" : row.GetString(6)),
                }));
            }
        }

        await http.AnswerAsync(new Page<ClusterShown>([.. clusters.Take(top)], clusters.Count > top ? NextLink(http, clusters[top - 1].Name) : null));
    }

    private static async Task RevisionsAsync(HttpContext http)
    {
        var (placement, source) = await PlacementAsync(http);
        await http.AnswerAsync(new Page<RevisionShown>(await ReadRevisionsAsync(source, placement, number: null, http.RequestAborted), NextLink: null));
    }

    private static async Task RevisionAsync(HttpContext http)
    {
        var (placement, source) = await PlacementAsync(http);
        var text = (string)http.Request.RouteValues["revision"]!;
        var found = int.TryParse(text, out var number) ? await ReadRevisionsAsync(source, placement, number, http.RequestAborted) : [];
        await http.AnswerAsync(found.Count > 0 ? found[0] : throw new ArmException(404, new("ResourceNotFound", $"Revision '{text}' is not kept; GET {placement.Id}/revisions lists those that are.")));
    }

    private static async Task<IReadOnlyList<RevisionShown>> ReadRevisionsAsync(NpgsqlDataSource source, ResourceRow placement, int? number, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, """
            select r.revision, r.created_at, r.created_by, encode(r.hash, 'hex'), cardinality(r.manifests), r.overrides,
                case when $2 > 0 then (select array_agg(b.manifest order by wanted.at) from unnest(r.manifests) with ordinality as wanted (sha, at) join manifest_blobs b on b.sha256 = wanted.sha) end
            from placement_revisions r join placements p on p.id = r.placement_id where p.resource_key = $1 and ($2 = 0 or r.revision = $2) order by r.revision desc
            """, placement.Key, number ?? 0);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var revisions = new List<RevisionShown>();
        while (await row.ReadAsync(cancel))
        {
            revisions.Add(new($"{placement.Id}/revisions/{row.GetInt32(0)}", $"{row.GetInt32(0)}", $"{Permission}/revisions", new()
            {
                Revision = row.GetInt32(0), CreatedAt = row.GetFieldValue<DateTimeOffset>(1), CreatedBy = row.GetString(2), Hash = row.GetString(3), ManifestCount = row.GetInt32(4),
                Overrides = Json.Read<List<ResourceOverride>>(row.GetString(5)),
                Manifests = row.IsDBNull(6) ? null : [.. row.GetFieldValue<string[]>(6).Select(text => JsonSerializer.Deserialize<JsonElement>(text))],
            }));
        }

        return revisions;
    }

    private static async Task RunsAsync(HttpContext http)
    {
        var (placement, source) = await PlacementAsync(http);
        await using var command = Sql.Command(source, """
            select r.number, r.kind, r.state, r.revision, r.previous_revision, r.started_at, r.ended_at, r.message,
                count(m.member_id)::int, count(*) filter (where m.state = 0)::int, count(*) filter (where m.state = 1)::int, count(*) filter (where m.state = 2)::int, count(*) filter (where m.state = 3)::int,
                count(*) filter (where m.state = 4)::int, count(*) filter (where m.state = 5)::int
            from rollout_runs r join placements p on p.id = r.placement_id left join rollout_members m on m.run_id = r.id where p.resource_key = $1 group by r.id order by r.number desc limit 100
            """, placement.Key);
        await using var row = await command.ExecuteReaderAsync(http.RequestAborted);
        var runs = new List<RolloutRunShown>();
        while (await row.ReadAsync(http.RequestAborted))
        {
            runs.Add(new($"{placement.Id}/rolloutRuns/run-{row.GetInt32(0)}", $"run-{row.GetInt32(0)}", $"{Permission}/rolloutRuns", new()
            {
                Kind = Enum.Parse<RolloutKind>(row.GetString(1)), State = Enum.Parse<RolloutState>(row.GetString(2)), Revision = row.GetInt32(3), PreviousRevision = row.IsDBNull(4) ? null : row.GetInt32(4),
                StartTime = row.GetFieldValue<DateTimeOffset>(5), EndTime = row.IsDBNull(6) ? null : row.GetFieldValue<DateTimeOffset>(6), Message = row.IsDBNull(7) ? null : row.GetString(7),
                Clusters = new(row.GetInt32(8), row.GetInt32(9), row.GetInt32(10), row.GetInt32(11), row.GetInt32(12), row.GetInt32(13), row.GetInt32(14)),
            }));
        }

        await http.AnswerAsync(new Page<RolloutRunShown>(runs, NextLink: null));
    }

    private static async Task SimulateAsync(HttpContext http)
    {
        var (placement, source) = await PlacementAsync(http);
        var wanted = placement.Read<ClusterResourcePlacement>();
        if (http.Request.ContentLength is not (null or 0))
        {
            using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
            if (Shape.Faults(body.RootElement, typeof(SimulateParameters), "body") is { Count: > 0 } faults)
                throw ArmErrors.Invalid(faults);
            var parameters = body.RootElement.Deserialize<SimulateParameters>(Json.Options)!;
            wanted = wanted with { Policy = parameters.Policy ?? wanted.Policy };
            if (wanted.Policy.Violations().Select(violation => Shape.Fault(violation.Target, violation.Message)).ToList() is { Count: > 0 } broken)
                throw ArmErrors.Invalid(broken);
        }

        var members = await FleetMembers.ReadAsync(source, placement.ResourceId.Parent!.Key, http.RequestAborted);
        var bound = await FleetMembers.BoundAsync(source, placement.Key, http.RequestAborted);
        var schedule = PlacementScheduler.Decide(wanted.Policy, members, bound);
        var chosen = schedule.Chosen.ToHashSet();
        var named = members.OrderBy(member => member.Name, StringComparer.Ordinal).ToList();
        await http.AnswerAsync(new Simulated(
            [.. named.Where(member => chosen.Contains(member.Id)).Select(member => member.Name)], [.. named.Where(member => chosen.Contains(member.Id) && !bound.Contains(member.Id)).Select(member => member.Name)],
            [.. named.Where(member => !chosen.Contains(member.Id) && bound.Contains(member.Id)).Select(member => member.Name)], schedule.Shortage));
    }

    private static async Task RenderAsync(HttpContext http)
    {
        var (placement, source) = await PlacementAsync(http);
        var name = http.Request.Query["member"].ToString();
        var member = (await FleetMembers.ReadAsync(source, placement.ResourceId.Parent!.Key, http.RequestAborted)).FirstOrDefault(one => one.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ?? throw ArmErrors.InvalidQuery("member", $"must be the name of a member of the fleet; there is no '{name}'.");
        var wanted = placement.Read<ClusterResourcePlacement>();
        try
        {
            await http.AnswerAsync(new Rendered(member.Name, [.. wanted.Manifests.Select(manifest => ManifestRendering.Render(JsonNode.Parse(manifest.GetRawText())!.AsObject(), wanted.Overrides, member.Name, member.Labels)).OfType<JsonObject>().Select(manifest => Json.Element(manifest))]));
        }
        catch (RenderingException fault)
        {
            throw new ArmException(409, new("OverrideFailed", fault.Message, "overrides"));
        }
    }

    private static async Task<(ResourceRow Placement, NpgsqlDataSource Source)> PlacementAsync(HttpContext http)
    {
        ApiVersion.Require(http, ResourceTypes.Find(ClusterResourcePlacement.Type));
        string Value(string name) => (string)http.Request.RouteValues[name]!;
        var id = ResourceId.Create(Value("subscription"), Value("resourceGroup"), ClusterResourcePlacement.Type, [Value("parent0"), Value("name")]);
        var source = http.RequestServices.GetRequiredService<NpgsqlDataSource>();
        return (await source.FindResourceAsync(id.Key, http.RequestAborted) ?? throw await http.RequestServices.GetRequiredService<ResourceLookup>().MissingAsync(id, http.RequestAborted), source);
    }

    private static string NextLink(HttpContext http, string after)
    {
        var query = http.Request.Query.Where(one => !one.Key.Equals("$skipToken", StringComparison.OrdinalIgnoreCase)).Select(one => $"{Uri.EscapeDataString(one.Key)}={Uri.EscapeDataString(one.Value.ToString())}");
        return $"{http.BaseAddress()}{http.Request.Path.ToUriComponent()}?{string.Join('&', query)}&%24skipToken={Uri.EscapeDataString(after)}";
    }

    internal enum ClusterState { Available, Progressing, Failed, Offline, Pending, Removing }

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
    }

    /// <summary>A placement as it was at one time.</summary>
    internal sealed record RevisionShown(string Id, string Name, string Type, RevisionProperties Properties);

    internal sealed record RevisionProperties
    {
        public required int Revision { get; init; }
        public required DateTimeOffset CreatedAt { get; init; }
        public required string CreatedBy { get; init; }

        /// <summary>SHA-256 of the content, in hexadecimal digits.</summary>
        public required string Hash { get; init; }

        public required int ManifestCount { get; init; }
        public required IReadOnlyList<ResourceOverride> Overrides { get; init; }

        /// <summary>Only when one revision is asked for.</summary>
        public IReadOnlyList<JsonElement>? Manifests { get; init; }
    }

    /// <summary>A revision on its way to the members.</summary>
    internal sealed record RolloutRunShown(string Id, string Name, string Type, RolloutRunProperties Properties);

    internal sealed record RolloutRunProperties
    {
        public required RolloutKind Kind { get; init; }
        public required RolloutState State { get; init; }
        public required int Revision { get; init; }
        public int? PreviousRevision { get; init; }
        public required RolloutCounts Clusters { get; init; }
        public required DateTimeOffset StartTime { get; init; }
        public DateTimeOffset? EndTime { get; init; }
        public string? Message { get; init; }
    }

    /// <summary>Another policy to try; without one the placement's own is.</summary>
    internal sealed record SimulateParameters
    {
        public PlacementPolicy? Policy { get; init; }
    }

    /// <summary>The members a placement would be on, which of them are new, and which it would leave.</summary>
    internal sealed record Simulated(IReadOnlyList<string> Members, IReadOnlyList<string> Added, IReadOnlyList<string> Removed, string? Shortage);

    /// <summary>What one member has.</summary>
    internal sealed record Rendered(string Member, IReadOnlyList<JsonElement> Manifests);
}
