using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Worker.Arm;

/// <summary>What a step may know and change: the resource as wanted, its status, the operation's memory, secrets, and fenced transactions.</summary>
internal sealed class StepContext<T, TStatus>(OperationRow operation, ResourceRow resource, Lease lease, NpgsqlDataSource source, SecretBox secrets, TimeProvider clock)
    where T : class, IResource<T, TStatus>
    where TStatus : class, new()
{
    private readonly JsonObject memory = JsonNode.Parse(operation.Memory)!.AsObject();
    private readonly List<Func<FencedTransaction, CancellationToken, Task>> also = [];

    public OperationRow Operation { get; } = operation;
    public ResourceRow Resource { get; } = resource;
    public ResourceId Id { get; } = resource.ResourceId;
    public T Wanted { get; set; } = resource.Read<T>();

    /// <summary>Stored, under the fence, with the next save.</summary>
    public TStatus Status { get; set; } = resource.ReadStatus<TStatus>();

    public TimeProvider Clock { get; } = clock;
    public Lease Lease { get; } = lease;

    /// <summary>How long the current step has been going on, over all its runs, whichever workers made them.</summary>
    public TimeSpan InStepFor => Operation.StepStartedAt is { } since ? Lease.Now - since : TimeSpan.Zero;

    /// <summary>The same for every run of the same step of the same operation: sent with every call that changes the outside world.</summary>
    public string IdempotencyKey => $"{Operation.Id}/{Operation.NextStep}";

    /// <summary>What the current step is doing, for people.</summary>
    public string? Message { get; set; }

    /// <summary>Progress of a step that knows it, as a share of the whole operation, 0 to 100.</summary>
    public double? Percent { get; set; }

    public string Memory => memory.ToJsonString();

    public TParameters Parameters<TParameters>() where TParameters : new() =>
        Operation.Parameters is { } json ? Json.Read<TParameters>(json) : new();

    public TValue? Recall<TValue>(string key) => memory.TryGetPropertyValue(key, out var value) ? value.Deserialize<TValue>(Json.Options) : default;

    /// <summary>Kept for later steps of this operation from the next save on.</summary>
    public void Remember<TValue>(string key, TValue value) => memory[key] = JsonSerializer.SerializeToNode(value, Json.Options);

    /// <summary>Adds work to the transaction that saves this step.</summary>
    public void Also(Func<FencedTransaction, CancellationToken, Task> work) => also.Add(work);

    /// <summary>Forgets what was added by a run that failed.</summary>
    public void DropAlso() => also.Clear();

    public async Task RunAlsoAsync(FencedTransaction transaction, CancellationToken stop)
    {
        foreach (var work in also)
            await work(transaction, stop);
        also.Clear();
    }

    /// <summary>Work that must be committed before the step goes on, such as the place where a task can be found again.</summary>
    public Task InTransactionAsync(Func<FencedTransaction, CancellationToken, Task> work, CancellationToken stop) => FencedTransaction.RunAsync(source, Operation, work, stop);

    /// <summary>A write-only property of this or another resource in clear, or null.</summary>
    public async Task<string?> SecretAsync(string path, CancellationToken stop, string? resourceKey = null)
    {
        var key = resourceKey ?? Resource.Key;
        await using var command = Sql.Command(source, "select ciphertext, wrapped_key, key_version from secrets where resource_key = $1 and path = $2", key, path);
        await using var reader = await command.ExecuteReaderAsync(stop);
        return await reader.ReadAsync(stop)
            ? secrets.Open($"{key}#{path}", new(reader.GetFieldValue<byte[]>(0), reader.GetFieldValue<byte[]>(1), reader.GetString(2)))
            : null;
    }

    public Task<ResourceRow?> FindAsync(string id, CancellationToken stop) => source.FindResourceAsync(id.ToLowerInvariant(), stop);
}

/// <summary>Another worker has taken the operation, or it was ended: whatever this one still wanted to write must not be written.</summary>
internal sealed class LeaseLostException(Guid operation) : OperationCanceledException($"The lease of operation {operation} is lost.");

/// <summary>A transaction that begins by proving, under a row lock, that this worker still holds the operation.</summary>
internal sealed class FencedTransaction
{
    private FencedTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction) => (Connection, Transaction) = (connection, transaction);

    public NpgsqlConnection Connection { get; }
    public NpgsqlTransaction Transaction { get; }

    public static async Task RunAsync(NpgsqlDataSource source, OperationRow operation, Func<FencedTransaction, CancellationToken, Task> work, CancellationToken stop)
    {
        await using var connection = await source.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        var fenced = new FencedTransaction(connection, transaction);
        var held = await fenced.ExecuteAsync("select 1 from operations where id = $1 and lease_epoch = $2 and ended_at is null for update", stop, operation.Id, operation.LeaseEpoch);
        if (held == 0)
            throw new LeaseLostException(operation.Id);
        await work(fenced, stop);
        await transaction.CommitAsync(stop);
    }

    /// <summary>Rows affected, or for a query rows returned.</summary>
    public async Task<int> ExecuteAsync(string sql, CancellationToken stop, params object?[] values)
    {
        await using var command = Sql.Command(Connection, sql, values);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var rows = 0;
        while (await reader.ReadAsync(stop))
            rows++;
        return reader.RecordsAffected >= 0 ? reader.RecordsAffected : rows;
    }

    public async Task<TValue?> ScalarAsync<TValue>(string sql, CancellationToken stop, params object?[] values)
    {
        await using var command = Sql.Command(Connection, sql, values);
        return await command.ExecuteScalarAsync(stop) is TValue value ? value : default;
    }
}
