namespace ControlPlane.Persistence.Arm;

/// <summary>Pieces of the statements that end an operation from outside of its run.</summary>
public static class OperationSql
{
    /// <summary>The history of an operation with its last step closed: nothing runs in what has ended. <paramref name="status"/> is an SQL expression.</summary>
    public static string ClosedSteps(string status) => $"""
        coalesce((select jsonb_agg(case when step ? 'endTime' then step else step || jsonb_build_object('status', {status}, 'endTime', now()) end order by place)
            from jsonb_array_elements(steps) with ordinality as history(step, place)), '[]')
        """;

    /// <summary>One activity record for each operation in <paramref name="ended"/>, a set of rows of operations.</summary>
    public static string InsertEndActivity(string ended) => $"""
        insert into activities (at, subscription, resource_id, action, status, principal, correlation_id, operation_id)
        select now(), subscription, resource_id, resource_type || '/' || case request when 'put' then 'write' else request end, status, principal, correlation_id, id from {ended}
        """;
}
