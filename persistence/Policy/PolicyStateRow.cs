using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace ControlPlane.Persistence.Policy;

/// <summary>What an assignment last found a resource to be. The versions say of what: a row whose versions are not the current ones is evaluated again.</summary>
public sealed class PolicyStateRow
{
    public required string AssignmentKey { get; init; }
    public required string ResourceKey { get; init; }
    public required string DefinitionKey { get; init; }
    public required long AssignmentVersion { get; init; }
    public required long DefinitionVersion { get; init; }
    public required long ResourceVersion { get; init; }

    /// <summary>Such as <c>audit</c>; <c>disabled</c> when the assignment has nothing to say.</summary>
    public required string Effect { get; init; }

    public required bool IsCompliant { get; init; }

    /// <summary>Lower case.</summary>
    public required string Subscription { get; init; }

    public required DateTimeOffset EvaluatedAt { get; init; }

    /// <summary>Since when it is what it is, compliant or not.</summary>
    public DateTimeOffset ChangedAt { get; init; }

    /// <summary>Of the inventory that was judged; null for what has none.</summary>
    public string? InventoryHash { get; init; }
}

/// <summary>That somebody wants a scope evaluated now rather than when it is due.</summary>
public sealed class PolicyEvaluationRow
{
    public required Guid Id { get; init; }

    /// <summary>The lower-case id of the scope.</summary>
    public required string Scope { get; init; }

    public required DateTimeOffset RequestedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
}

internal sealed class PolicyRowsConfiguration : IEntityTypeConfiguration<PolicyStateRow>, IEntityTypeConfiguration<PolicyEvaluationRow>
{
    public void Configure(EntityTypeBuilder<PolicyStateRow> row)
    {
        row.ToTable("policy_states").HasKey(s => new { s.AssignmentKey, s.ResourceKey });
        row.Property(s => s.AssignmentKey).UseCollation("C");
        row.Property(s => s.ResourceKey).UseCollation("C");
        row.Property(s => s.ChangedAt).HasDefaultValueSql("now()");
        // A state goes with its resource and with its assignment.
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(s => s.AssignmentKey).OnDelete(DeleteBehavior.Cascade);
        row.HasOne<ResourceRow>().WithMany().HasForeignKey(s => s.ResourceKey).OnDelete(DeleteBehavior.Cascade);
        row.HasIndex(s => new { s.Subscription, s.ResourceKey });
    }

    public void Configure(EntityTypeBuilder<PolicyEvaluationRow> row)
    {
        row.ToTable("policy_evaluations").HasKey(e => e.Id);
        row.HasIndex(e => e.RequestedAt).HasFilter("ended_at is null");
    }
}
