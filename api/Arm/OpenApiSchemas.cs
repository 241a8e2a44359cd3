using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ControlPlane.Api.Arm;

/// <summary>The schemas of a document: those of records come from their .NET types, resources and patches are put together here.</summary>
internal sealed class OpenApiSchemas
{
    private readonly SchemaRepository repository = new();
    private readonly ISchemaGenerator generator;
    private readonly OpenApiDocument document;

    public OpenApiSchemas(ISchemaGenerator generator, OpenApiDocument document)
    {
        (this.generator, this.document) = (generator, document);
        // A type that stands nowhere has shapes of its own.
        var types = ResourceTypes.All.Where(type => type.Scopes != ResourceScopes.None).ToList();
        foreach (var shape in types.SelectMany(type => new[] { type.Shapes.Resource, type.Shapes.Patch }))
            repository.RegisterType(shape, NameOf(shape));
        foreach (var type in types)
        {
            repository.AddDefinition(NameOf(type.Shapes.Resource), Resource(type));
            repository.AddDefinition(NameOf(type.Shapes.Patch), Patch(type));
        }
    }

    /// <summary>A reference, or the schema itself where it has no name.</summary>
    public IOpenApiSchema Of(Type type) => type == typeof(JsonElement) ? AnyObject() : generator.GenerateSchema(type, repository) is OpenApiSchemaReference named ? Reference(named.Reference.Id!) : generator.GenerateSchema(type, repository);

    /// <summary>JSON whose members another document defines, such as a template.</summary>
    private OpenApiSchemaReference AnyObject()
    {
        if (!repository.Schemas.ContainsKey(nameof(AnyObject)))
            repository.AddDefinition(nameof(AnyObject), new() { Type = JsonSchemaType.Object, Description = "A JSON object of any members." });
        return Reference(nameof(AnyObject));
    }

    /// <summary>Puts those that the paths need into the document.</summary>
    public void Complete()
    {
        foreach (var schema in repository.Schemas.Values.OfType<OpenApiSchema>())
            Bind(schema);
        var needed = new SortedDictionary<string, IOpenApiSchema>(StringComparer.Ordinal);
        foreach (var content in document.Paths.Values.SelectMany(path => path.Operations ?? []).Select(pair => pair.Value)
            .SelectMany(operation => operation.Responses!.Values.Select(response => response.Content).Append(operation.RequestBody?.Content)).OfType<IDictionary<string, IOpenApiMediaType>>())
            Need(content["application/json"].Schema!, needed);
        document.Components!.Schemas = needed;
        document.RegisterComponents();
    }

    /// <summary>The name of a .NET type in the document.</summary>
    public static string NameOf(Type type)
    {
        if (type.IsGenericType)
        {
            var (open, inner) = (type.GetGenericTypeDefinition(), NameOf(type.GetGenericArguments()[0]));
            return open == typeof(ResourceOf<,>) ? type.GetGenericArguments()[0].Name
                : open == typeof(PatchOf<>) ? type.GetGenericArguments()[0].Name + "Update"
                : open == typeof(Page<>) ? inner + "ListResult"
                : open.Name[..open.Name.IndexOf('`', StringComparison.Ordinal)] + "Of" + inner;
        }

        return type == typeof(ErrorBody) ? "ErrorDetail"
            : type == typeof(ErrorInfo) ? "ErrorAdditionalInfo"
            : type == typeof(SystemData) ? "systemData"
            : ResourceTypes.All.Any(registered => registered.PropertiesType == type) ? type.Name + "Template"
            : Ambiguous.Contains(type.Name) ? (type.DeclaringType?.Name ?? type.Namespace![(type.Namespace!.LastIndexOf('.') + 1)..]) + type.Name
            : type.Name;
    }

    /// <summary>Names that several types have, or a type and a schema that is put together here.</summary>
    private static readonly HashSet<string> Ambiguous =
    [
        .. typeof(OpenApi).Assembly.GetTypes().Concat(typeof(ErrorBody).Assembly.GetTypes()).Except(ResourceTypes.All.Select(type => type.PropertiesType)).Select(type => type.Name)
            .Concat(ResourceTypes.All.Select(type => type.PropertiesType.Name).SelectMany(name => new[] { name, $"{name}Properties", $"{name}Update", $"{name}UpdateProperties" }))
            .GroupBy(name => name, StringComparer.Ordinal).Where(same => same.Count() > 1).Select(same => same.Key),
    ];

    /// <summary>Envelope, and in <c>properties</c> what is wanted, what is, and the provisioning state.</summary>
    private OpenApiSchema Resource(RegisteredType type)
    {
        var (wanted, status) = (Made(type.PropertiesType), Made(type.StatusType));
        var properties = new Dictionary<string, IOpenApiSchema>(wanted.Properties ?? new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal), StringComparer.Ordinal);
        foreach (var (name, schema) in status.Properties ?? new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal))
            properties.TryAdd(name, ReadOnly(schema));
        properties["provisioningState"] = ReadOnly(Of(typeof(ProvisioningState)));
        var name_ = type.PropertiesType.Name + "Properties";
        repository.AddDefinition(name_, new() { Type = JsonSchemaType.Object, Description = wanted.Description, Required = wanted.Required, Properties = properties });

        var resource = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = wanted.Description,
            Required = new HashSet<string>([.. type.IsTracked ? ["location"] : Array.Empty<string>(), .. wanted.Required is { Count: > 0 } ? ["properties"] : Array.Empty<string>()], StringComparer.Ordinal),
            Properties = new Dictionary<string, IOpenApiSchema>(Ignored(type), StringComparer.Ordinal)
            {
                ["id"] = ReadOnlyText("The resource's path."),
                ["name"] = ReadOnlyText("The last segment of the id."),
                ["type"] = ReadOnlyText($"{type.Type}"),
                ["etag"] = ReadOnlyText("Changes with every change of the resource."),
                ["systemData"] = Of(typeof(SystemData)),
                ["properties"] = Reference(name_),
            },
        };
        if (type.IsTracked)
        {
            resource.Properties["location"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Where it is; cannot change." }.Showing("westeurope").With("x-ms-mutability", new JsonArray("read", "create"));
            resource.Properties["tags"] = Tags();
        }
        else if (type.HasOwnDoor)
        {
            // A deployment has them where it is not in a group, which has its own.
            resource.Properties["location"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "Where it is kept, at the scope of a subscription." }.Showing("westeurope").With("x-ms-mutability", new JsonArray("read", "create"));
            resource.Properties["tags"] = Tags();
        }

        return resource.With("x-ms-azure-resource", JsonValue.Create(true));
    }

    private OpenApiSchema Patch(RegisteredType type)
    {
        var properties = type.PropertiesType.Name + "UpdateProperties";
        repository.AddDefinition(properties, Optional(Made(type.PropertiesType)));
        var patch = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = $"What changes of a resource (RFC 7396): what is null returns to its default.",
            Properties = new Dictionary<string, IOpenApiSchema>(Ignored(type), StringComparer.Ordinal) { ["properties"] = Reference(properties) },
        };
        if (type.IsTracked)
            patch.Properties["tags"] = Tags();
        return patch;
    }

    /// <summary>Members that Azure's clients send.</summary>
    private static Dictionary<string, IOpenApiSchema> Ignored(RegisteredType type) => type.IgnoredMembers.ToDictionary(name => name, IOpenApiSchema (_) =>
        new OpenApiSchema { Type = JsonSchemaType.Object, Description = "What Azure's clients send; it means nothing here, and is neither kept nor shown." }.With("x-ms-mutability", new JsonArray("create", "update")), StringComparer.Ordinal);

    /// <summary>The same schema for a merge patch: nothing is required, nothing has a default, all may be null.</summary>
    private OpenApiSchema Optional(OpenApiSchema schema)
    {
        var optional = Copy(schema);
        (optional.Required, optional.Properties) = (null, new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal));
        foreach (var (name, property) in schema.Properties ?? new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal))
            optional.Properties[name] = property is OpenApiSchemaReference named ? new OpenApiSchema { AllOf = [OptionalReference(named.Reference.Id!)] } : OptionalValue((OpenApiSchema)property);
        return optional;
    }

    private OpenApiSchemaReference OptionalReference(string name)
    {
        if (repository.Schemas[name] is not OpenApiSchema { Properties.Count: > 0 } full)
            return Reference(name);
        var optional = name + "Update";
        if (!repository.Schemas.ContainsKey(optional))
        {
            repository.AddDefinition(optional, new());
            repository.Schemas[optional] = Optional(full);
        }

        return Reference(optional);
    }

    private static OpenApiSchema OptionalValue(OpenApiSchema schema)
    {
        var optional = Copy(schema);
        (optional.Default, optional.Type) = (null, schema.Type | JsonSchemaType.Null);
        return optional;
    }

    private static OpenApiSchema Copy(OpenApiSchema schema) => (OpenApiSchema)schema.CreateShallowCopy();

    private OpenApiSchema Made(Type type)
    {
        if (generator.GenerateSchema(type, repository) is OpenApiSchemaReference named)
            return (OpenApiSchema)repository.Schemas[named.Reference.Id!];
        return new();
    }

    internal static OpenApiSchema ReadOnly(IOpenApiSchema schema)
    {
        var readOnly = schema is OpenApiSchema given ? Copy(given) : new OpenApiSchema { AllOf = [schema] };
        readOnly.ReadOnly = true;
        return readOnly;
    }

    private static OpenApiSchema ReadOnlyText(string description) => new() { Type = JsonSchemaType.String, ReadOnly = true, Description = description };

    private static OpenApiSchema Tags() => new OpenApiSchema
    {
        Type = JsonSchemaType.Object, Description = "At most 50.", AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 256 },
    }.Showing(new JsonObject { ["team"] = "platform" });

    private OpenApiSchemaReference Reference(string name) => new(name, document);

    /// <summary>References know their document, or nothing can be read through them.</summary>
    private void Bind(OpenApiSchema schema)
    {
        IOpenApiSchema Bound(IOpenApiSchema inner)
        {
            if (inner is OpenApiSchemaReference named)
                return Reference(named.Reference.Id!);
            Bind((OpenApiSchema)inner);
            return inner;
        }

        // What a newer version adds may be there: a schema says what is known.
        schema.AdditionalPropertiesAllowed = true;
        foreach (var name in schema.Properties?.Keys.ToList() ?? [])
            schema.Properties![name] = Bound(schema.Properties[name]);
        schema.AllOf = schema.AllOf?.Select(Bound).ToList();
        schema.Items = schema.Items is null ? null : Bound(schema.Items);
        schema.AdditionalProperties = schema.AdditionalProperties is null ? null : Bound(schema.AdditionalProperties);
    }

    private void Need(IOpenApiSchema schema, SortedDictionary<string, IOpenApiSchema> needed)
    {
        if (schema is OpenApiSchemaReference { Reference.Id: { } name })
        {
            if (!needed.TryAdd(name, repository.Schemas[name]))
                return;
            schema = repository.Schemas[name];
        }

        foreach (var inner in (schema.Properties?.Values ?? []).Concat(schema.AllOf ?? []).Append(schema.Items).Append(schema.AdditionalProperties).OfType<IOpenApiSchema>())
            Need(inner, needed);
    }
}

/// <summary>What the wire knows and .NET types do not say: secrets, and enumerations that may grow.</summary>
internal sealed class WireSchemas : ISchemaFilter
{
    /// <summary>What the service gives a resource.</summary>
    private static readonly string[] Given = ["id", "name", "type"];

    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema made)
            return;
        if (context.MemberInfo?.IsDefined(typeof(SecretAttribute), inherit: true) is true)
        {
            made.WriteOnly = true;
            made.With("x-ms-secret", JsonValue.Create(true));
        }

        if (context.MemberInfo is null && made.Properties is { Count: > 0 } members)
            Describe(made, members, context.Type);
        if (context.MemberInfo is null && context.Type.IsEnum)
            made.With("x-ms-enum", new JsonObject { ["name"] = context.Type.Name, ["modelAsString"] = true });
        // What has an id, a name and a type is a resource, whoever wrote its record.
        if (made.Properties is { } properties && properties.ContainsKey("id") && properties.ContainsKey("type") && properties.ContainsKey("properties"))
        {
            made.With("x-ms-azure-resource", JsonValue.Create(true));
            foreach (var name in Given.Where(properties.ContainsKey))
                ((OpenApiSchema)properties[name]).ReadOnly = true;
        }

        // ARM's tools want ids as plain text.
        if (made.Format == "uuid")
            made.Format = null;
    }

    /// <summary>What must be there and what may be null, as the serializer judges it.</summary>
    private static void Describe(OpenApiSchema made, IDictionary<string, IOpenApiSchema> members, Type type)
    {
        made.Required = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var property in Json.Options.GetTypeInfo(type).Properties.Where(property => members.ContainsKey(property.Name)))
        {
            // The service alone says how far it is, and Swagger 2.0 forbids what is read-only to be required.
            if (property.Name == "provisioningState")
                members[property.Name] = OpenApiSchemas.ReadOnly(members[property.Name]);
            else if (property.IsRequired || property.AssociatedParameter is { HasDefaultValue: false, IsNullable: false })
                made.Required.Add(property.Name);
            if (members[property.Name] is OpenApiSchema member && member.Type is { } shape)
                member.Type = property.IsGetNullable ? shape | JsonSchemaType.Null : shape & ~JsonSchemaType.Null;
        }
    }
}

internal static class OpenApiExtending
{
#pragma warning disable CS0618 // OpenAPI 3.0 and Swagger 2.0 know one example of a schema, not many.
    public static JsonNode? Shown(this IOpenApiSchema schema) => schema.Example;

    public static OpenApiSchema Showing(this OpenApiSchema schema, JsonNode example)
    {
        schema.Example = example;
        return schema;
    }
#pragma warning restore CS0618

    public static T With<T>(this T element, string name, JsonNode value)
        where T : IOpenApiExtensible
    {
        (element.Extensions ??= new Dictionary<string, IOpenApiExtension>(StringComparer.Ordinal))[name] = new JsonNodeExtension(value);
        return element;
    }
}
