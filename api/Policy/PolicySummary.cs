namespace ControlPlane.Api.Policy;

/// <summary>Counts of states, in the shape of Microsoft.PolicyInsights' summaries.</summary>
internal static class PolicySummary
{
    public static object Of(IReadOnlyList<PolicyStateRecord> states, string queryUri) => new
    {
        results = Results(states, queryUri),
        policyAssignments = states.GroupBy(state => state.AssignmentId, StringComparer.OrdinalIgnoreCase).Select(assignment => new
        {
            policyAssignmentId = assignment.Key,
            policySetDefinitionId = "",
            results = Results([.. assignment], Only(queryUri, assignment.Key)),
            policyDefinitions = assignment.GroupBy(state => (state.DefinitionId, state.Effect)).Select(definition => new
            {
                policyDefinitionId = definition.Key.DefinitionId,
                policyDefinitionReferenceId = "",
                effect = definition.Key.Effect,
                results = Results([.. definition], Only(queryUri, assignment.Key)),
            }),
        }),
    };

    private static string Only(string queryUri, string assignment) => $"{queryUri}&$filter={Uri.EscapeDataString($"policyAssignmentId eq '{assignment}'")}";

    /// <summary>A resource that breaks one policy does not comply, whatever others say of it.</summary>
    private static object Results(IReadOnlyList<PolicyStateRecord> states, string queryUri)
    {
        var broken = states.Where(state => !state.IsCompliant).ToList();
        var resources = states.GroupBy(state => state.ResourceId, StringComparer.OrdinalIgnoreCase).Select(one => one.All(state => state.IsCompliant)).ToList();
        var policies = states.GroupBy(state => state.AssignmentId, StringComparer.OrdinalIgnoreCase).Select(one => one.All(state => state.IsCompliant)).ToList();
        return new
        {
            queryResultsUri = queryUri,
            nonCompliantResources = resources.Count(complies => !complies),
            nonCompliantPolicies = broken.Select(state => state.AssignmentId).Distinct(StringComparer.OrdinalIgnoreCase).Count(),
            resourceDetails = Details(resources),
            policyDetails = Details(policies),
        };
    }

    private static IEnumerable<object> Details(List<bool> complies) => complies.GroupBy(one => one).OrderBy(group => group.Key)
        .Select(group => new { complianceState = group.Key ? "compliant" : "noncompliant", count = group.Count() });
}
