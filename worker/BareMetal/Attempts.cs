using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Persistence;
using ControlPlane.Persistence.BareMetal;
using Npgsql;

namespace ControlPlane.Worker.BareMetal;

/// <summary>An attempt as a waiting step sees it; ages are by the database's clock.</summary>
internal sealed record AttemptView
{
    public bool SaidHello { get; init; }
    public bool Wiped { get; init; }
    public bool Written { get; init; }
    public bool HasJoinCredentials { get; init; }
    public bool Done { get; init; }
    public TimeSpan SilentFor { get; init; }
    public TimeSpan StalledFor { get; init; }
    public string? Phase { get; init; }
    public double Percent { get; init; }
    public string? Message { get; init; }
    public IReadOnlyList<WipedDisk> WipedDisks { get; init; } = [];
    public ErrorBody? Failure { get; init; }
}

/// <summary>The worker's side of provisioning attempts: making one, sealing what belongs to it, and looking at what its machine reported.</summary>
internal sealed class Attempts(NpgsqlDataSource source, SecretBox secrets)
{
    /// <summary>A new attempt with a one-time token; every earlier attempt of the machine ends with the same statement.</summary>
    public async Task CreateAsync(NpgsqlConnection connection, Guid attempt, ResourceId machine, Guid operation, BootMethod method, HardwareInventory inventory, string mac, DiskPlan plan, CancellationToken stop)
    {
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var box = secrets.Seal(AttemptRow.TokenPlace(attempt), token);
        await using var command = Sql.Command(connection, """
            with ended as (update provisioning_attempts set ended_at = now() where resource_key = $2 and ended_at is null and id <> $1)
            insert into provisioning_attempts (id, resource_key, resource_id, operation_id, boot_method, token_hash, token_ciphertext, token_wrapped_key, token_key_version, mac, serial, uuid,
                plan, permit, created_at, seq, percent)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14, now(), 0, 0) on conflict (id) do nothing
            """, attempt, machine.Key, machine.Text, operation, method.ToString(), SHA256.HashData(Encoding.UTF8.GetBytes(token)), box.Ciphertext, box.WrappedKey, box.KeyVersion,
            mac.ToLowerInvariant(), inventory.SerialNumber ?? "", inventory.Uuid, Json.Write(plan), Guid.NewGuid());
        await command.ExecuteNonQueryAsync(stop);
    }

    public async Task<string> TokenAsync(Guid attempt, CancellationToken stop)
    {
        await using var command = Sql.Command(source, "select token_ciphertext, token_wrapped_key, token_key_version from provisioning_attempts where id = $1", attempt);
        await using var row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        return secrets.Open(AttemptRow.TokenPlace(attempt), new(row.GetFieldValue<byte[]>(0), row.GetFieldValue<byte[]>(1), row.GetString(2)));
    }

    public async Task<AttemptView> LookAsync(Guid attempt, CancellationToken stop)
    {
        await using var command = Sql.Command(source, """
            select hello_at is not null, wiped_at is not null, written_at is not null, join_ciphertext is not null, done_at is not null,
                now() - coalesce(heartbeat_at, created_at), now() - coalesce(progress_at, heartbeat_at, created_at), phase, percent, message, wiped_disks, failure
            from provisioning_attempts where id = $1
            """, attempt);
        await using var row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        return new()
        {
            SaidHello = row.GetBoolean(0),
            Wiped = row.GetBoolean(1),
            Written = row.GetBoolean(2),
            HasJoinCredentials = row.GetBoolean(3),
            Done = row.GetBoolean(4),
            SilentFor = row.GetFieldValue<TimeSpan>(5),
            StalledFor = row.GetFieldValue<TimeSpan>(6),
            Phase = row.IsDBNull(7) ? null : row.GetString(7),
            Percent = row.GetDouble(8),
            Message = row.IsDBNull(9) ? null : row.GetString(9),
            WipedDisks = row.IsDBNull(10) ? [] : Json.Read<WipedDisk[]>(row.GetString(10)),
            Failure = row.IsDBNull(11) ? null : Json.Read<ErrorBody>(row.GetString(11)),
        };
    }

    /// <summary>Seals the join credentials into the attempt; the first ones stay.</summary>
    public async Task GiveJoinCredentialsAsync(NpgsqlConnection connection, Guid attempt, string credentials, CancellationToken stop)
    {
        var box = secrets.Seal(AttemptRow.JoinPlace(attempt), credentials);
        await using var command = Sql.Command(connection, """
            update provisioning_attempts set join_ciphertext = $2, join_wrapped_key = $3, join_key_version = $4 where id = $1 and join_ciphertext is null
            """, attempt, box.Ciphertext, box.WrappedKey, box.KeyVersion);
        await command.ExecuteNonQueryAsync(stop);
    }

    public static async Task EndAsync(NpgsqlConnection connection, string resourceKey, CancellationToken stop)
    {
        await using var command = Sql.Command(connection, """
            update provisioning_attempts set ended_at = now(), join_ciphertext = null, join_wrapped_key = null where resource_key = $1 and ended_at is null
            """, resourceKey);
        await command.ExecuteNonQueryAsync(stop);
    }
}
