using System.Security.Cryptography;
using System.Text;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Deployments;
using ControlPlane.Persistence.Deployments;
using ControlPlane.Worker.Arm;
using Npgsql;

namespace ControlPlane.Worker.Deployments;

/// <summary>
/// The memory of a run: a row for each resource, written before the resource is. Its id is made of run and resource, and is the id of the operation that the write
/// starts, so that whoever goes on after a crash sees what was done already.
/// </summary>
internal sealed class DeploymentRun(StepContext<Deployment, DeploymentStatus> context, NpgsqlDataSource source)
{
    private Dictionary<Guid, DeploymentOperationRow> rows = [];

    public IEnumerable<DeploymentOperationRow> Rows => rows.Values;

    public IEnumerable<DeploymentOperationRow> Failed => rows.Values.Where(row => row.State is "Failed" or "Canceled");

    public bool HasRunning => rows.Values.Any(row => row.State is not (null or "Succeeded" or "Failed" or "Canceled"));

    public DeploymentOperationRow? Find(ResourceId id, string request = "Create") => rows.GetValueOrDefault(IdOf(id, request));

    /// <summary>Whether the resource has been written and its operation has succeeded.</summary>
    public bool IsDone(ResourceId id) => Find(id)?.State == "Succeeded";

    /// <summary>The same for every attempt.</summary>
    public Guid IdOf(ResourceId id, string request = "Create")
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{context.Operation.Id}/{request}/{id.Key}"));
        (hash[6], hash[8]) = ((byte)((hash[6] & 0x0F) | 0x80), (byte)((hash[8] & 0x3F) | 0x80));
        return new(hash.AsSpan(0, 16), bigEndian: true);
    }

    public async Task LoadAsync(CancellationToken stop) =>
        rows = (await source.ListDeploymentOperationsAsync(context.Resource.Key, stop)).Where(row => row.Run == context.Operation.Id).ToDictionary(row => row.Id);

    /// <summary>What an earlier run of the same deployment did is not shown any more.</summary>
    public Task ForgetEarlierAsync(CancellationToken stop) => context.InTransactionAsync((transaction, token) =>
        transaction.ExecuteAsync("delete from deployment_operations where deployment_key = $1 and run <> $2", token, context.Resource.Key, context.Operation.Id), stop);

    /// <summary>Notes, under the fence, what is about to be written.</summary>
    public Task IntendAsync(IReadOnlyList<ResourceId> resources, string request, CancellationToken stop) => context.InTransactionAsync((transaction, token) => transaction.ExecuteAsync("""
        insert into deployment_operations (deployment_key, id, run, resource_id, request, started_at)
        select $1, wanted.id, $2, wanted.resource, $3, now() from unnest($4, $5) as wanted(id, resource) on conflict do nothing
        """, token, context.Resource.Key, context.Operation.Id, request, resources.Select(id => IdOf(id, request)).ToArray(), resources.Select(id => id.Text).ToArray()), stop);

    /// <summary>Notes what ended with the write itself.</summary>
    public Task EndedAsync(IReadOnlyList<(Guid Id, ErrorBody? Error)> ended, CancellationToken stop) => ended.Count == 0 ? Task.CompletedTask : context.InTransactionAsync((transaction, token) => transaction.ExecuteAsync("""
        update deployment_operations d set state = case when ended.error is null then 'Succeeded' else 'Failed' end, error = ended.error::jsonb, ended_at = now()
        from unnest($2, $3) as ended(id, error) where d.deployment_key = $1 and d.id = ended.id
        """, token, context.Resource.Key, ended.Select(one => one.Id).ToArray(), ended.Select(one => one.Error is null ? null : Json.Write(one.Error)).ToArray()), stop);

    /// <summary>The error of a deployment whose parts failed.</summary>
    public OperationFailedException Failure() => new("DeploymentFailed",
        "At least one resource deployment operation failed. Please list deployment operations for details: GET {scope}/deployments/{name}/operations.",
        [.. Failed.OrderBy(row => row.StartedAt).Select(row => (row.Error is { } error ? Json.Read<ErrorBody>(error) : new("OperationFailed", $"The operation of '{row.ResourceId}' ended as {row.State}.")) with { Target = row.ResourceId })]);

    /// <summary>What is known of the operations is kept when they are forgotten.</summary>
    public static Task KeepAsync(FencedTransaction transaction, Guid run, CancellationToken stop) => transaction.ExecuteAsync("""
        update deployment_operations d set state = o.status, ended_at = o.ended_at, error = o.error
        from operations o where d.run = $1 and d.state is null and o.id = d.id and o.ended_at is not null
        """, stop, run);
}
