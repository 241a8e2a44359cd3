using System.Globalization;
using System.Text.Json;
using System.Threading.RateLimiting;
using ControlPlane.Admission.Fleets;
using ControlPlane.Api.Arm;
using ControlPlane.Api.Clusters;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Api.Fleets;

/// <summary>
/// Where agents fetch what is to be done on their clusters and say how it stands (<c>docs/agent.md</c>). Which cluster is asked for, nobody says: it is the one whose agent asks. The door stores
/// what agents saw, as the worker does of clusters that it reaches itself; it decides nothing.
/// </summary>
internal sealed class AgentWorkDoor(NpgsqlDataSource source, AgentAuthentication authentication, AgentHeartbeats heartbeats, AgentWaiting waiting, PreparedRevisions revisions, AgentBundles bundles, PlacementHints hints, IConfiguration configuration) : IDisposable
{
    private const long LargestStatus = 1024 * 1024;
    private const int MostOutcomes = 1000;

    /// <summary>Requests that are worked on at once; a waiting agent is none of them.</summary>
    private readonly ConcurrencyLimiter gate = new(new() { PermitLimit = 256, QueueLimit = 10_000, QueueProcessingOrder = QueueProcessingOrder.OldestFirst });

    private readonly Together<(string Cluster, bool? IsSettled), IReadOnlyList<(AgentWorkItem Item, WantedBinding Binding)>> bindings = new(500, all => BindingsAsync(source, all));
    private readonly Together<string, AgentUpkeep> upkeeps = new(500, UpkeepOf(source, configuration.GetSection("Fleets:NodeImages").Get<string[]>() ?? []));
    private readonly Together<AgentReport, IReadOnlyList<int>> reports = new(200, async all => [.. Enumerable.Repeat(await AgentReports.StoreAsync(source, all), all.Count)]);

    public static void Map(IEndpointRouteBuilder open)
    {
        var door = open.ServiceProvider.GetRequiredService<AgentWorkDoor>();
        open.MapGet($"{AgentProtocol.Path}/work", door.WorkAsync);
        open.MapGet($"{AgentProtocol.Path}/bundles/{{hash}}", door.BundleAsync);
        open.MapPost($"{AgentProtocol.Path}/status", door.StatusAsync);
    }

    public void Dispose() => gate.Dispose();

    private async Task WorkAsync(HttpContext http)
    {
        var cursor = Number(http, "cursor", long.MaxValue);
        var wait = TimeSpan.FromSeconds(Number(http, "wait", (long)AgentProtocol.LongestWait.TotalSeconds));
        // What is done already, for an agent that looks whether it still is so; the cursor does not stand for it.
        var isSettled = Number(http, "settled", 1) == 1;
        string cluster;
        using (await AdmitAsync(http))
            cluster = await AuthenticateAsync(http);
        if (!isSettled && wait > TimeSpan.Zero)
        {
            await waiting.WaitAsync(cluster, cursor, wait, http.RequestAborted);
            heartbeats.Hear(cluster);
        }

        AgentWork work;
        using (await AdmitAsync(http))
            work = await ReadAsync(cluster, isSettled, http.RequestAborted);
        http.Response.Headers.CacheControl = "no-store";
        await http.AnswerAsync(work);
    }

    private async Task BundleAsync(HttpContext http)
    {
        Bundle? found;
        var hash = (string)http.Request.RouteValues["hash"]!;
        using (await AdmitAsync(http))
        {
            var contents = await ContentsAsync(await AuthenticateAsync(http), isSettled: null, http.RequestAborted);
            found = contents.Where(one => one.Content is { IsUnscheduled: false }).Select(one => bundles.Of(one.Content!)).FirstOrDefault(bundle => bundle.Hash == hash);
        }

        if (found is null)
            throw new ArmException(403, new("AgentBundleForbidden", "Nothing that is to be done on the cluster of this agent has such a bundle; ask for work again."));
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.Headers.ContentEncoding = "gzip";
        http.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        http.Response.ContentLength = found.Compressed.Length;
        await http.Response.BodyWriter.WriteAsync(found.Compressed, http.RequestAborted);
    }

    private async Task StatusAsync(HttpContext http)
    {
        await http.AwaitBodyAsync(LargestStatus);
        using var admitted = await AdmitAsync(http);
        var cluster = await AuthenticateAsync(http);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        if (Shape.Faults(body.RootElement, typeof(AgentStatus), "body") is { Count: > 0 } faults)
            throw ArmErrors.Invalid(faults);
        var status = body.RootElement.Deserialize<AgentStatus>(Json.Options)!;
        if (status.Items.Count > MostOutcomes || status.Updates.Count > MostOutcomes)
            throw ArmErrors.Invalid([Shape.Fault(status.Items.Count > MostOutcomes ? "items" : "updates", $"must have at most {MostOutcomes} entries")]);
        if (status.Updates.Any(update => update.State is RolloutMemberState.Pending or RolloutMemberState.Skipped))
            throw ArmErrors.Invalid([Shape.Fault("updates", "must have the states Updating, Deferred, Healthy or Failed; the others are not an agent's to say")]);
        hints.Reported(await reports.AskAsync(new(cluster, status)));
        http.Response.StatusCode = 204;
    }

    private async Task<string> AuthenticateAsync(HttpContext http)
    {
        var cluster = (await authentication.DemandAsync(http)).ClusterKey;
        heartbeats.Hear(cluster);
        return cluster;
    }

    private async Task<AgentWork> ReadAsync(string cluster, bool isSettled, CancellationToken cancel)
    {
        var items = new List<AgentWorkItem>();
        foreach (var (item, content) in await ContentsAsync(cluster, isSettled, cancel))
        {
            items.Add(content is null ? item : item with
            {
                Owner = content.Owner, Bundle = content.IsUnscheduled ? null : bundles.Of(content).Hash, Touched = [.. content.Touched.Select(thing => new AgentObject(thing.ApiVersion, thing.Kind, thing.Namespace, thing.Name))],
            });
        }

        var upkeep = await upkeeps.AskAsync(cluster).WaitAsync(cancel);
        var parts = items.Select(item => WorkCursor.Part(item.Placement, item.Generation, item.IsUnscheduled)).Concat(upkeep.Updates.Select(update => new WorkPart(WorkKind.Update, update.Run, update.Claim)));
        return new(WorkCursor.Of(upkeep.Cordon is { } cordon ? parts.Append(new(WorkKind.Cordon, 0, cordon.Generation)) : parts), items) { Updates = upkeep.Updates, Cordon = upkeep.Cordon };
    }

    /// <summary>What is to be done on a cluster, the most urgent first, and with what; without it the item says why. What is settled instead, or with null both.</summary>
    private async Task<IReadOnlyList<(AgentWorkItem Item, MemberContent? Content)>> ContentsAsync(string cluster, bool? isSettled, CancellationToken cancel)
    {
        var contents = new List<(AgentWorkItem, MemberContent?)>();
        foreach (var (item, binding) in await bindings.AskAsync((cluster, isSettled)).WaitAsync(cancel))
        {
            try
            {
                contents.Add((item, await revisions.ContentAsync(binding, cancel)));
            }
            catch (ContentException fault)
            {
                contents.Add((item with { Fault = new(fault.Code, fault.Message) }, null));
            }
        }

        return contents;
    }

    private static Func<IReadOnlyList<string>, Task<IReadOnlyList<AgentUpkeep>>> UpkeepOf(NpgsqlDataSource source, string[] nodeImages) => clusters => AgentUpkeep.ReadAsync(source, clusters, nodeImages);

    private static async Task<IReadOnlyList<IReadOnlyList<(AgentWorkItem Item, WantedBinding Binding)>>> BindingsAsync(NpgsqlDataSource source, IReadOnlyList<(string Cluster, bool? IsSettled)> asked)
    {
        await using var command = Sql.Command(source, """
            select b.placement_id, b.desired_revision, b.is_unscheduled, b.touched_revisions, m.name, m.labels, b.generation, b.observed_generation, b.health, b.error_code, i.has_differences, i.is_drifted, a.at
            from unnest($1::text[], $2::bool[]) with ordinality a (cluster_key, is_settled, at) join fleet_members m on m.cluster_key = a.cluster_key join placement_bindings b on b.member_id = m.id
                cross join lateral (select count(*) > 0 as has_differences, count(*) filter (where kind = 'Drift') > 0 as is_drifted from binding_issues i where i.placement_id = b.placement_id and i.member_id = b.member_id) i
            where m.is_pull and (b.due_at is not null or (a.is_settled is distinct from false and b.desired_revision > 0)) and (a.is_settled is distinct from true or b.due_at is null) order by b.priority, b.placement_id
            """, asked.Select(one => one.Cluster).ToArray(), asked.Select(one => one.IsSettled).ToArray());
        var due = asked.Select(_ => new List<(AgentWorkItem, WantedBinding)>()).ToList();
        await using var row = await command.ExecuteReaderAsync();
        while (await row.ReadAsync())
        {
            var binding = new WantedBinding(row.GetInt32(0), row.GetInt32(1), row.GetBoolean(2), row.GetFieldValue<int[]>(3), row.GetString(4), Json.Read<Dictionary<string, string>>(row.GetString(5)));
            due[(int)row.GetInt64(12) - 1].Add((new()
            {
                Placement = binding.PlacementId, DesiredRevision = binding.DesiredRevision, IsUnscheduled = binding.IsUnscheduled, Generation = row.GetInt64(6), ObservedGeneration = row.GetInt64(7), Health = (BindingHealth)row.GetInt16(8), Touched = [],
                ErrorCode = row.IsDBNull(9) ? null : row.GetString(9), HasDifferences = row.GetBoolean(10), IsDrifted = row.GetBoolean(11),
            }, binding));
        }

        return due;
    }

    private async Task<RateLimitLease> AdmitAsync(HttpContext http)
    {
        var lease = await gate.AcquireAsync(1, http.RequestAborted);
        if (lease.IsAcquired)
            return lease;
        lease.Dispose();
        throw new ArmException(503, new("AgentDoorBusy", "Many agents are being served; come again."), TimeSpan.FromSeconds(2));
    }

    private static long Number(HttpContext http, string name, long most) =>
        !http.Request.Query.TryGetValue(name, out var text) ? 0
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most ? number : throw ArmErrors.InvalidQuery(name, $"must be a number from 0 to {most}.");
}

internal static class AgentWorkDoorServices
{
    public static void AddAgentWorkDoor(this IServiceCollection services)
    {
        services.AddSingleton<AgentBundles>();
        services.AddSingleton<AgentWaiting>();
        services.AddHostedService(provider => provider.GetRequiredService<AgentWaiting>());
        services.AddSingleton<PlacementHints>();
        services.AddHostedService(provider => provider.GetRequiredService<PlacementHints>());
        services.AddSingleton<AgentWorkDoor>();
    }
}
