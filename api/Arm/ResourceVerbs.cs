using System.Diagnostics;
using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Arm;

/// <summary>The ARM verbs, once for every resource type: read what is, check every rule, store in one transaction, tell a worker.</summary>
internal sealed class ResourceVerbs(NpgsqlDataSource source, ResourceLookup lookup, Acceptor acceptor, ResourceEnvelope envelope, OperationHints hints, Locations locations)
{
    private static readonly JsonElement EmptyParameters = JsonSerializer.SerializeToElement(new { });

    public static void Map(IEndpointRouteBuilder app)
    {
        var verbs = app.ServiceProvider.GetRequiredService<ResourceVerbs>();
        foreach (var type in ResourceTypes.All)
        {
            var routes = new ResourceRoutes(type);
            foreach (var template in type.Templates(ResourceTypes.All))
            {
                app.MapArm(HttpMethod.Get, template, routes.Get, http => verbs.GetAsync(http, type));
                app.MapArm(HttpMethod.Head, template, routes.Head, http => verbs.HeadAsync(http, type));
                app.MapArm(HttpMethod.Put, template, routes.Put, http => verbs.PutAsync(http, type));
                app.MapArm(HttpMethod.Patch, template, routes.Patch, http => verbs.PatchAsync(http, type));
                app.MapArm(HttpMethod.Delete, template, routes.Delete, http => verbs.DeleteAsync(http, type));
                foreach (var action in type.Actions)
                    app.MapArm(HttpMethod.Post, $"{template}/{action.Name}", routes.Act(action), http => verbs.ActAsync(http, type, action));
                app.MapArm(HttpMethod.Get, template[..template.LastIndexOf('/')], routes.List(template), http => verbs.ListAsync(http, type));
            }

            if (type.Type != ResourceType.ResourceGroup && type.Type.Segments.Count == 1 && !type.Scopes.HasFlag(ResourceScopes.Subscription))
                app.MapArm(HttpMethod.Get, $"/subscriptions/{{subscription}}/providers/{type.Type}", routes.ListBySubscription, http => verbs.ListAsync(http, type));
        }

        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/resources", ResourceRoutes.ListAll("Resources_List"), http => verbs.ListAsync(http, type: null));
        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/resourceGroups/{resourceGroup}/resources", ResourceRoutes.ListAll("Resources_ListByResourceGroup"), http => verbs.ListAsync(http, type: null));
    }

    private async Task GetAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        var id = Id(http, type);
        var row = await source.FindResourceAsync(id.Key, http.RequestAborted) ?? throw await lookup.MissingAsync(id, http.RequestAborted);
        if (Preconditions.NotModified(http.Request, row))
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            http.Response.Headers.ETag = ResourceWriter.Etag(row.Version);
            return;
        }

        await http.Response.WriteResourceAsync(StatusCodes.Status200OK, row, http.RequestAborted);
    }

    private async Task HeadAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        var row = await source.FindResourceAsync(Id(http, type).Key, http.RequestAborted);
        http.Response.StatusCode = row is null ? StatusCodes.Status404NotFound : StatusCodes.Status204NoContent;
        if (row is not null)
            http.Response.Headers.ETag = ResourceWriter.Etag(row.Version);
    }

    private async Task ListAsync(HttpContext http, RegisteredType? type)
    {
        ApiVersion.Require(http, type);
        var (subscription, group) = ((string)http.Request.RouteValues["subscription"]!, http.Request.RouteValues["resourceGroup"] as string);
        if (group is not null && await source.FindResourceAsync(ResourceId.Group(subscription, group).Key, http.RequestAborted) is null)
            throw ArmErrors.ResourceGroupNotFound(group);
        var page = ListQuery.Parse(http.Request.Query, subscription, group, type?.Type.ToString());
        if (page is null)
        {
            await http.Response.WritePageAsync([], nextLink: null, http.RequestAborted);
            return;
        }

        var rows = await source.ListResourcesAsync(page, http.RequestAborted);
        await http.Response.WritePageAsync(rows, ListQuery.NextLink(http, rows, page.Size), http.RequestAborted);
    }

    private async Task PutAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        var id = Id(http, type);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        var current = await lookup.SnapshotAsync(id, http.RequestAborted);
        Preconditions.Check(http.Request, current);
        var wanted = envelope.Put(type, id, body.RootElement, current);
        await lookup.CheckReferencesAsync(id, wanted.Properties.References, http.RequestAborted);

        var operation = type.CompletesOnWrite ? null : NewOperation(type, "put", wanted.Location ?? locations.Names[0]);
        var state = operation is null ? ProvisioningState.Succeeded : current is null ? ProvisioningState.Accepted : ProvisioningState.Updating;
        var row = await StoreAsync(http, id, current, wanted, state, operation, "write");
        if (operation is not null)
            OperationUrls.Watch(http, id, operation.Location, operation.Id, withLocation: false);
        await http.Response.WriteResourceAsync(current is null ? StatusCodes.Status201Created : StatusCodes.Status200OK, row, http.RequestAborted);
    }

    private async Task PatchAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        var id = Id(http, type);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        var current = await lookup.SnapshotAsync(id, http.RequestAborted) ?? throw ArmErrors.ResourceNotFound(id);
        Preconditions.Check(http.Request, current);
        var wanted = ResourceEnvelope.Patch(type, body.RootElement, current);
        await lookup.CheckReferencesAsync(id, wanted.Properties.References, http.RequestAborted);

        // Tags concern nobody but readers: they are complete once stored.
        if (type.CompletesOnWrite || !body.RootElement.TryGetProperty("properties", out _))
        {
            var stored = await StoreAsync(http, id, current, wanted, type.CompletesOnWrite ? ProvisioningState.Succeeded : current.State, operation: null, "write");
            await http.Response.WriteResourceAsync(StatusCodes.Status200OK, stored, http.RequestAborted);
            return;
        }

        var operation = NewOperation(type, "put", current.Location ?? locations.Names[0]);
        await StoreAsync(http, id, current, wanted, ProvisioningState.Updating, operation, "write");
        Accept(http, id, operation);
    }

    private async Task DeleteAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        var id = Id(http, type);
        while (true)
        {
            var rows = await source.FindResourcesAsync([id.Key, id.GroupId!.Key], http.RequestAborted);
            var current = rows.FirstOrDefault(row => row.Key == id.Key);
            if (current is null)
            {
                if (rows.Count == 0)
                    throw ArmErrors.ResourceGroupNotFound(id.ResourceGroup!);
                http.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            }

            Preconditions.Check(http.Request, current);
            if (type.Refuse("delete", EmptyParameters, current) is { } refusal)
                throw ArmErrors.ActionRefused(refusal);
            if (current.State is ProvisioningState.Deleting && await lookup.ActiveAsync(id, http.RequestAborted) is { } running)
            {
                Accept(http, id, running);
                return;
            }

            var operation = NewOperation(type, "delete", current.Location ?? locations.Names[0]) with { Parameters = DeleteParametersOf(http) };
            var outcome = await acceptor.AcceptAsync(new()
            {
                Id = ResourceId.Parse(current.Id),
                ExpectedVersion = current.Version,
                Location = current.Location,
                Tags = current.Tags,
                Properties = current.Properties,
                UniqueKey = current.UniqueKey,
                References = current.References,
                State = ProvisioningState.Deleting,
                Operation = operation,
                Supersede = true,
                Action = $"{type.Type}/delete",
                Caller = http.Caller(),
            }, http.RequestAborted);
            if (outcome is AcceptOutcome.Changed)
                continue;
            if (outcome is not AcceptOutcome.Accepted accepted)
                throw Refusal(outcome, id, current.Location);
            if (accepted.Superseded is { } superseded)
                hints.Interrupted(superseded);
            hints.Due();
            Accept(http, id, operation);
            return;
        }
    }

    private async Task ActAsync(HttpContext http, RegisteredType type, ResourceAction action)
    {
        ApiVersion.Require(http, type);
        var id = Id(http, type);
        using var body = await RequestBody.ReadOptionalObjectAsync(http.Request, http.RequestAborted);
        var current = await lookup.SnapshotAsync(id, http.RequestAborted) ?? throw ArmErrors.ResourceNotFound(id);
        Preconditions.Check(http.Request, current);

        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        var parameters = body?.RootElement ?? EmptyParameters;
        if (Shape.Faults(parameters, action.Body ?? typeof(NoStatus), "body", secrets) is { Count: > 0 } faults)
            throw ArmErrors.Invalid(faults);
        if (type.Refuse(action.Name, parameters, current) is { } refusal)
            throw ArmErrors.ActionRefused(refusal);

        var clean = action.Body is null ? null : JsonSerializer.Serialize(parameters.Deserialize(action.Body, Json.Options), action.Body, Json.WithoutSecrets);
        var operation = NewOperation(type, action.Name, current.Location ?? locations.Names[0]) with { Parameters = clean };
        var outcome = await acceptor.AcceptAsync(new()
        {
            Id = ResourceId.Parse(current.Id),
            ExpectedVersion = current.Version,
            Location = current.Location,
            Tags = current.Tags,
            Properties = current.Properties,
            UniqueKey = current.UniqueKey,
            References = current.References,
            State = ProvisioningState.Updating,
            Operation = operation,
            Secrets = secrets.ToDictionary(secret => $"{action.Name}.{secret.Key}", secret => secret.Value, StringComparer.Ordinal),
            Action = $"{type.Type}/{action.Name}/action",
            Caller = http.Caller(),
        }, http.RequestAborted);
        if (outcome is not AcceptOutcome.Accepted)
            throw Refusal(outcome, id, current.Location);
        hints.Due();
        Accept(http, id, operation);
    }

    private async Task<ResourceRow> StoreAsync(
        HttpContext http, ResourceId id, ResourceRow? current, WantedResource wanted, ProvisioningState state, NewOperation? operation, string verb)
    {
        var caller = http.Caller();
        var outcome = await acceptor.AcceptAsync(new()
        {
            Id = id,
            ExpectedVersion = current?.Version,
            Location = wanted.Location,
            Tags = wanted.Tags,
            Properties = wanted.Properties.Stored,
            State = state,
            UniqueKey = wanted.Properties.UniqueKey,
            Secrets = wanted.Properties.Secrets,
            // A machine that a rack made stands in the rack's own reservation.
            Quota = current?.ManagedBy is null ? wanted.Properties.Quota : null,
            References = [.. wanted.Properties.References.Select(reference => reference.Key)],
            Operation = operation,
            Action = $"{id.Type}/{verb}",
            Caller = caller,
        }, http.RequestAborted);
        if (outcome is not AcceptOutcome.Accepted accepted)
            throw Refusal(outcome, id, wanted.Location);
        if (operation is not null)
            hints.Due();
        return new()
        {
            Key = id.Key,
            Id = id.Text,
            Type = id.Type.ToString(),
            Name = id.Name,
            Subscription = id.Subscription.ToLowerInvariant(),
            Location = wanted.Location,
            Tags = wanted.Tags,
            Properties = wanted.Properties.Stored,
            Status = current?.Status ?? "{}",
            State = state,
            Version = accepted.Version,
            CreatedAt = accepted.CreatedAt,
            CreatedBy = accepted.CreatedBy,
            CreatedByType = accepted.CreatedByType,
            ModifiedAt = accepted.ModifiedAt,
            ModifiedBy = caller.Principal,
            ModifiedByType = caller.PrincipalType,
        };
    }

    private static ArmException Refusal(AcceptOutcome outcome, ResourceId id, string? location) => outcome switch
    {
        AcceptOutcome.Busy busy => ArmErrors.OperationInProgress(id, busy.Operation),
        AcceptOutcome.Taken taken => new ArmException(409, ResourceTypes.Find(id.Type).Taken(taken.ResourceId)),
        AcceptOutcome.QuotaExceeded quota => ArmErrors.QuotaExceeded(quota, location ?? ""),
        AcceptOutcome.Referenced referenced => ArmErrors.InUse(id, referenced.ResourceId),
        AcceptOutcome.ReferenceGone => ArmErrors.LinkedResourceGone(),
        AcceptOutcome.ParentGone => ArmErrors.ResourceGroupNotFound(id.ResourceGroup ?? ""),
        _ => ArmErrors.ChangedMeanwhile(id),
    };

    private static string? DeleteParametersOf(HttpContext http) =>
        bool.TryParse(http.Request.Query["forceDeletion"], out var force) && force ? Json.Write(new DeleteParameters { ForceDeletion = true }) : null;

    private static void Accept(HttpContext http, ResourceId id, NewOperation operation)
    {
        http.Response.StatusCode = StatusCodes.Status202Accepted;
        OperationUrls.Watch(http, id, operation.Location, operation.Id, withLocation: true);
    }

    private static NewOperation NewOperation(RegisteredType type, string request, string location) =>
        new(Guid.CreateVersion7(), request, location, type.TimeLimit(request), TraceParent: Activity.Current?.Id);

    private static ResourceId Id(HttpContext http, RegisteredType type)
    {
        var values = http.Request.RouteValues;
        var (subscription, name) = ((string)values["subscription"]!, (string)values["name"]!);
        if (!ResourceEnvelope.IsName(name))
            throw ArmErrors.InvalidName(name);
        if (type.Type == ResourceType.ResourceGroup)
            return ResourceId.Group(subscription, name);
        var parents = Enumerable.Range(0, type.Type.Segments.Count - 1).Select(at => (string)values[$"parent{at}"]!);
        return ResourceId.Create(subscription, (string)values["resourceGroup"]!, type.Type, [.. parents, name]);
    }
}
