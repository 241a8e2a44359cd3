using System.Globalization;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Api.Policy;

/// <summary>What an assignment found a resource to be.</summary>
internal sealed record PolicyStateRecord(
    string ResourceId, string ResourceType, string? ResourceLocation, string Tags, string AssignmentId, string AssignmentName, string AssignmentProperties, string DefinitionId, string Effect, bool IsCompliant, DateTimeOffset At)
{
    public string ComplianceState => IsCompliant ? "Compliant" : "NonCompliant";

    public object Shown()
    {
        var (resource, assignment, definition) = (Contracts.Arm.ResourceId.Parse(ResourceId), Contracts.Arm.ResourceId.Parse(AssignmentId), Contracts.Arm.ResourceId.Parse(DefinitionId));
        return new
        {
            timestamp = At,
            resourceId = ResourceId,
            policyAssignmentId = AssignmentId,
            policyDefinitionId = DefinitionId,
            isCompliant = IsCompliant,
            complianceState = ComplianceState,
            subscriptionId = resource.Subscription,
            resourceType = ResourceType,
            resourceLocation = ResourceLocation ?? "",
            resourceGroup = resource.ResourceGroup ?? "",
            resourceTags = Tags,
            policyAssignmentName = AssignmentName,
            policyAssignmentScope = assignment.Scope?.Text,
            policyDefinitionName = definition.Name,
            policyDefinitionAction = Effect,
        };
    }
}

/// <summary>The states at a scope and below, filtered.</summary>
internal static partial class PolicyStateQuery
{
    private const int Most = 1000;

    private const string States = """
        select r.id, r.type, r.location, r.tags::text, a.id, a.name, a.properties::text, a.properties->>'policyDefinitionId', s.effect, s.is_compliant, s.evaluated_at
        from policy_states s join resources r on r.key = s.resource_key join resources a on a.key = s.assignment_key
        where s.subscription = $1 and (s.resource_key = $2 or (s.resource_key >= $2 || '/' and s.resource_key < $2 || '0')) and s.effect <> 'disabled'
        """;

    private static readonly Dictionary<string, string> Columns = new(StringComparer.OrdinalIgnoreCase)
    {
        ["complianceState"] = "case when s.is_compliant then 'compliant' else 'noncompliant' end",
        ["isCompliant"] = "s.is_compliant::text",
        ["policyAssignmentId"] = "s.assignment_key",
        ["policyAssignmentName"] = "lower(a.name)",
        ["policyDefinitionId"] = "s.definition_key",
        ["policyDefinitionAction"] = "lower(s.effect)",
        ["resourceId"] = "s.resource_key",
        ["resourceType"] = "lower(r.type)",
        ["resourceGroup"] = "r.resource_group",
        ["resourceLocation"] = "r.location",
    };

    public static async Task<IReadOnlyList<PolicyStateRecord>> ReadAsync(HttpContext http, ResourceId scope)
    {
        if (http.Request.Query.ContainsKey("$apply") || http.Request.Query.ContainsKey("$select") || http.Request.Query.ContainsKey("$orderby"))
            throw ArmErrors.InvalidQuery("$apply", "is not supported, nor are $select and $orderby; use $filter and $top, or summarize.");
        var top = !http.Request.Query.TryGetValue("$top", out var given) ? Most
            : int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= Most ? number : throw ArmErrors.InvalidQuery("$top", $"must be a number from 1 to {Most}.");
        await using var command = Sql.Command(http.RequestServices.GetRequiredService<NpgsqlDataSource>(), States, scope.Subscription.ToLowerInvariant(), scope.Key);
        if (http.Request.Query.TryGetValue("$filter", out var filter) && filter.ToString() is { Length: > 0 } text)
            Filter(command, text);
        command.Parameters.Add(Sql.Parameter(top));
        command.CommandText += $" order by s.resource_key, s.assignment_key limit ${command.Parameters.Count}";
        await using var row = await command.ExecuteReaderAsync(http.RequestAborted);
        var states = new List<PolicyStateRecord>();
        while (await row.ReadAsync(http.RequestAborted))
        {
            states.Add(new(row.GetString(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6), row.GetString(7),
                row.GetString(8), row.GetBoolean(9), row.GetFieldValue<DateTimeOffset>(10)));
        }

        return states;
    }

    private static void Filter(NpgsqlCommand command, string filter)
    {
        for (var at = 0; at < filter.Length;)
        {
            var term = Term().Match(filter, at);
            if (!term.Success || !Columns.TryGetValue(term.Groups["name"].Value, out var column))
                throw ArmErrors.InvalidFilter(filter, $"at character {at + 1}: expected a name, eq and a value; names are {string.Join(", ", Columns.Keys)}; terms are joined by and.");
            command.Parameters.Add(Sql.Parameter(term.Groups["value"].Value.Replace("''", "'", StringComparison.Ordinal).Replace("\0", "", StringComparison.Ordinal).ToLowerInvariant()));
            command.CommandText += $" and {column} {(term.Groups["not"].Success ? "<>" : "=")} ${command.Parameters.Count}";
            at = term.Index + term.Length;
        }
    }

    [GeneratedRegex(@"\G\s*(?<name>\w+)\s+(?:eq|(?<not>ne))\s+(?:'(?<value>(?:[^']|'')*)'|(?<value>true|false))\s*(?:and\s(?=.)|$)", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();
}
