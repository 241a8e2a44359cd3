using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Api.Arm;

/// <summary>Records writes that were refused by reason of permission, lock, policy or state; those that were accepted are recorded by the transaction that stores them.</summary>
internal static partial class ActivityLog
{
    private const string Insert = """
        insert into activities (at, subscription, resource_id, action, status, principal, correlation_id, error_code, http_status) values (now(), $1, $2, $3, 'Failed', $4, $5, $6, $7)
        """;

    public static async Task RecordRefusalAsync(HttpContext http, ArmException refusal)
    {
        var isRead = HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method);
        if (isRead || !(refusal.IsDenial || refusal.Status is 409) || http.Features.Get<Principal>() is not { } principal || http.GetEndpoint()?.Metadata.GetMetadata<ArmRoute>() is not { Action: { } action })
            return;
        var scope = RouteAuthorization.IdOf(http.Request.Path.Value ?? "/");
        // What a caller does not see is no part of its log.
        var subscription = scope is not null && http.Grants().Sees(ResourceId.OfSubscription(scope.Subscription).Key) ? scope.Subscription.ToLowerInvariant() : "";
        try
        {
            await using var command = Sql.Command(http.RequestServices.GetRequiredService<NpgsqlDataSource>(), Insert,
                subscription, scope?.Text ?? "/", action, principal.ObjectId, http.CorrelationId(), refusal.Error.Code, refusal.Status);
            await command.ExecuteNonQueryAsync(http.RequestAborted);
        }
        catch (NpgsqlException failure)
        {
            LogLost(http.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ActivityLog)), failure, action);
        }
    }

    [LoggerMessage(LogLevel.Warning, "A refused {Action} could not be recorded in the activity log")]
    private static partial void LogLost(ILogger logger, Exception failure, string action);
}
