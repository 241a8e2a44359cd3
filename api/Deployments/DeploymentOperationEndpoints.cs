using System.Text.Json;
using System.Xml;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Deployments;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Deployments;
using Npgsql;

namespace ControlPlane.Api.Deployments;

/// <summary>What a deployment did, resource by resource. Azure's clients ask for it without the provider's segment: <c>…/deployments/{name}/operations</c>.</summary>
internal static class DeploymentOperationEndpoints
{
    public static void Map(IEndpointRouteBuilder app, string scope, DeploymentRoutes routes, string suffix)
    {
        app.MapArm(HttpMethod.Get, $"{scope}/deployments/{{name}}/operations", routes.Operations, ListAsync);
        app.MapArm(HttpMethod.Get, $"{scope}/deployments/{{name}}/operations/{{operation}}", routes.Operation, GetAsync);
        var byProvider = new DeploymentRoutes($"ByProvider{suffix}");
        app.MapArm(HttpMethod.Get, $"{scope}/providers/Microsoft.Resources/deployments/{{name}}/operations", byProvider.Operations, ListAsync);
        app.MapArm(HttpMethod.Get, $"{scope}/providers/Microsoft.Resources/deployments/{{name}}/operations/{{operation}}", byProvider.Operation, GetAsync);
    }

    private static async Task ListAsync(HttpContext http)
    {
        var all = await ReadAsync(http);
        var shown = int.TryParse(http.Request.Query["$top"], out var top) && top > 0 ? all.Take(top) : all;
        await AnswerAsync(http, new Page<DeploymentOperation>([.. shown], NextLink: null));
    }

    private static async Task GetAsync(HttpContext http)
    {
        var wanted = (string)http.Request.RouteValues["operation"]!;
        await AnswerAsync(http, (await ReadAsync(http)).FirstOrDefault(one => one.OperationId.Equals(wanted, StringComparison.OrdinalIgnoreCase)) ?? throw ArmErrors.OperationNotFound(wanted));
    }

    private static async Task<List<DeploymentOperation>> ReadAsync(HttpContext http)
    {
        ApiVersion.Require(http, ResourceTypes.Find(Deployment.Type));
        var (id, source) = (DeploymentEndpoints.IdOf(http), http.RequestServices.GetRequiredService<NpgsqlDataSource>());
        var deployment = await source.FindResourceAsync(id.Key, http.RequestAborted) ?? throw await http.RequestServices.GetRequiredService<ResourceLookup>().MissingAsync(id, http.RequestAborted);
        var now = http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var rows = await source.ListDeploymentOperationsAsync(id.Key, http.RequestAborted);
        var operations = rows.Select(row => Shown(deployment.Id, row, now)).ToList();
        if (deployment.State is ProvisioningState.Succeeded && deployment.ReadStatus<DeploymentStatus>().Outputs is not null)
            operations.Add(Outputs(deployment));
        return operations;
    }

    private static DeploymentOperation Shown(string deployment, DeploymentOperationRow row, DateTimeOffset now)
    {
        var (state, target) = (row.State ?? "Running", ResourceId.Parse(row.ResourceId));
        return new($"{deployment}/operations/{row.Id}", row.Id.ToString(), new()
        {
            ProvisioningOperation = row.Request,
            ProvisioningState = state,
            Timestamp = row.EndedAt ?? row.StartedAt,
            Duration = XmlConvert.ToString((row.EndedAt ?? now) is var end && end > row.StartedAt ? end - row.StartedAt : TimeSpan.Zero),
            StatusCode = state switch { "Succeeded" => "OK", "Failed" => "Conflict", "Canceled" => "Conflict", _ => "Accepted" },
            StatusMessage = row.Error is { } error ? Json.Element(new ErrorResponse(Json.Read<ErrorBody>(error))) : null,
            TargetResource = new(row.ResourceId, target.Type.ToString(), target.Name),
        });
    }

    private static DeploymentOperation Outputs(ResourceRow deployment) => new($"{deployment.Id}/operations/outputs", "outputs", new()
    {
        ProvisioningOperation = "EvaluateDeploymentOutput", ProvisioningState = "Succeeded", Timestamp = deployment.ModifiedAt, Duration = "PT0S", StatusCode = "OK",
    });

    private static Task AnswerAsync<T>(HttpContext http, T answer)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(http.Response.Body, answer, Json.Options, http.RequestAborted);
    }
}
