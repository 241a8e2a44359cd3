using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace ControlPlane.Api.Arm;

/// <summary>Writes what an <see cref="ArmRoute"/> says into a document.</summary>
internal sealed class OpenApiOperations(OpenApiDocument document, OpenApiSchemas schemas)
{
    /// <summary>The shape of a resource's name, as the front door checks it.</summary>
    private const string NamePattern = @"^[^<>%&:\\?/]{0,259}[^<>%&:\\?/. ]$";

    public void Add(DocumentedRoute route)
    {
        var arm = route.Arm;
        if (!document.Paths.TryGetValue(route.Path, out var item))
            document.Paths[route.Path] = item = new OpenApiPathItem();
        var operation = new OpenApiOperation
        {
            OperationId = arm.OperationId,
            Summary = arm.Summary,
            Description = arm.Action is { } action ? $"{arm.Summary} Needs {action}." : arm.Summary,
            Tags = new HashSet<OpenApiTagReference> { new(arm.OperationId.Split('_')[0], document) },
            Parameters = [.. route.Parameters.Select(Path), .. route.IsArm ? [ApiVersion()] : Array.Empty<IOpenApiParameter>(), .. arm.Query.Select(Query)],
            RequestBody = arm.Body is null ? null : new OpenApiRequestBody { Required = IsRequired(route.Method), Description = "The request's body.", Content = Content(arm.Body) },
            Responses = [],
        };
        (document.Tags ??= new HashSet<OpenApiTag>()).Add(new() { Name = arm.OperationId.Split('_')[0] });
        foreach (var answer in arm.Answers)
            operation.Responses[$"{answer.Status}"] = new OpenApiResponse { Description = answer.Description, Content = answer.Body is null ? null : Content(answer.Body), Headers = Headers(route, answer.Status) };
        operation.Responses["default"] = new OpenApiResponse { Description = "An ARM error.", Content = Content(typeof(Contracts.Arm.ErrorResponse)) };
        if (arm.FinalStateVia is { } end)
        {
            operation.With("x-ms-long-running-operation", JsonValue.Create(true));
            operation.With("x-ms-long-running-operation-options", new JsonObject { ["final-state-via"] = end });
        }

        if (arm.IsPaged)
            operation.With("x-ms-pageable", new JsonObject { ["nextLinkName"] = "nextLink" });
        ((OpenApiPathItem)item).AddOperation(route.Method, operation);
    }

    private OpenApiParameterReference ApiVersion() => Shared("ApiVersionParameter", () => Query(new("api-version", "The version of the API, such as 2026-06-01.", IsRequired: true)));

    private static bool IsRequired(HttpMethod method) => method != HttpMethod.Post;

    private Dictionary<string, IOpenApiMediaType> Content(Type type) => new(StringComparer.Ordinal) { ["application/json"] = new OpenApiMediaType { Schema = schemas.Of(type) } };

    /// <summary>The headers by which a client follows what was accepted.</summary>
    private static Dictionary<string, IOpenApiHeader>? Headers(DocumentedRoute route, int status)
    {
        if (status != 202 && (route.Arm.FinalStateVia is null || route.Method != HttpMethod.Put))
            return null;
        var headers = new Dictionary<string, IOpenApiHeader>(StringComparer.Ordinal)
        {
            ["Azure-AsyncOperation"] = Header(JsonSchemaType.String, "Where the operation is watched."),
            ["Retry-After"] = Header(JsonSchemaType.Integer, "Seconds to wait before asking again."),
        };
        if (status == 202)
            headers["Location"] = Header(JsonSchemaType.String, "Where the result will be.");
        return headers;
    }

    private static OpenApiHeader Header(JsonSchemaType type, string description) => new() { Description = description, Schema = new OpenApiSchema { Type = type } };

    private IOpenApiParameter Path(string name) => name switch
    {
        "subscriptionId" => Shared("SubscriptionIdParameter", () => PathParameter(name, "The subscription's id.", "11111111-2222-3333-4444-555555555555")),
        "resourceGroupName" => Shared("ResourceGroupNameParameter", () => PathParameter(name, "The resource group's name.", "demo", NamePattern)),
        "scope" => Shared("ScopeParameter", () => PathParameter(name, "The id of what it is said of: a subscription, a resource group, or a resource.", "subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/demo").With("x-ms-skip-url-encoding", JsonValue.Create(true))),
        "location" => Shared("LocationParameter", () => PathParameter(name, "A location's name.", "westeurope")),
        "operationId" => Shared("OperationIdParameter", () => PathParameter(name, "The operation's id.", "0197a3b2-0f4e-7c3a-9d0e-2b8f0e3a9c11")),
        "resourceProviderNamespace" => Shared("ResourceProviderNamespaceParameter", () => PathParameter(name, "A namespace.", "ControlPlane.BareMetal")),
        _ when name.EndsWith("Name", StringComparison.Ordinal) => PathParameter(name, $"The name of the {name[..^4]}.", $"{name[..^4].ToLowerInvariant()}1", NamePattern),
        _ => PathParameter(name, $"The {name}.", name == "family" ? "general" : $"{name}1"),
    };

    private OpenApiParameterReference Shared(string name, Func<OpenApiParameter> make)
    {
        var parameters = document.Components!.Parameters ??= new Dictionary<string, IOpenApiParameter>(StringComparer.Ordinal);
        if (!parameters.ContainsKey(name))
            parameters[name] = make().With("x-ms-parameter-location", JsonValue.Create(name is "ApiVersionParameter" or "SubscriptionIdParameter" ? "client" : "method"));
        return new(name, document);
    }

    private static OpenApiParameter PathParameter(string name, string description, string example, string? pattern = null) => new()
    {
        Name = name, In = ParameterLocation.Path, Required = true, Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String, Pattern = pattern, MinLength = 1 }, Example = example,
    };

    private OpenApiParameter Query(QueryParameter parameter) => new()
    {
        Name = parameter.Name, In = ParameterLocation.Query, Required = parameter.IsRequired, Description = parameter.Description, Schema = schemas.Of(parameter.Shape ?? typeof(string)),
        Example = parameter.Name == "api-version" ? Contracts.Arm.ApiVersions.Own[0] : null,
    };
}
