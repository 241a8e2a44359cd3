using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Worker.Arm;

/// <summary>An operation as it was when this worker took it, and what time it was then by the database's clock.</summary>
internal sealed record Claim(OperationRow Operation, DateTimeOffset At);

/// <summary>How a worker takes and keeps operations: always by the database's clock.</summary>
internal sealed class OperationClaims(NpgsqlDataSource source)
{
    /// <summary>Takes up to <paramref name="count"/> operations that are due and that nobody holds; each claim raises the fencing epoch.</summary>
    public async Task<IReadOnlyList<Claim>> ClaimAsync(string owner, int count, TimeSpan lease, CancellationToken stop)
    {
        await using var command = source.CreateCommand("""
            with due as (
                select id from operations where ended_at is null and due_at <= now() and (lease_until is null or lease_until < now())
                order by due_at limit $1 for update skip locked)
            update operations o set lease_owner = $2, lease_epoch = o.lease_epoch + 1, lease_until = now() + $3, status = 'Running'
            from due where o.id = due.id
            returning o.id, o.resource_key, o.resource_id, o.resource_type, o.subscription, o.location, o.request, o.parameters, o.started_at, o.deadline_at, o.cancel_requested_at,
                o.lease_epoch, o.next_step, o.step_count, o.step_started_at, o.attempts, o.percent, o.steps, o.memory, o.principal, o.correlation_id, o.trace_parent, now(), o.wakes
            """);
        command.Parameters.AddRange(new NpgsqlParameter[] { new() { Value = count }, new() { Value = owner }, new() { Value = lease } });
        var claimed = new List<Claim>();
        await using var row = await command.ExecuteReaderAsync(stop);
        while (await row.ReadAsync(stop))
            claimed.Add(new(Read(row), row.GetFieldValue<DateTimeOffset>(22)));
        return claimed;
    }

    /// <summary>
    /// Extends what is still held; operations missing from the answer are lost. It never waits for a row: behind a save it would extend an operation that the save has just
    /// given back, which nobody could take until that lease ran out, and it would hold up the saves of all the others meanwhile.
    /// </summary>
    public async Task<IReadOnlyDictionary<Guid, LeaseStanding>> RenewAsync(IReadOnlyList<Lease> held, TimeSpan lease, CancellationToken stop)
    {
        await using var command = source.CreateCommand("""
            with mine as (select * from unnest($1, $2) as mine(id, epoch)),
            free as (
                select o.id from operations o join mine on o.id = mine.id and o.lease_epoch = mine.epoch
                where o.ended_at is null and o.lease_until is not null for no key update of o skip locked),
            renewed as (update operations o set lease_until = now() + $3 from free where o.id = free.id)
            select o.id, o.cancel_requested_at is not null, o.deadline_at <= now(), exists (select 1 from free where free.id = o.id)
            from operations o join mine on o.id = mine.id and o.lease_epoch = mine.epoch where o.ended_at is null
            """);
        command.Parameters.AddRange(new NpgsqlParameter[]
        {
            new() { Value = held.Select(l => l.Operation).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid },
            new() { Value = held.Select(l => l.Epoch).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            new() { Value = lease },
        });
        var renewed = new Dictionary<Guid, LeaseStanding>();
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            renewed[reader.GetGuid(0)] = reader.GetBoolean(2) ? LeaseStanding.DeadlinePassed : reader.GetBoolean(1) ? LeaseStanding.CancelRequested
                : reader.GetBoolean(3) ? LeaseStanding.Held : LeaseStanding.BeingSaved;
        return renewed;
    }

    /// <summary>How long until the next operation is due; null when none waits.</summary>
    public async Task<TimeSpan?> UntilNextDueAsync(CancellationToken stop)
    {
        await using var command = source.CreateCommand("select min(greatest(due_at, coalesce(lease_until, due_at))) - now() from operations where ended_at is null");
        return await command.ExecuteScalarAsync(stop) as TimeSpan?;
    }

    /// <summary>Gives an operation back whose run broke off in a way that could not be noted; the answer is how often that happened to its step, null when it is not held any more.</summary>
    public async Task<int?> GiveBackAsync(OperationRow operation, TimeSpan backOff, CancellationToken stop)
    {
        await using var command = Sql.Command(source, """
            update operations set attempts = attempts + 1, lease_until = null, due_at = now() + $3 where id = $1 and lease_epoch = $2 and ended_at is null returning attempts
            """, operation.Id, operation.LeaseEpoch, backOff);
        return await command.ExecuteScalarAsync(stop) as int?;
    }

    /// <summary>
    /// Ends an operation that cannot be run at all, so that nothing is stuck for ever: operation, resource and activity together, under the fence. What its
    /// <see cref="Operation{T,TStatus}.OnEndAsync"/> would have given back stays taken.
    /// </summary>
    public async Task EndAsync(OperationRow operation, ProvisioningState end, ErrorBody error, CancellationToken stop)
    {
        await using var command = Sql.Command(source, $$"""
            with ended as (
                update operations set status = $3, ended_at = now(), lease_until = null, error = $4::jsonb, memory = '{}', steps = {{OperationSql.ClosedSteps("$3")}}
                where id = $1 and lease_epoch = $2 and ended_at is null
                returning *),
            moved as (update resources set state = $3, version = version + 1 where key = (select resource_key from ended))
            {{OperationSql.InsertEndActivity("ended")}}
            """, operation.Id, operation.LeaseEpoch, end.ToString(), Json.Write(error));
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>
    /// The step that a deletion overtook is over, before its lease: the deletion need not wait any longer. Does nothing unless the operation was superseded while this
    /// claim was the last.
    /// </summary>
    public async Task MakeWayAsync(OperationRow operation, CancellationToken stop)
    {
        await using var command = Sql.Command(source, """
            update operations next set due_at = least(next.due_at, now()) from operations mine
            where mine.id = $1 and mine.lease_epoch = $2 + 1 and mine.ended_at is not null
                and next.resource_key = mine.resource_key and next.started_at = mine.ended_at and next.ended_at is null
            """, operation.Id, operation.LeaseEpoch);
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Forgets operations that ended longer than <paramref name="retention"/> ago.</summary>
    public async Task<int> ForgetAsync(TimeSpan retention, CancellationToken stop)
    {
        var forgotten = 0;
        while (true)
        {
            await using var command = source.CreateCommand("delete from operations where id in (select id from operations where ended_at < now() - $1 limit 1000)");
            command.Parameters.Add(new() { Value = retention });
            var some = await command.ExecuteNonQueryAsync(stop);
            forgotten += some;
            if (some < 1000)
                return forgotten;
        }
    }

    private static OperationRow Read(NpgsqlDataReader row) => new()
    {
        Id = row.GetGuid(0),
        ResourceKey = row.GetString(1),
        ResourceId = row.GetString(2),
        ResourceType = row.GetString(3),
        Subscription = row.GetString(4),
        Location = row.GetString(5),
        Request = row.GetString(6),
        Parameters = row.IsDBNull(7) ? null : row.GetString(7),
        StartedAt = row.GetFieldValue<DateTimeOffset>(8),
        DeadlineAt = row.GetFieldValue<DateTimeOffset>(9),
        CancelRequestedAt = row.IsDBNull(10) ? null : row.GetFieldValue<DateTimeOffset>(10),
        LeaseEpoch = row.GetInt64(11),
        NextStep = row.GetInt32(12),
        StepCount = row.GetInt32(13),
        StepStartedAt = row.IsDBNull(14) ? null : row.GetFieldValue<DateTimeOffset>(14),
        Attempts = row.GetInt32(15),
        Percent = row.GetDouble(16),
        Steps = row.GetString(17),
        Memory = row.GetString(18),
        Principal = row.GetString(19),
        CorrelationId = row.GetString(20),
        TraceParent = row.IsDBNull(21) ? null : row.GetString(21),
        Status = ProvisioningState.Running,
        Wakes = row.GetInt64(23),
    };
}
