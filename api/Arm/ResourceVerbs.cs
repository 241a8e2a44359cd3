using System.Diagnostics;
using ControlPlane.Admission.Authorization;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Arm;

/// <summary>The ARM verbs over HTTP, once for every resource type: what is asked, by whom, under which conditions; then the answer and where to watch it.</summary>
internal sealed class ResourceVerbs(NpgsqlDataSource source, ResourceLookup lookup, ResourceWrites writes, OperationHints hints)
{
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
                if (!type.HasOwnDoor)
                {
                    app.MapArm(HttpMethod.Put, template, routes.Put, http => verbs.PutAsync(http, type));
                    app.MapArm(HttpMethod.Patch, template, routes.Patch, http => verbs.PatchAsync(http, type));
                }

                app.MapArm(HttpMethod.Delete, template, routes.Delete, http => verbs.DeleteAsync(http, type));
                foreach (var action in type.Actions)
                    app.MapArm(HttpMethod.Post, $"{template}/{action.Name}", routes.Act(action), http => verbs.ActAsync(http, type, action));
                if (!type.IsExtension)
                    app.MapMethods(template + "/{action}", [HttpMethods.Post], http => throw UnknownAction(http, type)).WithMetadata(ResourceRoutes.Unknown);
                app.MapArm(HttpMethod.Get, template[..template.LastIndexOf('/')], routes.List(template), http => verbs.ListAsync(http, type));
            }

            if (type.Type != ResourceType.ResourceGroup && type.Type.Segments.Count == 1 && !type.Scopes.HasFlag(ResourceScopes.Subscription) && type.Scopes != ResourceScopes.Tenant)
                app.MapArm(HttpMethod.Get, $"/subscriptions/{{subscription}}/providers/{type.Type}", routes.ListBySubscription, http => verbs.ListAsync(http, type));
        }

        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/resources", ResourceRoutes.ListAll("Resources_List"), http => verbs.ListAsync(http, type: null));
        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/resourceGroups/{resourceGroup}/resources", ResourceRoutes.ListAll("Resources_ListByResourceGroup"), http => verbs.ListAsync(http, type: null));
    }

    private static ArmException UnknownAction(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        return ArmErrors.ActionNotFound(type.Type, (string)http.Request.RouteValues["action"]!, type.Actions.Select(action => action.Name));
    }

    private async Task GetAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        var id = Id(http, http.Request.Path);
        var row = type.BuiltIn(id.Name) ?? await source.FindResourceAsync(id.Key, http.RequestAborted) ?? throw await lookup.MissingAsync(id, http.RequestAborted);
        if (http.Preconditions().NotModified(row))
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            http.Response.Headers.ETag = Preconditions.Etag(row.Version);
            return;
        }

        await http.Response.WriteResourceAsync(StatusCodes.Status200OK, row, http.RequestAborted);
    }

    private async Task HeadAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        var row = await source.FindResourceAsync(Id(http, http.Request.Path).Key, http.RequestAborted);
        http.Response.StatusCode = row is null ? StatusCodes.Status404NotFound : StatusCodes.Status204NoContent;
        if (row is not null)
            http.Response.Headers.ETag = Preconditions.Etag(row.Version);
    }

    private async Task ListAsync(HttpContext http, RegisteredType? type)
    {
        ApiVersion.Require(http, type);
        // The scope is what stands before the collection's own segments.
        var path = http.Request.Path.Value!;
        var length = type is null ? "/resources".Length : type.Type == ResourceType.ResourceGroup ? "/resourceGroups".Length : $"/providers/{type.Type.Provider}/{type.Type.Segments[0]}".Length;
        var within = type is { Type.Segments.Count: > 1 } ? Id(http, $"{path}/x").Parent : path.Length == length ? null : Id(http, path[..^length]);
        if (within is not null && await source.FindResourceAsync(within.Key, http.RequestAborted) is null)
            throw await lookup.MissingAsync(within, http.RequestAborted);
        var page = ListQuery.Parse(http.Request.Query, within, type);
        if (page is null)
        {
            await http.Response.WritePageAsync([], nextLink: null, http.RequestAborted);
            return;
        }

        var types = type is null ? ResourceTypes.All.Where(one => one.IsTracked && one.Type != ResourceType.ResourceGroup).ToList() : [type];
        page = page with { Readable = http.Grants().Readable(types.Select(one => (one.Type.ToString(), $"{one.Permissions}/read")), within?.Key ?? Grants.Everywhere) };
        var rows = await source.ListResourcesAsync(page, http.RequestAborted);
        var shown = type is not null && page.After is null ? [.. ListQuery.BuiltIns(type, page), .. rows] : rows;
        await http.Response.WritePageAsync(shown, ListQuery.NextLink(http, rows, page.Size), http.RequestAborted);
    }

    private async Task PutAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        var written = await writes.PutAsync(Request(http, type, http.Request.Path), body.RootElement, http.RequestAborted);
        if (written.Operation is { } operation)
        {
            hints.Due();
            OperationUrls.Watch(http, written.Row!.ResourceId, operation.Location, operation.Id, withLocation: false);
        }

        await http.Response.WriteResourceAsync(written.Created || type.AlwaysAnswersCreated ? StatusCodes.Status201Created : StatusCodes.Status200OK, written.Row!, http.RequestAborted);
    }

    private async Task PatchAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        var written = await writes.PatchAsync(Request(http, type, http.Request.Path), body.RootElement, http.RequestAborted);
        if (written.Operation is { } operation)
            Accept(http, written.Row!.ResourceId, operation);
        else
            await http.Response.WriteResourceAsync(StatusCodes.Status200OK, written.Row!, http.RequestAborted);
    }

    private async Task DeleteAsync(HttpContext http, RegisteredType type)
    {
        ApiVersion.Require(http, type);
        var written = await writes.DeleteAsync(Request(http, type, http.Request.Path), DeleteParametersOf(http), http.RequestAborted);
        if (written.Superseded is { } superseded)
            hints.Interrupted(superseded);
        if (written.Operation is { } operation)
            Accept(http, written.Row!.ResourceId, operation);
        else if (written.Row is null)
            http.Response.StatusCode = StatusCodes.Status204NoContent;
        else
            await http.Response.WriteResourceAsync(StatusCodes.Status200OK, written.Row, http.RequestAborted);
    }

    private async Task ActAsync(HttpContext http, RegisteredType type, ResourceAction action)
    {
        ApiVersion.Require(http, type);
        using var body = await RequestBody.ReadOptionalObjectAsync(http.Request, http.RequestAborted);
        var path = http.Request.Path.Value!;
        var request = Request(http, type, path[..path.LastIndexOf('/')]);
        var written = await writes.ActAsync(request, action, body?.RootElement, http.RequestAborted);
        Accept(http, request.Id, written.Operation!);
    }

    private void Accept(HttpContext http, ResourceId id, NewOperation operation)
    {
        hints.Due();
        http.Response.StatusCode = StatusCodes.Status202Accepted;
        OperationUrls.Watch(http, id, operation.Location, operation.Id, withLocation: true);
    }

    private static WriteRequest Request(HttpContext http, RegisteredType type, PathString path) => new(Id(http, path), type, http.Caller(), http.Grants())
    {
        Preconditions = http.Preconditions(),
        ApiVersion = http.Request.Query["api-version"],
        TraceParent = Activity.Current?.Id,
        ClientRequestId = http.Request.Headers["x-ms-client-request-id"].ToString() is { Length: > 0 and <= 128 } id ? id : null,
    };

    private static DeleteParameters DeleteParametersOf(HttpContext http) => new() { ForceDeletion = bool.TryParse(http.Request.Query["forceDeletion"], out var force) && force };

    /// <summary>The resource that a path names; its route has matched, so it names one.</summary>
    private static ResourceId Id(HttpContext http, PathString path) =>
        ResourceId.TryParse(path.Value, out var id) ? ResourceEnvelope.IsName(id.Name) ? id : throw ArmErrors.InvalidName(id.Name) : throw ArmErrors.RouteNotFound(http.Request.Path);
}
