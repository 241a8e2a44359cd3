using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;

namespace ControlPlane.Persistence.Deployments;

/// <summary>
/// What the latest run of a deployment did to one resource. It is written before the resource is, so that a run that goes on after a crash knows what it may have done;
/// <see cref="Id"/> is also the id of the operation that the write starts, if it starts one.
/// </summary>
public sealed class DeploymentOperationRow
{
    public required string DeploymentKey { get; init; }

    /// <summary>Made of the run and the resource: the same whenever it is computed.</summary>
    public required Guid Id { get; init; }

    /// <summary>The operation of the deployment itself.</summary>
    public required Guid Run { get; init; }

    public required string ResourceId { get; init; }

    /// <summary>Create, or Delete.</summary>
    public required string Request { get; init; }

    public DateTimeOffset StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Null as long as the resource's own operation says it.</summary>
    public string? State { get; init; }

    /// <summary><see cref="ErrorBody"/> as JSON.</summary>
    public string? Error { get; init; }
}

internal sealed class DeploymentOperationRowConfiguration : IEntityTypeConfiguration<DeploymentOperationRow>
{
    public void Configure(EntityTypeBuilder<DeploymentOperationRow> row)
    {
        row.ToTable("deployment_operations").HasKey(o => new { o.DeploymentKey, o.Id });
        row.Property(o => o.DeploymentKey).UseCollation("C");
        row.Property(o => o.Error).HasColumnType("jsonb");
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(o => o.DeploymentKey).OnDelete(DeleteBehavior.Cascade);
    }
}

/// <summary>Reads what a deployment did: its own rows, with the state of the operations that they started.</summary>
public static class DeploymentOperations
{
    private const string Columns = """
        select d.deployment_key, d.id, d.run, d.resource_id, d.request, d.started_at, coalesce(d.ended_at, o.ended_at), coalesce(d.state, o.status), coalesce(d.error, o.error)
        from deployment_operations d left join operations o on o.id = d.id where d.deployment_key = $1
        """;

    public static async Task<IReadOnlyList<DeploymentOperationRow>> ListDeploymentOperationsAsync(this NpgsqlDataSource source, string deploymentKey, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, $"{Columns} order by d.started_at, d.resource_id", deploymentKey);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var rows = new List<DeploymentOperationRow>();
        while (await reader.ReadAsync(cancel))
        {
            rows.Add(new()
            {
                DeploymentKey = reader.GetString(0),
                Id = reader.GetGuid(1),
                Run = reader.GetGuid(2),
                ResourceId = reader.GetString(3),
                Request = reader.GetString(4),
                StartedAt = reader.GetFieldValue<DateTimeOffset>(5),
                EndedAt = reader.IsDBNull(6) ? null : reader.GetFieldValue<DateTimeOffset>(6),
                State = reader.IsDBNull(7) ? null : reader.GetString(7),
                Error = reader.IsDBNull(8) ? null : reader.GetString(8),
            });
        }

        return rows;
    }
}
