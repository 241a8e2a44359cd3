using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Metering;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;

namespace ControlPlane.Persistence.Metering;

/// <summary>One stretch of time in which a resource was consumed.</summary>
public sealed class MeterSpanRow
{
    public required string ResourceKey { get; init; }
    public required string Meter { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; set; }
    public required string ResourceId { get; init; }
    public required string Subscription { get; init; }
    public required string Location { get; init; }

    /// <summary>What kind of the meter's thing, such as the hardware model.</summary>
    public string? Sku { get; init; }

    /// <summary>Up to where usage records were written.</summary>
    public DateTimeOffset RecordedTo { get; set; }

    /// <summary>Ended because the subscription was warned or suspended: it goes on, as a new span, when the subscription is registered again.</summary>
    public bool Paused { get; set; }
}

/// <summary>How much of a meter a resource consumed within one clock hour; writing it twice changes nothing.</summary>
public sealed class UsageRow
{
    public required string ResourceKey { get; init; }
    public required string Meter { get; init; }

    /// <summary>The start of the hour.</summary>
    public required DateTimeOffset WindowStart { get; init; }

    /// <summary>In what the meter is recorded in: seconds, 0 to 3600, or the nodes that a cluster had.</summary>
    public required double Quantity { get; set; }

    public required string ResourceId { get; init; }
    public required string Subscription { get; init; }
    public required string Location { get; init; }
    public string? Sku { get; init; }
}

/// <summary>Starts and stops meters inside the transaction of whatever starts and stops the consumption.</summary>
public static class Meters
{
    public const string PhysicalNode = Meter.PhysicalNode;

    /// <summary>A running meter goes on: starting twice is starting once.</summary>
    public static async Task StartAsync(NpgsqlConnection connection, ResourceId id, string location, string meter, string? sku, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, """
            insert into meter_spans (resource_key, meter, started_at, resource_id, subscription, location, sku, recorded_to, ended_at, paused)
            select $1, $2, now(), $3, $4, $5, $6, now(), case when paused then now() end, paused
            from (select exists (select from resources where key = '/subscriptions/' || $4 and properties->>'state' in ('Warned', 'Suspended')) as paused) subscription
            on conflict do nothing
            """, id.Key, meter, id.Text, id.Subscription.ToLowerInvariant(), location, sku);
        await command.ExecuteNonQueryAsync(cancel);
    }

    public static async Task StopAsync(NpgsqlConnection connection, string resourceKey, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, "update meter_spans set ended_at = coalesce(ended_at, now()), paused = false where resource_key = $1 and (ended_at is null or paused)", resourceKey);
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Stops every meter of a subscription, or lets those go on that were stopped by this and whose resources are still there.</summary>
    /// <param name="subscription">In lower case.</param>
    public static async Task PauseAsync(NpgsqlConnection connection, string subscription, bool paused, CancellationToken cancel)
    {
        await using var command = Sql.Command(connection, paused
            ? "update meter_spans set ended_at = now(), paused = true where subscription = $1 and ended_at is null"
            : """
              with resumed as (update meter_spans set paused = false where subscription = $1 and paused returning *)
              insert into meter_spans (resource_key, meter, started_at, resource_id, subscription, location, sku, recorded_to, paused)
              select resource_key, meter, now(), resource_id, subscription, location, sku, now(), false from resumed where exists (select from resources where key = resource_key)
              on conflict do nothing
              """, subscription);
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>The part of a span that falls into each clock hour it touches. Pure.</summary>
    public static IEnumerable<(DateTimeOffset Hour, double Seconds)> Windows(DateTimeOffset from, DateTimeOffset to)
    {
        for (var at = from; at < to;)
        {
            var hour = new DateTimeOffset(at.Ticks - (at.Ticks % TimeSpan.TicksPerHour), TimeSpan.Zero);
            var end = hour.AddHours(1) < to ? hour.AddHours(1) : to;
            yield return (hour, (end - at).TotalSeconds);
            at = end;
        }
    }
}

internal sealed class MeteringRowsConfiguration : IEntityTypeConfiguration<MeterSpanRow>, IEntityTypeConfiguration<UsageRow>
{
    public void Configure(EntityTypeBuilder<MeterSpanRow> row)
    {
        row.ToTable("meter_spans").HasKey(s => new { s.ResourceKey, s.Meter, s.StartedAt });
        row.HasIndex(s => new { s.ResourceKey, s.Meter }).IsUnique().HasFilter("ended_at is null");
    }

    public void Configure(EntityTypeBuilder<UsageRow> row)
    {
        row.ToTable("usage_records").HasKey(u => new { u.ResourceKey, u.Meter, u.WindowStart });
        row.HasIndex(u => new { u.Subscription, u.WindowStart });
    }
}
