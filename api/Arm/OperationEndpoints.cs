using System.Text.Json;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Api.Arm;

/// <summary>Watching and cancelling operations. Every well-formed api-version is served: .NET clients rewrite it to that of their first request.</summary>
internal static class OperationEndpoints
{
    private const string Scope = "/subscriptions/{subscription}/providers/{provider}/locations/{location}";

    public static void Map(IEndpointRouteBuilder app)
    {
        // Who started an operation or may read its resource may watch it: FindAsync decides.
        app.MapArm(HttpMethod.Get, Scope + "/operationStatuses/{id}", new("Operations_Status", Action: null, "How far an operation is.") { Answers = [new(200, "Its state.", typeof(OperationStatus))] }, StatusAsync);
        app.MapArm(HttpMethod.Get, Scope + "/operationResults/{id}", new("Operations_Result", Action: null, "What the request would have answered had it been synchronous.")
        {
            Answers = [new(200, "The result.", typeof(JsonElement)), new(202, "Not yet."), new(204, "Done, without a result.")],
        }, ResultAsync);
        app.MapArm(HttpMethod.Post, Scope + "/operationStatuses/{id}/cancel", new("Operations_Cancel", Action: null, "Ask for an operation to end as Canceled.") { Answers = [new(202, "Asked."), new(204, "It has ended.")], FinalStateVia = "azure-async-operation" }, CancelAsync);
    }

    private static async Task StatusAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var operation = await FindAsync(http);
        if (!operation.Status.IsTerminal())
            http.Response.Headers.RetryAfter = OperationUrls.RetryAfterSeconds;
        http.Response.ContentType = "application/json; charset=utf-8";
        var status = new OperationStatus
        {
            Id = OperationUrls.Path((string)http.Request.RouteValues["subscription"]!, ResourceId.Parse(operation.ResourceId).Type.Provider, operation.Location, operation.Id),
            Name = operation.Id.ToString(),
            Status = operation.Status.ToString(),
            ResourceId = operation.ResourceId,
            StartTime = operation.StartedAt,
            EndTime = operation.EndedAt,
            PercentComplete = operation.Status is ProvisioningState.Succeeded ? 100 : operation.Percent,
            Steps = Json.Read<StepState[]>(operation.Steps),
            Properties = operation.Status is ProvisioningState.Succeeded && operation.Result is { } result ? Json.Read<JsonElement>(result) : null,
            Error = operation.Error is { } error ? Json.Read<ErrorBody>(error) : null,
        };
        await JsonSerializer.SerializeAsync(http.Response.Body, status, Json.Options, http.RequestAborted);
    }

    /// <summary>What the original request would have answered had it been synchronous (ARM RPC): 202 until then.</summary>
    private static async Task ResultAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var operation = await FindAsync(http);
        var id = ResourceId.Parse(operation.ResourceId);
        switch (operation.Status)
        {
            case ProvisioningState.Failed or ProvisioningState.Canceled:
                var error = operation.Error is { } body ? Json.Read<ErrorBody>(body) : new("OperationFailed", "The operation failed.");
                throw new ArmException(error.Code is "InternalServerError" ? 500 : 409, error);
            case ProvisioningState.Succeeded when operation.Request == "delete":
                // A resource group's delete must end with 200: JavaScript clients reject 204 there and only there.
                http.Response.StatusCode = id.Type == ResourceType.ResourceGroup ? StatusCodes.Status200OK : StatusCodes.Status204NoContent;
                return;
            case ProvisioningState.Succeeded when operation.Request == "put" || ResourceTypes.Find(id.Type).Actions.Any(action => action.Name == operation.Request && action.ReturnsResource):
                var row = await http.RequestServices.GetRequiredService<NpgsqlDataSource>().FindResourceAsync(operation.ResourceKey, http.RequestAborted) ?? throw ArmErrors.ResourceNotFound(id);
                await http.Response.WriteResourceAsync(StatusCodes.Status200OK, row, http.RequestAborted);
                return;
            case ProvisioningState.Succeeded when operation.Result is { } result:
                http.Response.ContentType = "application/json; charset=utf-8";
                await http.Response.WriteAsync(result, http.RequestAborted);
                return;
            case ProvisioningState.Succeeded:
                http.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            default:
                http.Response.StatusCode = StatusCodes.Status202Accepted;
                OperationUrls.Watch(http, id, operation.Location, operation.Id, withLocation: true);
                return;
        }
    }

    private static async Task CancelAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var operation = await FindAsync(http, "write");
        await using var db = await http.RequestServices.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContextAsync(http.RequestAborted);
        var asked = await db.Database.ExecuteSqlAsync(
            $"update operations set cancel_requested_at = coalesce(cancel_requested_at, now()), due_at = least(due_at, now()) where id = {operation.Id} and ended_at is null", http.RequestAborted);
        if (asked == 0)
            throw ArmErrors.OperationEnded(operation.Id.ToString(), (await FindAsync(http)).Status.ToString());
        http.RequestServices.GetRequiredService<OperationHints>().Interrupted(operation.Id);
        http.Response.StatusCode = StatusCodes.Status202Accepted;
        OperationUrls.Watch(http, ResourceId.Parse(operation.ResourceId), operation.Location, operation.Id, withLocation: true);
    }

    /// <summary>To those who started it, and to those who may do <paramref name="verb"/> with its resource; to everybody else it does not exist.</summary>
    private static async Task<OperationRow> FindAsync(HttpContext http, string verb = "read")
    {
        var (text, subscription) = ((string)http.Request.RouteValues["id"]!, ((string)http.Request.RouteValues["subscription"]!).ToLowerInvariant());
        await using var db = await http.RequestServices.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContextAsync(http.RequestAborted);
        return Guid.TryParse(text, out var id)
            && await db.Operations.AsNoTracking().FirstOrDefaultAsync(o => o.Id == id && o.Subscription == subscription, http.RequestAborted) is { } operation
            && (operation.Principal == http.Principal().ObjectId || http.Grants().Allows($"{ResourceTypes.Find(ResourceId.Parse(operation.ResourceId).Type).Permissions}/{verb}", operation.ResourceKey))
            ? operation
            : throw await MissingAsync(http, text);
    }

    private static async Task<ArmException> MissingAsync(HttpContext http, string id)
    {
        await SubscriptionEndpoints.FindAsync(http);
        return ArmErrors.OperationNotFound(id);
    }
}
