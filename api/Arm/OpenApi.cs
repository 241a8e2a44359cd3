using System.Globalization;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.Swagger;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ControlPlane.Api.Arm;

/// <summary>The OpenAPI document, derived from the same registry as the routes: <c>GET /openapi.yaml</c>.</summary>
internal static class OpenApi
{
    public const string DocumentName = "controlplane";

    public static IServiceCollection AddOpenApiDocument(this IServiceCollection services)
    {
        services.AddEndpointsApiExplorer();
        return services.AddSwaggerGen(swagger =>
        {
            swagger.SwaggerDoc(DocumentName, new()
            {
                Title = "ControlPlane",
                Version = ApiVersions.Own[0],
                Description = "A self-hosted control plane for bare metal, clusters, Ray and model serving, shaped like Azure Resource Manager.",
                License = new() { Name = "Apache-2.0", Identifier = "Apache-2.0" },
            });
            swagger.DocInclusionPredicate((_, _) => false);
            swagger.CustomSchemaIds(type => type.Name);
            swagger.IncludeXmlComments(typeof(ResourceId).Assembly);
            swagger.SupportNonNullableReferenceTypes();
            swagger.NonNullableReferenceTypesAsRequired();
            swagger.SchemaFilter<SecretProperties>();
            swagger.DocumentFilter<ArmDocument>();
        });
    }

    public static void Map(IEndpointRouteBuilder app) => app.MapArm(HttpMethod.Get, "/openapi.yaml", new("", Action: null, "This document."), async http =>
    {
        var document = await http.RequestServices.GetRequiredService<IAsyncSwaggerProvider>().GetSwaggerAsync(DocumentName);
        http.Response.ContentType = "application/yaml; charset=utf-8";
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        document.SerializeAsV3(new OpenApiYamlWriter(text));
        await http.Response.WriteAsync(text.ToString(), http.RequestAborted);
    });
}

/// <summary>Write-only properties are marked as such.</summary>
internal sealed class SecretProperties : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (context.MemberInfo?.IsDefined(typeof(SecretAttribute), inherit: true) is true && schema is OpenApiSchema secret)
        {
            secret.WriteOnly = true;
            secret.AddExtension("x-ms-secret", new JsonNodeExtension(JsonValue.Create(true)));
        }
    }
}

/// <summary>ARM's verbs for every registered type.</summary>
internal sealed class ArmDocument : IDocumentFilter
{
    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        swaggerDoc.Components ??= new();
        swaggerDoc.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            ["oauth2"] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.OAuth2,
                Description = "Client credentials at the built-in token service.",
                Flows = new() { ClientCredentials = new() { TokenUrl = new("/adfs/oauth2/token", UriKind.Relative), Scopes = new Dictionary<string, string>(StringComparer.Ordinal) { [".default"] = "everything the principal may do" } } },
            },
        };
        swaggerDoc.Security = [new() { [new OpenApiSecuritySchemeReference("oauth2", swaggerDoc)] = [] }];
        var schemas = new Schemas(swaggerDoc, context);
        foreach (var type in ResourceTypes.All)
            new TypeDocument(swaggerDoc, schemas, type).AddPaths();
        OperationDocument.AddPaths(swaggerDoc, schemas);
    }
}

/// <summary>The schemas of the document, each generated from its .NET type once.</summary>
internal sealed class Schemas(OpenApiDocument document, DocumentFilterContext context)
{
    public IOpenApiSchema Of(Type type) => context.SchemaGenerator.GenerateSchema(type, context.SchemaRepository);

    /// <summary>A schema under a name of its own, written by hand.</summary>
    public IOpenApiSchema Named(string name, Func<OpenApiSchema> make)
    {
        if (!context.SchemaRepository.Schemas.ContainsKey(name))
            context.SchemaRepository.AddDefinition(name, make());
        return new OpenApiSchemaReference(name, document);
    }

    public IOpenApiSchema Resource(RegisteredType type) => Named($"{NameOf(type)}Resource", () =>
    {
        var properties = new OpenApiSchema
        {
            AllOf = [Of(type.PropertiesType), Of(type.StatusType), new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
                {
                    ["provisioningState"] = new OpenApiSchema { Type = JsonSchemaType.String, ReadOnly = true, Enum = [.. Enum.GetNames<ProvisioningState>().Select(name => (JsonNode)JsonValue.Create(name))] },
                },
            }],
        };
        return new()
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string>(["location", "properties"], StringComparer.Ordinal),
            Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
            {
                ["id"] = ReadOnlyText("The resource's path."),
                ["name"] = ReadOnlyText("The last segment of the id."),
                ["type"] = ReadOnlyText($"{type.Type}"),
                ["location"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Where it is; cannot change." },
                ["tags"] = new OpenApiSchema { Type = JsonSchemaType.Object, AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 256 } },
                ["etag"] = ReadOnlyText("Changes with every change of the resource."),
                ["systemData"] = Of(typeof(SystemData)),
                ["properties"] = properties,
            },
        };
    });

    public static string NameOf(RegisteredType type) => type.PropertiesType.Name;

    private static OpenApiSchema ReadOnlyText(string description) => new() { Type = JsonSchemaType.String, ReadOnly = true, Description = description };
}
