using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using Microsoft.OpenApi;

namespace ControlPlane.Api.Arm;

/// <summary>The paths of one resource type.</summary>
internal sealed class TypeDocument(OpenApiDocument document, Schemas schemas, RegisteredType type)
{
    private readonly string name = Schemas.NameOf(type);
    private readonly IOpenApiSchema resource = schemas.Resource(type);
    private readonly string template = type.Templates([]).First();

    public void AddPaths()
    {
        Add(template, HttpMethod.Get, "Get", "Read one.", (200, "The resource.", resource));
        var put = Add(template, HttpMethod.Put, "CreateOrUpdate", "Create, or replace: what is left out returns to its default.", (200, "Replaced.", resource), (201, "Created.", resource));
        put.RequestBody = OpenApiParts.Body(resource);
        Long(put, !type.CompletesOnWrite, "azure-async-operation");
        var patch = Add(template, HttpMethod.Patch, "Update", "Merge patch of properties (RFC 7396); tags replaces all tags.", (200, "Done.", resource), (202, "Accepted.", null));
        patch.RequestBody = OpenApiParts.Body(schemas.Named($"{name}Patch", () => new()
        {
            Type = JsonSchemaType.Object,
            Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
            {
                ["tags"] = new OpenApiSchema { Type = JsonSchemaType.Object, AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.String } },
                ["properties"] = new OpenApiSchema { Type = JsonSchemaType.Object, AdditionalPropertiesAllowed = true },
            },
        }));
        Long(patch, !type.CompletesOnWrite, "location");
        Long(Add(template, HttpMethod.Delete, "Delete", "Delete; forceDeletion=true forgets it without touching the outside world.", (202, "Accepted.", null), (204, "There is none.", null)), true, "location");
        Add(template, HttpMethod.Head, "CheckExistence", "Whether it exists.", (204, "It does.", null), (404, "It does not.", null));

        var list = template[..template.LastIndexOf('/')];
        AddList(list, type.Type == ResourceType.ResourceGroup ? "List" : "ListByResourceGroup");
        if (type.Type != ResourceType.ResourceGroup)
            AddList($"/subscriptions/{{subscription}}/providers/{type.Type}", "ListBySubscription");
        foreach (var action in type.Actions)
        {
            var post = Add($"{template}/{action.Name}", HttpMethod.Post, char.ToUpperInvariant(action.Name[0]) + action.Name[1..], action.Description, (202, "Accepted.", null));
            if (action.Body is not null)
                post.RequestBody = OpenApiParts.Body(schemas.Of(action.Body), required: false);
            Long(post, true, "location");
        }
    }

    private void AddList(string path, string verb)
    {
        var page = schemas.Named($"{name}ListResult", () => new()
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string>(["value"], StringComparer.Ordinal),
            Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
            {
                ["value"] = new OpenApiSchema { Type = JsonSchemaType.Array, Items = resource },
                ["nextLink"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uri", Description = "The next page, absent at the end." },
            },
        });
        var list = Add(path, HttpMethod.Get, verb, "List, a page at a time.", (200, "A page.", page));
        list.Parameters!.Add(OpenApiParts.Query("$top", "Items per page, 1 to 1000."));
        list.Parameters.Add(OpenApiParts.Query("$filter", "location, name, tagName and tagValue with eq, substringof('text', name); joined by and."));
        list.AddExtension("x-ms-pageable", new JsonNodeExtension(new JsonObject { ["nextLinkName"] = "nextLink" }));
    }

    private OpenApiOperation Add(string path, HttpMethod method, string verb, string summary, params (int Status, string Text, IOpenApiSchema? Body)[] answers) =>
        OpenApiParts.Add(document, schemas, path, method, $"{name}s_{verb}", type.Type.Provider, summary, answers);

    private static void Long(OpenApiOperation operation, bool isLong, string finalStateVia)
    {
        if (!isLong)
            return;
        operation.AddExtension("x-ms-long-running-operation", new JsonNodeExtension(JsonValue.Create(true)));
        operation.AddExtension("x-ms-long-running-operation-options", new JsonNodeExtension(new JsonObject { ["final-state-via"] = finalStateVia }));
    }
}

/// <summary>Watching and cancelling operations.</summary>
internal static class OperationDocument
{
    public static void AddPaths(OpenApiDocument document, Schemas schemas)
    {
        const string scope = "/subscriptions/{subscription}/providers/{provider}/locations/{location}";
        OpenApiParts.Add(document, schemas, scope + "/operationStatuses/{id}", HttpMethod.Get, "Operations_Status", "Operations", "How far an operation is.", (200, "Its state.", schemas.Of(typeof(OperationStatus))));
        OpenApiParts.Add(document, schemas, scope + "/operationResults/{id}", HttpMethod.Get, "Operations_Result", "Operations", "What the request would have answered had it been synchronous.",
            (200, "The result.", null), (202, "Not yet.", null), (204, "Done, without a result.", null));
        OpenApiParts.Add(document, schemas, scope + "/operationStatuses/{id}/cancel", HttpMethod.Post, "Operations_Cancel", "Operations", "Ask for an operation to end as Canceled.", (202, "Asked.", null));
    }
}

/// <summary>The pieces that every path is made of.</summary>
internal static class OpenApiParts
{
    public static OpenApiOperation Add(
        OpenApiDocument document, Schemas schemas, string path, HttpMethod method, string id, string tag, string summary, params (int Status, string Text, IOpenApiSchema? Body)[] answers)
    {
        if (!document.Paths.TryGetValue(path, out var item))
            document.Paths[path] = item = new OpenApiPathItem();
        var operation = new OpenApiOperation
        {
            OperationId = id,
            Summary = summary,
            Tags = new HashSet<OpenApiTagReference> { new(tag, document) },
            Parameters = [.. path.Split('/').Where(part => part.StartsWith('{')).Select(part => (IOpenApiParameter)new OpenApiParameter
            {
                Name = part.Trim('{', '}'), In = ParameterLocation.Path, Required = true, Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            }), Query("api-version", "The version of the API, such as 2026-06-01.", required: true)],
            Responses = [],
        };
        foreach (var (status, text, body) in answers)
            operation.Responses[status.ToString()] = new OpenApiResponse { Description = text, Content = Content(body) };
        operation.Responses["default"] = new OpenApiResponse { Description = "An ARM error.", Content = Content(schemas.Of(typeof(ErrorResponse))) };
        ((OpenApiPathItem)item).AddOperation(method, operation);
        return operation;
    }

    public static OpenApiRequestBody Body(IOpenApiSchema schema, bool required = true) => new() { Required = required, Content = Content(schema) };

    public static OpenApiParameter Query(string name, string description, bool required = false) =>
        new() { Name = name, In = ParameterLocation.Query, Required = required, Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };

    private static Dictionary<string, IOpenApiMediaType>? Content(IOpenApiSchema? schema) =>
        schema is null ? null : new(StringComparer.Ordinal) { ["application/json"] = new OpenApiMediaType { Schema = schema } };
}
