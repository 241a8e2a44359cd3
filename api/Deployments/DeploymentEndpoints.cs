using System.Diagnostics;
using System.Text.Json;
using ControlPlane.Admission.Deployments;
using ControlPlane.Api.Arm;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Deployments;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Deployments;

/// <summary>The doors of deployments beyond the generic verbs (Microsoft.Resources/deployments).</summary>
internal sealed class DeploymentEndpoints(DeploymentWrites deployments, Preflight preflight, WhatIf whatIf, ResourceLookup lookup, SecretBox secrets, NpgsqlDataSource source, OperationHints hints)
{
    private static RegisteredType Type => ResourceTypes.Find(Deployment.Type);

    public static void Map(IEndpointRouteBuilder app)
    {
        var doors = ActivatorUtilities.CreateInstance<DeploymentEndpoints>(app.ServiceProvider);
        foreach (var (scope, suffix) in (IEnumerable<(string, string)>)[("/subscriptions/{subscription}", "AtSubscriptionScope"), ("/subscriptions/{subscription}/resourceGroups/{resourceGroup}", "")])
        {
            var routes = new DeploymentRoutes(suffix);
            var one = $"{scope}/providers/Microsoft.Resources/deployments/{{name}}";
            app.MapArm(HttpMethod.Put, one, routes.Put, doors.PutAsync);
            app.MapArm(HttpMethod.Post, $"{one}/validate", routes.Validate, doors.ValidateAsync);
            app.MapArm(HttpMethod.Post, $"{one}/whatIf", routes.WhatIf, doors.WhatIfAsync);
            app.MapArm(HttpMethod.Post, $"{one}/cancel", routes.Cancel, doors.CancelAsync);
            app.MapArm(HttpMethod.Post, $"{one}/exportTemplate", routes.Export, doors.ExportAsync);
            DeploymentOperationEndpoints.Map(app, scope, routes, suffix);
        }

        app.MapArm(HttpMethod.Post, "/providers/Microsoft.Resources/calculateTemplateHash", DeploymentRoutes.Hash, HashAsync);
    }

    private async Task PutAsync(HttpContext http)
    {
        var (id, request, plan) = await PlanAsync(http);
        await preflight.DemandAsync(plan, http.Grants(), http.Caller(), http.RequestAborted);
        var write = new WriteRequest(id, Type, http.Caller(), http.Grants()) { Preconditions = http.Preconditions(), TraceParent = Activity.Current?.Id };
        var written = await deployments.PutAsync(write, plan, request.Tags, http.RequestAborted);
        hints.Due();
        OperationUrls.Watch(http, id, written.Operation!.Location, written.Operation.Id, withLocation: false);
        await http.Response.WriteResourceAsync(written.Created ? StatusCodes.Status201Created : StatusCodes.Status200OK, written.Row!, http.RequestAborted);
    }

    private async Task ValidateAsync(HttpContext http)
    {
        var (id, _, plan) = await PlanAsync(http);
        await preflight.DemandAsync(plan, http.Grants(), http.Caller(), http.RequestAborted);
        await AnswerAsync(http, new
        {
            id = id.Text,
            name = id.Name,
            type = Deployment.Type.ToString(),
            location = id.ResourceGroup is null ? plan.Content.Context.Location : null,
            properties = new
            {
                mode = plan.Content.Context.Mode,
                templateHash = DeploymentWrites.Hash(plan.Content.Template),
                parameters = plan.ShownParameters,
                correlationId = http.Caller().CorrelationId,
                timestamp = plan.Content.Context.Now,
                duration = "PT0S",
                provisioningState = "Succeeded",
                providers = plan.Providers,
                dependencies = plan.Dependencies,
                validatedResources = plan.DeployedAtAnyDepth.Select(resource => new DeployedResource(resource.Id.Text)),
            },
        });
    }

    private async Task WhatIfAsync(HttpContext http)
    {
        var (_, request, plan) = await PlanAsync(http);
        var changes = await whatIf.ChangesAsync(plan, request.IdsOnly, http.Grants(), http.Caller(), http.RequestAborted);
        await AnswerAsync(http, new WhatIfResult("Succeeded", new(changes)));
    }

    private async Task CancelAsync(HttpContext http)
    {
        var id = await ExistingAsync(http);
        await using var command = Sql.Command(source, """
            update operations set cancel_requested_at = coalesce(cancel_requested_at, now()), due_at = least(due_at, now()) where resource_key = $1 and request = 'put' and ended_at is null returning id
            """, id.Key);
        if (await command.ExecuteScalarAsync(http.RequestAborted) is not Guid operation)
            throw new ArmException(409, new("DeploymentCannotBeCancelled", $"The deployment '{id.Name}' is not running, so there is nothing to cancel."));
        hints.Interrupted(operation);
        http.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task ExportAsync(HttpContext http)
    {
        var id = await ExistingAsync(http);
        await using var command = Sql.Command(source, "select ciphertext, wrapped_key, key_version from secrets where resource_key = $1 and path = 'content'", id.Key);
        await using var reader = await command.ExecuteReaderAsync(http.RequestAborted);
        if (!await reader.ReadAsync(http.RequestAborted))
            throw ArmErrors.ResourceNotFound(id);
        var content = DeploymentContent.Parse(secrets.Open($"{id.Key}#content", new(reader.GetFieldValue<byte[]>(0), reader.GetFieldValue<byte[]>(1), reader.GetString(2))));
        await AnswerAsync(http, new ExportedTemplate(TemplateValue.ToElement(content.Template)));
    }

    private static async Task HashAsync(HttpContext http)
    {
        ApiVersion.Require(http, Type);
        var (text, isYaml) = await DeploymentBody.TextAsync(http.Request, http.RequestAborted);
        var template = DeploymentRequest.Document(text, isYaml, new()) as TemplateObject ?? throw ArmErrors.NotJson("the body must be a template.");
        await AnswerAsync(http, new TemplateHashResult(TemplateValue.ToJson(template), DeploymentWrites.Hash(template)));
    }

    private async Task<(ResourceId Id, DeploymentRequest Request, DeploymentPlan Plan)> PlanAsync(HttpContext http)
    {
        ApiVersion.Require(http, Type);
        var id = IdOf(http);
        if (Type.WrongName(id.Name) is { } wrong)
            throw ArmErrors.InvalidName(id.Name, wrong);
        var request = await DeploymentBody.ReadAsync(http.Request, http.RequestAborted);
        return (id, request, await deployments.PlanAsync(id, request, http.Principal().Groups, http.RequestAborted));
    }

    private async Task<ResourceId> ExistingAsync(HttpContext http)
    {
        ApiVersion.Require(http, Type);
        var id = IdOf(http);
        return await source.FindResourceAsync(id.Key, http.RequestAborted) is null ? throw await lookup.MissingAsync(id, http.RequestAborted) : id;
    }

    /// <summary>The deployment that the route's values name.</summary>
    public static ResourceId IdOf(HttpContext http)
    {
        var (values, name) = (http.Request.RouteValues, (string)http.Request.RouteValues["name"]!);
        return ResourceEnvelope.IsName(name) ? ResourceId.Create((string)values["subscription"]!, values["resourceGroup"] as string, Deployment.Type, [name]) : throw ArmErrors.InvalidName(name);
    }

    private static Task AnswerAsync<T>(HttpContext http, T answer)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(http.Response.Body, answer, Json.Options, http.RequestAborted);
    }
}
