using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Fleets;
using Npgsql;

namespace ControlPlane.Worker.Fleets;

/// <summary>
/// How a placement's budget stands. Whoever takes the placement from a member holds the placement's row from before this is read until that is committed: nobody else takes from the same
/// budget meanwhile.
/// </summary>
internal static class DisruptionBudgets
{
    public static async Task<BudgetPosition> ReadAsync(NpgsqlConnection connection, int placement, DisruptionBudget budget, CancellationToken stop)
    {
        // A member that a run is changing does not count as available before the run says so.
        await using var command = Sql.Command(connection, $"""
            select p.expected, count(*) filter (where {BindingSql.IsAvailable} and m.state is distinct from 1)::int,
                count(*) filter (where {BindingSql.IsAvailable} and m.state = 0 and m.stage = u.stage)::int
            from placements p left join placement_bindings b on b.placement_id = p.id left join rollout_runs u on u.placement_id = p.id and u.ended_at is null
            left join rollout_members m on m.run_id = u.id and m.member_id = b.member_id where p.id = $1 group by p.expected
            """, placement);
        await using var row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        return new(budget, row.GetInt32(0), row.GetInt32(1), row.GetInt32(2));
    }
}
