using System.Text.Json;
using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Policy;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Policy;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Policy;
using Npgsql;

namespace ControlPlane.Worker.Policy;

/// <summary>
/// Finds out which resources keep the policies assigned to them. It looks at what is, not at what happened: whatever was never judged, has changed since, or was judged
/// an hour ago is judged, a batch at a time, so that a worker that dies, or a change that comes meanwhile, costs nothing but another look. One worker at a time does it.
/// </summary>
internal sealed partial class PolicyEvaluation(NpgsqlDataSource source, PolicyCatalogue catalogue, IConfiguration configuration, TimeProvider clock, ILogger<PolicyEvaluation> logger) : BackgroundService
{
    private const long Lock = 0x506f6c696379;
    private const int Batch = 500;
    private const int BatchesAtOnce = 40;
    private const int MostRelated = 1000;
    private const string EndEvaluations = "update policy_evaluations set ended_at = now() where id = any($1)";
    private const string PruneEvaluations = "delete from policy_evaluations where ended_at < now() - interval '1 day'";

    private readonly TimeSpan period = configuration.GetValue<TimeSpan?>("Policy:Sweep") ?? TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(period, clock);
        try
        {
            do
                await TryAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    /// <summary>Judges everything that is due, unless another worker is at it.</summary>
    public async Task EvaluateAsync(CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        if (!await IsOursAsync(connection, stop))
            return;
        try
        {
            var asked = await AskedAsync(connection, stop);
            var finished = true;
            foreach (var policy in await catalogue.CompileAsync(await AssignmentsAsync(stop), stop))
                finished &= await EvaluateAsync(connection, policy, stop);
            if (asked.Length > 0 && finished)
            {
                await using var end = Sql.Command(connection, EndEvaluations, (object)asked);
                await end.ExecuteNonQueryAsync(stop);
                await using var prune = Sql.Command(connection, PruneEvaluations);
                await prune.ExecuteNonQueryAsync(stop);
            }
        }
        finally
        {
            await using var release = Sql.Command(connection, "select pg_advisory_unlock($1)", Lock);
            await release.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }

    private async Task TryAsync(CancellationToken stop)
    {
        try
        {
            await EvaluateAsync(stop);
        }
        catch (Exception failure) when (!stop.IsCancellationRequested)
        {
            LogFailed(failure);
        }
    }

    /// <summary>True when nothing is left to judge.</summary>
    private async Task<bool> EvaluateAsync(NpgsqlConnection connection, AssignedPolicy policy, CancellationToken stop)
    {
        var reach = new PolicyReach(policy.Row.Key, policy.Row.Version, ResourceId.Parse(policy.Definition.Id).Key, policy.Definition.Version, policy.Row.Subscription, policy.Scope, policy.NotScopes,
            [.. ResourceTypes.All.Where(type => policy.Judges(type.Type, type.IsTracked)).Select(type => type.Type.ToString())]);
        for (var round = 0; round < BatchesAtOnce; round++)
        {
            var due = await PolicyStates.DueAsync(connection, reach, Batch, stop);
            var related = new Dictionary<string, IReadOnlyList<JsonElement>>(StringComparer.Ordinal);
            var judged = new List<(DueResource, bool)>(due.Count);
            foreach (var resource in due)
                judged.Add((resource, await KeepsAsync(policy, resource, related, stop)));
            if (judged.Count > 0)
                await PolicyStates.SaveAsync(connection, reach, policy.EffectName, judged, stop);
            if (due.Count == Batch)
                continue;
            await PolicyStates.ForgetAsync(connection, reach, stop);
            return true;
        }

        return false;
    }

    private async Task<bool> KeepsAsync(AssignedPolicy policy, DueResource resource, Dictionary<string, IReadOnlyList<JsonElement>> related, CancellationToken stop)
    {
        var target = new PolicyTarget(PolicyTargets.Resource(resource.Id, resource.Location, resource.Tags, resource.Properties, resource.Status, resource.Inventory),
            resource.GroupId is null ? default : PolicyTargets.Group(resource.GroupId, resource.GroupLocation, resource.GroupTags ?? "{}"));
        if (policy.Compiled.Effect is PolicyEffect.Disabled || !policy.Compiled.Holds(target))
            return true;
        if (policy.Compiled.Effect is not PolicyEffect.AuditIfNotExists)
            return false;
        var group = resource.ResourceGroup ?? "";
        if (!related.TryGetValue(group, out var candidates))
            related[group] = candidates = await RelatedAsync(policy, resource, stop);
        var name = policy.Compiled.RelatedName?.Invoke(new(target));
        return candidates.Any(one => (name is not { } wanted || PolicyComparison.Same(PolicyJson.Member(one, "name"), wanted)) && policy.Compiled.Exists(new(new(one, target.Group))));
    }

    /// <summary>What stands for what must exist: resources of the type in the same group.</summary>
    private async Task<IReadOnlyList<JsonElement>> RelatedAsync(AssignedPolicy policy, DueResource resource, CancellationToken stop)
    {
        await using var command = Sql.Command(source, """
            select id, location, tags, properties, status from resources
            where subscription = $1 and resource_group is not distinct from $2 and lower(type) = lower($3) and state <> 'Deleting' order by key limit $4
            """, policy.Row.Subscription, resource.ResourceGroup, policy.Compiled.Details.RelatedType, MostRelated);
        await using var row = await command.ExecuteReaderAsync(stop);
        var found = new List<JsonElement>();
        while (await row.ReadAsync(stop))
            found.Add(PolicyTargets.Resource(row.GetString(0), row.IsDBNull(1) ? null : row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4)));
        return found;
    }

    private async Task<IReadOnlyList<ResourceRow>> AssignmentsAsync(CancellationToken stop)
    {
        await using var command = Sql.Command(source, "select key from resources where type = $1 and state <> 'Deleting' order by key", PolicyAssignment.Type.ToString());
        var keys = new List<string>();
        await using (var row = await command.ExecuteReaderAsync(stop))
        {
            while (await row.ReadAsync(stop))
                keys.Add(row.GetString(0));
        }

        return keys.Count == 0 ? [] : await source.FindResourcesAsync(keys, stop);
    }

    private static async Task<bool> IsOursAsync(NpgsqlConnection connection, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select pg_try_advisory_lock($1)", Lock);
        return await command.ExecuteScalarAsync(stop) is true;
    }

    private static async Task<Guid[]> AskedAsync(NpgsqlConnection connection, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, "select coalesce(array_agg(id), '{}') from policy_evaluations where ended_at is null");
        return (Guid[])(await command.ExecuteScalarAsync(stop))!;
    }

    [LoggerMessage(LogLevel.Warning, "Evaluating policies failed; the next round does it")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(LogLevel.Debug, "Policies are no longer evaluated here")]
    private partial void LogStopped();
}
