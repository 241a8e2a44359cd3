using System.Text.Json;
using ControlPlane.Admission.Authorization;
using ControlPlane.Admission.Policy;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>A write that somebody asks for.</summary>
internal sealed record WriteRequest(ResourceId Id, RegisteredType Type, Caller Caller, Grants Grants)
{
    public Preconditions Preconditions { get; init; } = Preconditions.None;

    /// <summary>The api-version in which the body is written; null is the type's newest.</summary>
    public string? ApiVersion { get; init; }

    /// <summary>W3C trace context, for the operation that the write may start.</summary>
    public string? TraceParent { get; init; }

    /// <summary>The id of the operation that the write may start, for a caller who must recognise it after a crash; a new one when null.</summary>
    public Guid? OperationId { get; init; }

    /// <summary>The <c>x-ms-client-request-id</c> of an action, by which its repetition is known.</summary>
    public string? ClientRequestId { get; init; }
}

/// <summary>What became of a write: the resource as stored (null once it is gone), and the operation that carries it out, if any.</summary>
internal sealed record Written(ResourceRow? Row, NewOperation? Operation = null, bool Created = false, Guid? Superseded = null);

/// <summary>
/// Every write to a resource, once for every resource type and for whoever asks, a client or a deployment: read what is, check every rule, store in one transaction.
/// What stands in the way is thrown as an <see cref="ArmException"/>, and then nothing was changed. Telling the workers is left to the caller.
/// </summary>
internal sealed class ResourceWrites(ResourceLookup lookup, Acceptor acceptor, ResourceEnvelope envelope, Authorizer authorizer, PolicyGate policies, Locations locations)
{
    private static readonly JsonElement EmptyParameters = JsonSerializer.SerializeToElement(new { });

    public async Task<Written> PutAsync(WriteRequest request, JsonElement body, CancellationToken cancel)
    {
        var (id, type) = (request.Id, request.Type);
        var around = await DecideAsync(request, "write", cancel);
        request.Preconditions.Demand(around.Current);
        var wanted = envelope.Put(type, request.ApiVersion, id, await policies.PutAsync(type, around, body, cancel), around.Current);
        var operation = type.CompletesOnWrite ? null : NewOperation(request, "put", wanted.Location ?? locations.Names[0]);
        var state = operation is null ? ProvisioningState.Succeeded : around.Current is null ? ProvisioningState.Accepted : ProvisioningState.Updating;
        return await StoreAsync(request, around.Current, wanted, state, operation, cancel);
    }

    public async Task<Written> PatchAsync(WriteRequest request, JsonElement body, CancellationToken cancel)
    {
        var around = await DecideAsync(request, "write", cancel);
        var current = around.Current ?? throw ArmErrors.ResourceNotFound(request.Id);
        request.Preconditions.Demand(current);
        body = await policies.PatchAsync(request.Type, around, body, cancel);
        var wanted = ResourceEnvelope.Patch(request.Type, request.ApiVersion, body, current);
        // Tags concern nobody but readers: they are complete once stored.
        return request.Type.CompletesOnWrite || !body.TryGetProperty("properties", out _)
            ? await StoreAsync(request, current, wanted, request.Type.CompletesOnWrite ? ProvisioningState.Succeeded : current.State, operation: null, cancel)
            : await StoreAsync(request, current, wanted, ProvisioningState.Updating, NewOperation(request, "put", current.Location ?? locations.Names[0]), cancel);
    }

    /// <summary>Changes the tags alone, which takes permission to tag rather than to write the resource; a resource that is being changed may be tagged.</summary>
    public async Task<Written> TagAsync(WriteRequest request, string verb, Func<string, string> change, CancellationToken cancel)
    {
        var action = $"Microsoft.Resources/tags/{verb}";
        if (!request.Grants.Allows(action, request.Id.Key))
            throw ArmErrors.Forbidden(request.Caller.Principal, action, request.Id.Text);
        while (true)
        {
            var around = await lookup.SurroundingsAsync(request.Id, below: false, cancel);
            var current = around.Current ?? throw await lookup.MissingAsync(request.Id, cancel);
            around.DemandPlace();
            request.Preconditions.Demand(current);
            around.DemandUnlocked(action, isDelete: false);
            var tags = policies.Tag(request.Type, around, change(current.Tags));
            var outcome = await acceptor.AcceptAsync(Unchanged(current, request, current.State, verb) with { Tags = tags, Action = action }, cancel);
            if (outcome is AcceptOutcome.Accepted)
                return new((await lookup.SurroundingsAsync(request.Id, below: false, cancel)).Current ?? throw ArmErrors.ResourceNotFound(request.Id));
            if (outcome is not AcceptOutcome.Changed)
                throw Refusal(outcome, request, current.Location);
        }
    }

    /// <summary>With <see cref="Written.Row"/> and <see cref="Written.Operation"/> null there was nothing to delete.</summary>
    public async Task<Written> DeleteAsync(WriteRequest request, DeleteParameters parameters, CancellationToken cancel)
    {
        var (id, type) = (request.Id, request.Type);
        Demand(request, "delete");
        while (true)
        {
            var around = await lookup.SurroundingsAsync(id, below: true, cancel);
            if (around.Current is not { } current)
            {
                if (id.Subscription.Length > 0 && around.Subscription is null)
                    throw ArmErrors.SubscriptionNotFound(id.Subscription);
                if (id.GroupId is { } group && around.Ancestors.All(row => row.Key != group.Key))
                    throw ArmErrors.ResourceGroupNotFound(id.ResourceGroup!);
                return new(Row: null);
            }

            request.Preconditions.Demand(current);
            around.DemandSubscription(type, isDelete: true);
            around.DemandUnlocked($"{type.Permissions}/delete", isDelete: true);
            if (type.Refuse("delete", EmptyParameters, current) is { } refusal)
                throw ArmErrors.ActionRefused(refusal);
            if (current.State is ProvisioningState.Deleting && await lookup.ActiveAsync(id, cancel) is { } running)
                return new(current, running);

            var operation = type.IsDeletedAtOnce ? null : NewOperation(request, "delete", current.Location ?? locations.Names[0]) with { Parameters = parameters.ForceDeletion ? Json.Write(parameters) : null };
            var outcome = await acceptor.AcceptAsync(Unchanged(current, request, ProvisioningState.Deleting, "delete") with { Operation = operation, Supersede = true, Gone = type.IsDeletedAtOnce }, cancel);
            if (outcome is AcceptOutcome.Changed)
                continue;
            if (outcome is not AcceptOutcome.Accepted accepted)
                throw Refusal(outcome, request, current.Location);
            Told(type);
            return new(current, operation, Superseded: accepted.Superseded);
        }
    }

    public async Task<Written> ActAsync(WriteRequest request, ResourceAction action, JsonElement? body, CancellationToken cancel)
    {
        var type = request.Type;
        Demand(request, $"{action.Name}/action");
        if (request.ClientRequestId is { } retried && await lookup.RetriedAsync(request.Id, action.Name, retried, cancel) is { } same)
            return new(Row: null, same);
        var around = await DecideAsync(request, $"{action.Name}/action", cancel);
        var current = around.Current ?? throw ArmErrors.ResourceNotFound(request.Id);
        request.Preconditions.Demand(current);

        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        var parameters = body ?? EmptyParameters;
        if (Shape.Faults(parameters, action.Body ?? typeof(NoStatus), "body", secrets) is { Count: > 0 } faults)
            throw ArmErrors.Invalid(faults);
        if (type.Refuse(action.Name, parameters, current) is { } refusal)
            throw ArmErrors.ActionRefused(refusal);

        var clean = action.Body is null ? null : JsonSerializer.Serialize(parameters.Deserialize(action.Body, Json.Options), action.Body, Json.WithoutSecrets);
        var operation = NewOperation(request, action.Name, current.Location ?? locations.Names[0]) with { Parameters = clean, ClientRequestId = request.ClientRequestId };
        var outcome = await acceptor.AcceptAsync(Unchanged(current, request, ProvisioningState.Updating, $"{action.Name}/action") with
        {
            Operation = operation,
            Secrets = secrets.ToDictionary(secret => $"{action.Name}.{secret.Key}", secret => secret.Value, StringComparer.Ordinal),
        }, cancel);
        if (outcome is AcceptOutcome.Accepted)
            return new(current, operation);
        return request.ClientRequestId is { } id && await lookup.RetriedAsync(request.Id, action.Name, id, cancel) is { } meanwhile
            ? new(Row: null, meanwhile)
            : throw Refusal(outcome, request, current.Location);
    }

    /// <summary>Everything that can be said about a write before its body is looked at.</summary>
    private async Task<Surroundings> DecideAsync(WriteRequest request, string verb, CancellationToken cancel)
    {
        var (id, type) = (request.Id, request.Type);
        Demand(request, verb);
        if (!ResourceEnvelope.IsName(id.Name))
            throw ArmErrors.InvalidName(id.Name);
        if (type.WrongName(id.Name) is { } wrong)
            throw ArmErrors.InvalidName(id.Name, wrong);
        if (type.BuiltIn(id.Name) is not null)
            throw ArmErrors.BuiltIn(id);
        var around = await lookup.SurroundingsAsync(id, below: false, cancel);
        around.DemandPlace();
        around.DemandSubscription(type, isDelete: false);
        if (around.Current is { } current && !current.State.IsTerminal())
            throw await lookup.BusyAsync(current, cancel);
        around.DemandUnlocked($"{type.Permissions}/{verb}", isDelete: false);
        if (verb == "write" && around.Ancestors.FirstOrDefault(row => row.Key == id.Parent?.Key) is { } parent && type.RefuseBelow(parent) is { } refusal)
            throw ArmErrors.ActionRefused(refusal);
        return around;
    }

    private static void Demand(WriteRequest request, string verb)
    {
        var action = $"{request.Type.Permissions}/{verb}";
        if (!request.Grants.Allows(action, request.Id.Key))
            throw ArmErrors.Forbidden(request.Caller.Principal, action, request.Id.Text);
    }

    private async Task<Written> StoreAsync(WriteRequest request, ResourceRow? current, WantedResource wanted, ProvisioningState state, NewOperation? operation, CancellationToken cancel)
    {
        var (id, type, caller) = (request.Id, request.Type, request.Caller);
        foreach (var also in wanted.Properties.AlsoRequires.Where(also => !request.Grants.Allows(also.Action, also.Scope.TrimEnd('/') is { Length: > 0 } scope ? scope : Grants.Everywhere)))
            throw ArmErrors.LinkedForbidden(caller.Principal, $"{type.Permissions}/write", id.Text, also.Action, also.Scope);
        var references = await lookup.DemandReferencesAsync(id, wanted.Properties.References, request.Grants, caller, cancel);
        var outcome = await acceptor.AcceptAsync(new()
        {
            Id = id,
            ExpectedVersion = current?.Version,
            Location = wanted.Location,
            Tags = wanted.Tags,
            Properties = wanted.Properties.Stored,
            Status = wanted.Properties.Status,
            Extends = type.IsExtension,
            State = state,
            UniqueKey = wanted.Properties.UniqueKey,
            Claims = wanted.Properties.Claims is { Count: > 0 } claims ? claims : null,
            Secrets = wanted.Properties.Secrets,
            // A machine that a rack made stands in the rack's own reservation.
            Quota = current?.ManagedBy is null ? wanted.Properties.Quota : null,
            References = references,
            Operation = operation,
            Action = $"{type.Permissions}/write",
            Caller = caller,
        }, cancel);
        if (outcome is not AcceptOutcome.Accepted accepted)
            throw Refusal(outcome, request, wanted.Location);
        Told(type);
        return new(new()
        {
            Key = id.Key,
            Id = id.Text,
            Type = id.Type.ToString(),
            Name = id.Name,
            Subscription = id.Subscription.ToLowerInvariant(),
            Location = wanted.Location,
            Tags = wanted.Tags,
            Properties = wanted.Properties.Stored,
            Status = wanted.Properties.Status ?? current?.Status ?? "{}",
            State = state,
            Version = accepted.Version,
            CreatedAt = accepted.CreatedAt,
            CreatedBy = accepted.CreatedBy,
            CreatedByType = accepted.CreatedByType,
            ModifiedAt = accepted.ModifiedAt,
            ModifiedBy = caller.Principal,
            ModifiedByType = caller.PrincipalType,
        }, operation, Created: current is null);
    }

    /// <summary>The write that leaves a resource as it is but for its state.</summary>
    private static AcceptedWrite Unchanged(ResourceRow current, WriteRequest request, ProvisioningState state, string verb) => new()
    {
        Id = current.ResourceId,
        ExpectedVersion = current.Version,
        Location = current.Location,
        Tags = current.Tags,
        Properties = current.Properties,
        UniqueKey = current.UniqueKey,
        References = current.References,
        State = state,
        Action = $"{request.Type.Permissions}/{verb}",
        Caller = request.Caller,
    };

    /// <summary>Who decides about access is asked again at once.</summary>
    private void Told(RegisteredType type)
    {
        if (type.Type.Provider == "Microsoft.Authorization")
            authorizer.Forget();
    }

    private static ArmException Refusal(AcceptOutcome outcome, WriteRequest request, string? location) => outcome switch
    {
        AcceptOutcome.Busy busy => ArmErrors.OperationInProgress(request.Id, busy.Operation),
        AcceptOutcome.Taken taken => new(409, request.Type.Taken(taken.ResourceId)),
        AcceptOutcome.QuotaExceeded quota => ArmErrors.QuotaExceeded(quota, location ?? ""),
        AcceptOutcome.Referenced referenced => ArmErrors.InUse(request.Id, referenced.ResourceId),
        AcceptOutcome.ReferenceGone => ArmErrors.LinkedResourceGone(),
        AcceptOutcome.ParentGone => request.Id.ResourceGroup is { } group ? ArmErrors.ResourceGroupNotFound(group) : ArmErrors.SubscriptionNotFound(request.Id.Subscription),
        _ => ArmErrors.ChangedMeanwhile(request.Id),
    };

    private static NewOperation NewOperation(WriteRequest request, string verb, string location) =>
        new(request.OperationId ?? Guid.CreateVersion7(), verb, location, request.Type.TimeLimit(verb), TraceParent: request.TraceParent);
}
