using System.Globalization;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ControlPlane.Api.Arm;

/// <summary>The contract as documents, made from the endpoints themselves: OpenAPI 3 as a whole, Swagger 2.0 for each namespace as ARM's own tools read it.</summary>
internal static class OpenApi
{
    public static IServiceCollection AddOpenApiDocument(this IServiceCollection services)
    {
        // The document shows JSON as the front door writes it.
        services.AddSingleton<ISerializerDataContractResolver>(new JsonSerializerDataContractResolver(Json.Options));
        services.AddEndpointsApiExplorer();
        services.AddSingleton<ApiDocuments>();
        return services.AddSwaggerGen(swagger =>
        {
            swagger.CustomSchemaIds(OpenApiSchemas.NameOf);
            swagger.IncludeXmlComments(typeof(ResourceId).Assembly);
            swagger.IncludeXmlComments(typeof(OpenApi).Assembly);
            swagger.SupportNonNullableReferenceTypes();
            swagger.NonNullableReferenceTypesAsRequired();
            swagger.SchemaFilter<WireSchemas>();
        });
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        var route = new ArmRoute("", Action: null, "A document of the contract, for whoever is signed in.");
        app.MapArm(HttpMethod.Get, "/openapi.yaml", route, async http =>
        {
            using var text = new StringWriter(CultureInfo.InvariantCulture);
            Documents(http).Whole().SerializeAsV3(new OpenApiYamlWriter(text));
            http.Response.ContentType = "application/yaml; charset=utf-8";
            await http.Response.WriteAsync(text.ToString(), http.RequestAborted);
        });
        app.MapArm(HttpMethod.Get, "/swagger", route, http => http.Response.WriteAsJsonAsync(Documents(http).Namespaces.Append(Swagger.Common), http.RequestAborted));
        app.MapArm(HttpMethod.Get, "/swagger/{provider}.json", route, http =>
        {
            var name = (string)http.Request.RouteValues["provider"]!;
            var document = name == Swagger.Common ? Documents(http).Common() : Documents(http).Namespaces.FirstOrDefault(known => known.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } provider
                ? Documents(http).Of(provider) : throw ArmErrors.NamespaceNotFound(name);
            http.Response.ContentType = "application/json; charset=utf-8";
            return http.Response.WriteAsync(document.ToJsonString(Swagger.Indented) + "\n", http.RequestAborted);
        });
    }

    private static ApiDocuments Documents(HttpContext http) => http.RequestServices.GetRequiredService<ApiDocuments>();
}

/// <summary>Makes the documents. The routes are read when one is asked for, because endpoints are mapped after services are made.</summary>
internal sealed class ApiDocuments(EndpointDataSource endpoints, ISchemaGenerator generator)
{
    /// <summary>Every namespace, in order; one without routes of its own has those that are served for all.</summary>
    public IReadOnlyList<string> Namespaces => [.. Routes.Where(route => route.IsArm).Select(route => route.Provider).Concat(ProviderEndpoints.Namespaces).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    private IReadOnlyList<DocumentedRoute> Routes => DocumentedRoute.All(endpoints);

    /// <summary>All of it, in OpenAPI 3.</summary>
    public OpenApiDocument Whole() => Make("ControlPlane", Routes);

    /// <summary>One namespace, in Swagger 2.0.</summary>
    public JsonObject Of(string provider) => Swagger.Of(Make(provider, DocumentedRoute.Of(Routes, provider, Namespaces)));

    /// <summary>What the Swagger documents share, in the place where ARM's have it.</summary>
    public JsonObject Common() => Swagger.CommonTypes(Make(Swagger.Common, Routes));

    private OpenApiDocument Make(string title, IReadOnlyList<DocumentedRoute> routes)
    {
        var document = new OpenApiDocument
        {
            Info = new()
            {
                Title = title,
                Version = ApiVersions.Own[0],
                Description = "A self-hosted control plane for bare metal, clusters, Ray and model serving, shaped like Azure Resource Manager.",
                License = new() { Name = "Apache-2.0" },
            },
            Paths = [],
            Components = new()
            {
                SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
                {
                    ["oauth2"] = new OpenApiSecurityScheme
                    {
                        Type = SecuritySchemeType.OAuth2,
                        Description = "Client credentials at the built-in token service.",
                        Flows = new() { ClientCredentials = new() { TokenUrl = new("/adfs/oauth2/token", UriKind.Relative), Scopes = new Dictionary<string, string>(StringComparer.Ordinal) { [".default"] = "everything the principal may do" } } },
                    },
                },
            },
        };
        document.Security = [new() { [new OpenApiSecuritySchemeReference("oauth2", document)] = [] }];
        var schemas = new OpenApiSchemas(generator, document);
        var operations = new OpenApiOperations(document, schemas);
        foreach (var route in routes)
            operations.Add(route);
        schemas.Complete();
        OpenApiExamples.Add(document);
        return document;
    }
}
