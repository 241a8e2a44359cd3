using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace ControlPlane.Api.Arm;

/// <summary>
/// An example of every body. A property shows what its <c>&lt;example&gt;</c> says; one that must be there and has none, a value of its type; every other is left out.
/// </summary>
internal static class OpenApiExamples
{
    public static void Add(OpenApiDocument document)
    {
        foreach (var (path, item) in document.Paths)
        {
            foreach (var operation in (item.Operations ?? []).Values)
            {
                var address = operation.Parameters!.Where(parameter => parameter.In is ParameterLocation.Path).Aggregate(path, (at, parameter) => at.Replace($"{{{parameter.Name}}}", $"{parameter.Example}", StringComparison.Ordinal));
                if (operation.RequestBody?.Content?["application/json"] is OpenApiMediaType body)
                    body.Example = Of(body.Schema!, isRequest: true);
                foreach (var answer in operation.Responses!.Where(answer => answer.Key != "default").Select(answer => answer.Value.Content?["application/json"]).OfType<OpenApiMediaType>())
                    answer.Example = Placed(Of(answer.Schema!, isRequest: false), address);
            }
        }
    }

    private static JsonNode? Of(IOpenApiSchema schema, bool isRequest, int depth = 0)
    {
        if (schema.Shown() is { } example)
            return example.DeepClone();
        if (schema.AllOf is [{ } only])
            return Of(only, isRequest, depth);
        if (schema.Enum is [{ } first, ..])
            return first.DeepClone();
        var type = schema.Type & ~JsonSchemaType.Null;
        return type switch
        {
            JsonSchemaType.Array => depth > 4 || schema.Items is null ? new JsonArray() : new JsonArray(Of(schema.Items, isRequest, depth + 1)),
            JsonSchemaType.Boolean => true,
            JsonSchemaType.Integer => Math.Max(1, decimal.TryParse(schema.Minimum, out var least) ? (long)least : 1),
            JsonSchemaType.Number => 1,
            JsonSchemaType.String => schema.Format switch { "date-time" => "2026-06-01T08:00:00Z", "date" => "2026-06-01", "uri" => "https://example.org/", "date-span" => "PT1H", _ => "text" },
            _ => Object(schema, isRequest, depth),
        };
    }

    private static JsonObject Object(IOpenApiSchema schema, bool isRequest, int depth)
    {
        var made = new JsonObject();
        foreach (var (name, property) in schema.Properties ?? new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal))
        {
            if (isRequest ? property.ReadOnly : property.WriteOnly)
                continue;
            if (schema.Required?.Contains(name) is true || property.Shown() is not null || IsEnvelope(name, depth) || (!isRequest && name == "provisioningState"))
                made[name] = name == "provisioningState" ? "Succeeded" : Of(property, isRequest, depth + 1);
        }

        return made;
    }

    private static bool IsEnvelope(string name, int depth) => depth <= 2 && name is "id" or "name" or "type" or "properties";

    /// <summary>Gives a resource, or the first of a page, the id, name and type that its address says.</summary>
    private static JsonNode? Placed(JsonNode? body, string address)
    {
        if (body is not JsonObject resource)
            return body;
        if (resource["value"] is JsonArray and [JsonObject first, ..])
            Placed(first, $"{address}/{Singular(address)}1");
        else if (resource.ContainsKey("id") && resource.ContainsKey("name"))
            (resource["id"], resource["name"]) = (address, address[(address.LastIndexOf('/') + 1)..]);
        if (resource.ContainsKey("type") && address.LastIndexOf("/providers/", StringComparison.Ordinal) is >= 0 and var at)
        {
            var parts = address[(at + "/providers/".Length)..].Split('/');
            resource["type"] = string.Join('/', parts.Where((_, index) => index == 0 || index % 2 == 1));
        }

        return body;
    }

    private static string Singular(string address) => address[(address.LastIndexOf('/') + 1)..].TrimEnd('s').ToLowerInvariant();
}
