using System.Text.Json;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Api.Policy;

/// <summary>Who keeps the policies, in the shapes of Microsoft.PolicyInsights: the states themselves, their summary, and an evaluation on demand.</summary>
internal static class PolicyInsightsEndpoints
{
    private const string States = "/providers/Microsoft.PolicyInsights/policyStates/latest";
    private const string Results = "/subscriptions/{subscription}/providers/Microsoft.PolicyInsights/asyncOperationResults/{id}";
    private const string Permission = "Microsoft.PolicyInsights/policyStates";
    private static readonly QueryParameter[] Query =
    [
        new("$filter", "complianceState, isCompliant, policyAssignmentId, policyDefinitionId, resourceId, resourceType and resourceGroup with eq; joined by and."),
        new("$top", "At most so many states, 1 to 1000.", Shape: typeof(int)),
    ];

    public static void Map(IEndpointRouteBuilder app)
    {
        foreach (var scope in ResourceTypes.Extended().Where(template => template.Length > 0))
        {
            app.MapArm(HttpMethod.Post, $"{scope}{States}/queryResults", new("PolicyStates_ListQueryResults", $"{Permission}/queryResults/read", "The latest states at the scope and below.") { Query = Query, Answers = [new(200, "The states.", typeof(JsonElement))] }, QueryAsync);
            app.MapArm(HttpMethod.Post, $"{scope}{States}/summarize", new("PolicyStates_Summarize", $"{Permission}/summarize/read", "How many resources keep which policies.") { Query = Query, Answers = [new(200, "The summary.", typeof(JsonElement))] }, SummarizeAsync);
            app.MapArm(HttpMethod.Post, $"{scope}{States}/triggerEvaluation", new("PolicyStates_TriggerEvaluation", $"{Permission}/triggerEvaluation/action", "Evaluate now.") { Answers = [new(202, "Accepted.")], FinalStateVia = "location" }, TriggerAsync);
        }

        app.MapArm(HttpMethod.Get, Results, new("PolicyStates_EvaluationResult", $"{Permission}/triggerEvaluation/read", "Whether an evaluation has ended.") { Answers = [new(200, "It has."), new(202, "Not yet.")] }, ResultAsync);
    }

    private static async Task QueryAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var states = await PolicyStateQuery.ReadAsync(http, ScopeOf(http));
        await http.AnswerAsync(new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["@odata.context"] = $"{http.BaseAddress()}{http.Request.Path}/$metadata#latest",
            ["@odata.count"] = states.Count,
            ["value"] = states.Select(state => state.Shown()),
        });
    }

    private static async Task SummarizeAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var scope = ScopeOf(http);
        var states = await PolicyStateQuery.ReadAsync(http, scope);
        await http.AnswerAsync(new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["@odata.context"] = $"{http.BaseAddress()}{http.Request.Path}/$metadata#summary",
            ["@odata.count"] = 1,
            ["value"] = new[] { PolicySummary.Of(states, $"{http.BaseAddress()}{scope.Text}{States}/queryResults?api-version={http.Request.Query["api-version"]}") },
        });
    }

    private static async Task TriggerAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var (scope, id) = (ScopeOf(http), Guid.CreateVersion7());
        await using var command = Sql.Command(http.RequestServices.GetRequiredService<NpgsqlDataSource>(), "insert into policy_evaluations (id, scope, requested_at) values ($1, $2, now())", id, scope.Key);
        await command.ExecuteNonQueryAsync(http.RequestAborted);
        Accept(http, scope.Subscription, id.ToString());
    }

    private static async Task ResultAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var (subscription, text) = ((string)http.Request.RouteValues["subscription"]!, (string)http.Request.RouteValues["id"]!);
        await using var command = Sql.Command(http.RequestServices.GetRequiredService<NpgsqlDataSource>(), "select ended_at is not null from policy_evaluations where id = $1 and (scope = $2 or starts_with(scope, $2 || '/'))",
            Guid.TryParse(text, out var id) ? id : Guid.Empty, ResourceId.OfSubscription(subscription).Key);
        switch (await command.ExecuteScalarAsync(http.RequestAborted))
        {
            case true:
                return;
            case false:
                Accept(http, subscription, text);
                return;
            default:
                throw ArmErrors.OperationNotFound(text);
        }
    }

    private static void Accept(HttpContext http, string subscription, string id)
    {
        http.Response.StatusCode = StatusCodes.Status202Accepted;
        http.Response.Headers.Location = $"{http.BaseAddress()}{Results.Replace("{subscription}", subscription, StringComparison.Ordinal).Replace("{id}", id, StringComparison.Ordinal)}?api-version={http.Request.Query["api-version"]}";
        http.Response.Headers.RetryAfter = OperationUrls.RetryAfterSeconds;
    }

    private static ResourceId ScopeOf(HttpContext http)
    {
        var path = http.Request.Path.Value!;
        return ResourceId.Parse(path[..path.LastIndexOf("/providers/Microsoft.PolicyInsights", StringComparison.OrdinalIgnoreCase)]);
    }
}
