using ControlPlane.Contracts.Arm;
using Npgsql;

namespace ControlPlane.Persistence.Arm;

/// <summary>
/// The accept transaction: resource, operation, secrets, quota and activity commit together or not at all. PostgreSQL decides every race: the version in the where
/// clause, the partial unique index on active operations, the foreign key to the parent, the limit in the quota's update.
/// </summary>
public sealed class Acceptor(NpgsqlDataSource source, SecretBox secrets, Quotas quotas)
{
    private const string Insert = """
        insert into resources (key, id, parent_key, type, name, subscription, resource_group, location, tags, properties, status, state, version, unique_key, managed_by,
            created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type, refs, extends_key)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb, coalesce($17::jsonb, '{}'), $11, 1, $12, $13, now(), $14, $15, now(), $14, $15, $16, $18)
        {0} returning version, created_at, created_by, created_by_type, modified_at
        """;

    private const string Update = """
        update resources set id = $1, name = $2, location = $3, tags = $4::jsonb, properties = $5::jsonb, state = $6, version = version + 1, unique_key = $7,
            modified_at = now(), modified_by = $8, modified_by_type = $9, refs = $10, status = coalesce($13::jsonb, status)
        where key = $11 and version = $12 returning version, created_at, created_by, created_by_type, modified_at
        """;

    private static readonly string SupersedeActive = $"""
        with ended as (
            update operations set status = 'Canceled', ended_at = now(), lease_epoch = lease_epoch + 1, error = $2::jsonb, steps = {OperationSql.ClosedSteps("'Canceled'")}
            where resource_key = $1 and ended_at is null returning *)
        {OperationSql.InsertEndActivity("ended")} returning operation_id
        """;

    private const string InsertOperation = """
        insert into operations (id, resource_key, resource_id, resource_type, subscription, location, request, parameters, status, started_at, deadline_at, due_at,
            wakes, lease_epoch, next_step, step_count, attempts, percent, steps, memory, principal, correlation_id, trace_parent, principal_type, client_request_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, 'Accepted', now(), now() + $9, {0}, 0, 0, 0, 0, 0, 0, '[]', '{}', $10, $11, $12, $13, $14) {1}
        """;

    /// <summary>A superseded operation's worker may still be inside a step: its successor starts when that lease has run out.</summary>
    private const string AfterSuperseded = "greatest(now(), (select max(lease_until) from operations where resource_key = $2 and ended_at = now()))";

    private const string InsertActivity = """
        insert into activities (at, subscription, resource_id, action, status, principal, correlation_id, operation_id)
        values (now(), $1, $2, $3, $4, $5, $6, $7)
        """;

    private const string UpsertSecret = """
        insert into secrets (resource_key, path, ciphertext, wrapped_key, key_version) values ($1, $2, $3, $4, $5)
        on conflict (resource_key, path) do update set ciphertext = excluded.ciphertext, wrapped_key = excluded.wrapped_key, key_version = excluded.key_version
        """;

    private const string OrNothing = "on conflict do nothing";
    private static readonly string InsertOrFail = Fill(Insert, "");
    private static readonly string InsertOrNothing = Fill(Insert, OrNothing);
    private static readonly string OperationOrFail = Fill(InsertOperation, "now()", "");
    private static readonly string OperationOrNothing = Fill(InsertOperation, "now()", OrNothing);
    private static readonly string OperationAfterSuperseded = Fill(InsertOperation, AfterSuperseded, OrNothing);
    private static readonly string Preempted = Json.Write(new ErrorBody("OperationPreempted", "The resource was deleted while this operation ran."));

    /// <summary>Stores the write in a transaction of its own.</summary>
    public async Task<AcceptOutcome> AcceptAsync(AcceptedWrite write, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        if (write is { ExpectedVersion: null, References.Count: 0, Claims: null } && await CreateAsync(connection, write, cancel) is { } created)
            return created;
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var outcome = await AcceptAsync(connection, write, cancel);
        if (outcome is AcceptOutcome.Accepted)
            await transaction.CommitAsync(cancel);
        return outcome;
    }

    /// <summary>Stores the write in the caller's transaction; the caller rolls back (to its savepoint) unless it was accepted.</summary>
    public async Task<AcceptOutcome> AcceptAsync(NpgsqlConnection connection, AcceptedWrite write, CancellationToken cancel)
    {
        var isDelete = write.State is ProvisioningState.Deleting;
        if (!isDelete && write.References.Count > 0 && !await HoldReferencesAsync(connection, write, cancel))
            return new AcceptOutcome.ReferenceGone();
        try
        {
            var outcome = await StoreAsync(connection, write, cancel);
            if (isDelete && outcome is AcceptOutcome.Accepted && await ReferrerAsync(connection, write, cancel) is { } referrer)
                return new AcceptOutcome.Referenced(referrer);
            if (write.Claims is { } claims && outcome is AcceptOutcome.Accepted && await ClaimAsync(connection, write.Id, claims, cancel) is { } owner)
                return new AcceptOutcome.Taken(owner);
            if (write.Gone && outcome is AcceptOutcome.Accepted)
                await DeleteAsync(connection, write.Id, cancel);
            // Last: everybody who wants a place of the family waits for whoever has just taken one.
            return outcome is AcceptOutcome.Accepted && write is { Quota: { } demand, Location: { } location } && await quotas.ReserveAsync(connection, write.Id, location, demand, cancel) is { } exceeded
                ? exceeded : outcome;
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            return new AcceptOutcome.ParentGone();
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.UniqueViolation && failure.ConstraintName == ConstraintNames.UniqueKey)
        {
            return new AcceptOutcome.Taken("another resource");
        }
    }

    /// <summary>
    /// A batch without a transaction around it is one by itself. Whatever stands in the way of a create is a violated constraint, which undoes all of it, so that nothing
    /// has to be looked at between the statements and the commit: one round trip. Null when its place of a quota was not there to be taken just so.
    /// </summary>
    private async Task<AcceptOutcome?> CreateAsync(NpgsqlConnection connection, AcceptedWrite write, CancellationToken cancel)
    {
        try
        {
            await using var batch = new NpgsqlBatch(connection) { BatchCommands = { InsertCommand(InsertOrFail, write) } };
            AddRest(batch, write, OperationOrFail);
            if (write is { Quota: { } demand, Location: { } location })
                batch.BatchCommands.Add(Command(Quotas.Take, write.Id.Key, write.Id.Subscription.ToLowerInvariant(), location, demand.Family.ToLowerInvariant(), demand.Amount));
            await using var reader = await batch.ExecuteReaderAsync(cancel);
            await reader.ReadAsync(cancel);
            var accepted = Read(reader);
            while (await reader.NextResultAsync(cancel))
                continue;
            return accepted;
        }
        catch (PostgresException failure) when (Quotas.NotTaken(failure))
        {
            return null;
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            return new AcceptOutcome.ParentGone();
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return failure.ConstraintName is ConstraintNames.ActiveOperation or ConstraintNames.Retry
                ? new AcceptOutcome.Busy(await ActiveOperationAsync(connection, write.Id, cancel))
                : await WhyNotInsertedAsync(connection, write, cancel);
        }
    }

    /// <summary>
    /// The resource first, on its own: a write that loses the race holds the row's lock all the same, and must let go of it before it asks for the operation's, which the
    /// winner's worker may hold while it waits for the row.
    /// </summary>
    private async Task<AcceptOutcome> StoreAsync(NpgsqlConnection connection, AcceptedWrite write, CancellationToken cancel)
    {
        AcceptOutcome.Accepted? accepted = null;
        await using (var first = new NpgsqlBatch(connection))
        {
            // What is superseded comes before its resource: the order in which its worker locks the two.
            if (write.Supersede)
                first.BatchCommands.Add(Command(SupersedeActive, write.Id.Key, Preempted));
            first.BatchCommands.Add(write.ExpectedVersion is { } version ? UpdateCommand(write, version) : InsertCommand(InsertOrNothing, write));
            await using var reader = await first.ExecuteReaderAsync(cancel);
            Guid? superseded = null;
            if (write.Supersede)
            {
                superseded = await reader.ReadAsync(cancel) ? reader.GetGuid(0) : null;
                await reader.NextResultAsync(cancel);
            }

            if (await reader.ReadAsync(cancel))
                accepted = Read(reader) with { Superseded = superseded };
        }

        if (accepted is null)
            return write.ExpectedVersion is null ? await WhyNotInsertedAsync(connection, write, cancel) : new AcceptOutcome.Changed();
        await using var rest = new NpgsqlBatch(connection);
        AddRest(rest, write, write.Supersede ? OperationAfterSuperseded : OperationOrNothing);
        await rest.ExecuteNonQueryAsync(cancel);
        return write.Operation is not null && rest.BatchCommands[0].RecordsAffected == 0
            ? new AcceptOutcome.Busy(await ActiveOperationAsync(connection, write.Id, cancel))
            : accepted;
    }

    /// <summary>Keeps what the properties name from being deleted until this write has committed: a deletion updates the row that is locked here.</summary>
    private static async Task<bool> HoldReferencesAsync(NpgsqlConnection connection, AcceptedWrite write, CancellationToken cancel)
    {
        string[] keys = [.. write.References.Distinct(StringComparer.Ordinal)];
        await using var command = Sql.Command(connection, "select count(*) from (select key from resources where key = any($1) and state <> 'Deleting' order by key for share) held", (object)keys);
        return await command.ExecuteScalarAsync(cancel) is long held && held == keys.Length;
    }

    /// <summary>Lets go of what is claimed no more and takes the rest; the answer is the id of another resource that has one of them. In order, so that two that want the same wait for each other in line.</summary>
    private static async Task<string?> ClaimAsync(NpgsqlConnection connection, ResourceId id, IReadOnlyList<string> claims, CancellationToken cancel)
    {
        var facts = claims.Order(StringComparer.Ordinal).ToArray();
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                Command("delete from resource_claims where resource_key = $1 and fact <> all ($2)", id.Key, facts),
                Command("insert into resource_claims (fact, resource_key) select fact, $1 from unnest($2) with ordinality as wanted (fact, at) order by at on conflict (fact) do nothing", id.Key, facts),
                Command("select r.id from resource_claims c join resources r on r.key = c.resource_key where c.fact = any ($2) and c.resource_key <> $1 limit 1", id.Key, facts),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? reader.GetString(0) : null;
    }

    /// <summary>Asked once the row is marked as Deleting: who names it has either committed and is seen, or waits for the mark and sees that.</summary>
    private static async Task<string?> ReferrerAsync(NpgsqlConnection connection, AcceptedWrite write, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, "select id from resources where refs @> array[$1] and refs <> '{}' and state <> 'Deleting' limit 1", write.Id.Key);
        return await command.ExecuteScalarAsync(cancel) as string;
    }

    private static async Task DeleteAsync(NpgsqlConnection connection, ResourceId id, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, "delete from resources where key = $1", id.Key);
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>What belongs to a stored resource: its operation, if any, then secrets and activity.</summary>
    private void AddRest(NpgsqlBatch batch, AcceptedWrite write, string insertOperation)
    {
        if (write.Operation is { } operation)
            batch.BatchCommands.Add(OperationCommand(insertOperation, write, operation));
        foreach (var (path, secret) in write.Secrets)
        {
            var box = secrets.Seal($"{write.Id.Key}#{path}", secret);
            batch.BatchCommands.Add(Command(UpsertSecret, write.Id.Key, path, box.Ciphertext, box.WrappedKey, box.KeyVersion));
        }

        batch.BatchCommands.Add(Command(InsertActivity, write.Id.Subscription.ToLowerInvariant(), write.Id.Text, write.Action,
            write.Operation is null ? "Succeeded" : "Accepted", write.Caller.Principal, write.Caller.CorrelationId, write.Operation is { } active ? active.Id : NpgsqlTypes.NpgsqlDbType.Uuid));
    }

    private static AcceptOutcome.Accepted Read(NpgsqlDataReader row) =>
        new(row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), row.GetString(2), row.GetString(3), row.GetFieldValue<DateTimeOffset>(4), null);

    private static NpgsqlBatchCommand InsertCommand(string insert, AcceptedWrite write) => Command(insert,
        write.Id.Key, write.Id.Text, write.Extends ? null : write.Id.Parent?.Key, write.Id.Type.ToString(), write.Id.Name, write.Id.Subscription.ToLowerInvariant(), write.Id.ResourceGroup?.ToLowerInvariant(),
        write.Location, write.Tags, write.Properties, write.State.ToString(), write.UniqueKey, write.ManagedBy, write.Caller.Principal, write.Caller.PrincipalType, write.References.ToArray(),
        write.Status, write.Extends ? write.Id.Parent?.Key : null);

    private static NpgsqlBatchCommand UpdateCommand(AcceptedWrite write, long version) => Command(Update,
        write.Id.Text, write.Id.Name, write.Location, write.Tags, write.Properties, write.State.ToString(), write.UniqueKey, write.Caller.Principal, write.Caller.PrincipalType, write.References.ToArray(), write.Id.Key, version, write.Status);

    private static NpgsqlBatchCommand OperationCommand(string insert, AcceptedWrite write, NewOperation operation) => Command(insert,
        operation.Id, write.Id.Key, write.Id.Text, write.Id.Type.ToString(), write.Id.Subscription.ToLowerInvariant(), operation.Location, operation.Request, operation.Parameters,
        operation.TimeLimit, write.Caller.Principal, write.Caller.CorrelationId, operation.TraceParent, write.Caller.PrincipalType, operation.ClientRequestId);

    private static async Task<AcceptOutcome> WhyNotInsertedAsync(NpgsqlConnection connection, AcceptedWrite write, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select id from resources where unique_key = $1 and key <> $2", connection)
        {
            Parameters = { new() { Value = (object?)write.UniqueKey ?? DBNull.Value }, new() { Value = write.Id.Key } },
        };
        return await command.ExecuteScalarAsync(cancel) is string other ? new AcceptOutcome.Taken(other) : new AcceptOutcome.Changed();
    }

    private static async Task<Guid> ActiveOperationAsync(NpgsqlConnection connection, ResourceId id, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select id from operations where resource_key = $1 and ended_at is null", connection) { Parameters = { new() { Value = id.Key } } };
        return await command.ExecuteScalarAsync(cancel) is Guid active ? active : Guid.Empty;
    }

    private static string Fill(string sql, params ReadOnlySpan<string> parts)
    {
        for (var at = 0; at < parts.Length; at++)
            sql = sql.Replace($"{{{at}}}", parts[at], StringComparison.Ordinal);
        return sql;
    }

    private static NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<object?> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(Sql.Parameter(value));
        return command;
    }
}
