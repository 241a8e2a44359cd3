using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;

namespace ControlPlane.Persistence.Identity;

/// <summary>How often somebody or some address has given a wrong secret of late.</summary>
public sealed class SignInFailureRow
{
    /// <summary>Such as <c>client:{id}</c>, <c>user:{name}</c> or <c>address:{ip}</c>.</summary>
    public required string Key { get; init; }

    public required int Failures { get; init; }
    public required DateTimeOffset LastAt { get; init; }

    /// <summary>Until then nothing that this key gives is looked at.</summary>
    public required DateTimeOffset LockedUntil { get; init; }
}

/// <summary>The failures as all replicas share them. Reading is by key; a row that nobody adds to is forgotten.</summary>
public static class SignInFailures
{
    /// <summary>Failures are counted together when they are less than this apart.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromHours(1);

    /// <summary>The longest lock.</summary>
    public static readonly TimeSpan LongestLock = TimeSpan.FromMinutes(15);

    /// <summary>Rows that are kept at the most; with more, those that were added to last stay.</summary>
    public const int Most = 100_000;

    /// <summary>Until when the longest lock among the keys lasts, and whether any failure is remembered for the first of them; one read by primary key.</summary>
    public static async Task<(DateTimeOffset? LockedUntil, bool HasFailed)> LockedUntilAsync(this NpgsqlDataSource source, string[] keys, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = Sql.Command(
            source, "select max(locked_until) filter (where locked_until > $2), coalesce(bool_or(key = $3), false) from sign_in_failures where key = any($1)", keys, now, keys[0]);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (await reader.IsDBNullAsync(0, cancel) ? null : await reader.GetFieldValueAsync<DateTimeOffset>(0, cancel), reader.GetBoolean(1));
    }

    /// <summary>Counts one failure. The n-th after the free ones locks for <paramref name="first"/> times 2 to the n, up to <see cref="LongestLock"/>.</summary>
    public static async Task AddFailureAsync(this NpgsqlDataSource source, string key, int free, TimeSpan first, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, """
            insert into sign_in_failures as f (key, failures, last_at, locked_until) values ($1, 1, $2, case when 1 >= $3 then $2 + $4 else $2 end)
            on conflict (key) do update set
                failures = case when f.last_at < $2 - $6 then 1 else f.failures + 1 end,
                last_at = $2,
                locked_until = case when f.last_at < $2 - $6 or f.failures + 1 < $3 then $2
                    else $2 + least($4 * power(2, least(f.failures + 1 - $3, 20)), $5) end
            """, key, now, free, first, LongestLock, Memory);
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>What was right wipes what was wrong before.</summary>
    public static async Task ForgetFailuresAsync(this NpgsqlDataSource source, string key, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, "delete from sign_in_failures where key = $1", key);
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Notes that something was asked for, and says whether the time before it was at least <paramref name="interval"/> ago; the first time is always right.</summary>
    public static async Task<bool> IsUnhurriedAsync(this NpgsqlDataSource source, string key, TimeSpan interval, DateTimeOffset now, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, """
            with before as (select last_at from sign_in_failures where key = $1),
                 noted as (insert into sign_in_failures (key, failures, last_at, locked_until) values ($1, 0, $2, $2) on conflict (key) do update set last_at = $2)
            select coalesce((select last_at from before) <= $2 - $3, true)
            """, key, now, interval);
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Drops what is forgotten, and the eldest of what is too many.</summary>
    public static async Task PruneFailuresAsync(this NpgsqlDataSource source, DateTimeOffset now, int most, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, """
            delete from sign_in_failures where last_at < $1 or last_at <= (select last_at from sign_in_failures order by last_at desc offset $2 limit 1)
            """, now - Memory, most);
        await command.ExecuteNonQueryAsync(cancel);
    }
}

internal sealed class SignInFailureRowConfiguration : IEntityTypeConfiguration<SignInFailureRow>
{
    public void Configure(EntityTypeBuilder<SignInFailureRow> row)
    {
        row.ToTable("sign_in_failures").HasKey(f => f.Key);
        row.HasIndex(f => f.LastAt);
    }
}
