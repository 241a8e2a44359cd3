using System.Diagnostics;
using System.Text.Json;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Metering;
using Npgsql;

namespace ControlPlane.Api.Subscriptions;

/// <summary>
/// <c>PUT /subscriptions/{id}?api-version=2.0</c> (ARM RPC, subscription lifecycle): creates a subscription and moves it from state to state. It belongs to whoever runs the
/// tenant, not to the subscription's owners, and may be repeated.
/// </summary>
internal static class SubscriptionLifecycle
{
    public static void Map(IEndpointRouteBuilder app) => app.MapArm(HttpMethod.Put, "/subscriptions/{subscription}",
        new("Subscriptions_CreateOrUpdate", "Microsoft.Resources/subscriptions/write", "Create a subscription or change its state; Deleted deletes everything in it.")
        {
            IsTenantLevel = true, Body = typeof(SubscriptionNotification), Answers = [new(200, "As it is now.", typeof(SubscriptionNotification))],
        }, PutAsync);

    /// <summary>Creates the subscription's row if it is missing.</summary>
    public static async Task EnsureAsync(IServiceProvider services, string subscription, CancellationToken cancel) =>
        await services.GetRequiredService<Acceptor>().AcceptAsync(Write(ResourceId.OfSubscription(subscription), current: null, new() { DisplayName = "Default subscription" }, new("bootstrap", "Application", Guid.Empty.ToString())), cancel);

    private static async Task PutAsync(HttpContext http)
    {
        if (http.Request.Query["api-version"] != "2.0")
            ApiVersion.Require(http, type: null);
        var name = (string)http.Request.RouteValues["subscription"]!;
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        var faults = Shape.Faults(body.RootElement, typeof(SubscriptionNotification), "body");
        if (!Guid.TryParseExact(name, "D", out _))
            faults.Add(new("InvalidSubscriptionId", $"'{name}' is not a GUID, which the id of a subscription must be.", "subscriptionId"));
        if (faults.Count > 0)
            throw ArmErrors.Invalid(faults);
        var wanted = body.RootElement.Deserialize<SubscriptionNotification>(Json.Options)!;
        var (id, source) = (ResourceId.OfSubscription(name), http.RequestServices.GetRequiredService<NpgsqlDataSource>());
        while (!await StoreAsync(http, source, id, wanted))
            continue;
        await http.AnswerAsync(wanted);
    }

    /// <summary>False when somebody else has written meanwhile.</summary>
    private static async Task<bool> StoreAsync(HttpContext http, NpgsqlDataSource source, ResourceId id, SubscriptionNotification wanted)
    {
        var row = await source.FindResourceAsync(id.Key, http.RequestAborted);
        var current = row?.Read<Subscription>();
        if (row is null && wanted.State is SubscriptionState.Deleted || current?.State is SubscriptionState.Deleted && wanted.State is SubscriptionState.Deleted)
            return true;
        if (current?.State is SubscriptionState.Deleted)
            throw new ArmException(409, new("SubscriptionBeingDeleted", $"The subscription '{id.Name}' is being deleted; its id can be used again once it is gone."));
        var next = (current ?? new()) with { State = wanted.State, DisplayName = wanted.Properties?.DisplayName ?? current?.DisplayName ?? id.Name };
        if (next == current)
            return true;
        var acceptor = http.RequestServices.GetRequiredService<Acceptor>();
        await using var connection = await source.OpenConnectionAsync(http.RequestAborted);
        await using var transaction = await connection.BeginTransactionAsync(http.RequestAborted);
        if (await acceptor.AcceptAsync(connection, Write(id, row, next, http.Caller()), http.RequestAborted) is not AcceptOutcome.Accepted)
            return false;
        if (current is not null)
            await Meters.PauseAsync(connection, id.Subscription.ToLowerInvariant(), paused: !next.TakesWrites, http.RequestAborted);
        await transaction.CommitAsync(http.RequestAborted);
        http.RequestServices.GetRequiredService<OperationHints>().Due();
        return true;
    }

    private static AcceptedWrite Write(ResourceId id, ResourceRow? current, Subscription subscription, Caller caller) => new()
    {
        Id = id,
        ExpectedVersion = current?.Version,
        Tags = current?.Tags ?? "{}",
        Properties = Json.Write(subscription),
        State = subscription.State is SubscriptionState.Deleted ? ProvisioningState.Deleting : ProvisioningState.Succeeded,
        Operation = subscription.State is SubscriptionState.Deleted ? new(Guid.CreateVersion7(), "delete", "global", Subscription.TimeLimit("delete"), TraceParent: Activity.Current?.Id) : null,
        Supersede = subscription.State is SubscriptionState.Deleted,
        Action = subscription.State is SubscriptionState.Deleted ? "Microsoft.Resources/subscriptions/delete" : "Microsoft.Resources/subscriptions/write",
        Caller = caller,
    };

    /// <summary>What ARM tells a resource provider of a subscription (ARM RPC v1.0).</summary>
    internal sealed record SubscriptionNotification
    {
        public required SubscriptionState State { get; init; }

        /// <summary>When it was registered; taken note of and sent back.</summary>
        public string? RegistrationDate { get; init; }

        public SubscriptionProperties? Properties { get; init; }
    }

    internal sealed record SubscriptionProperties
    {
        public string? TenantId { get; init; }
        public string? DisplayName { get; init; }
    }
}
