using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace ControlPlane.Api.Arm;

/// <summary>The same document in Swagger 2.0, laid out as azure-rest-api-specs lays out its own: shared shapes in one file, an example for each operation.</summary>
internal static class Swagger
{
    /// <summary>The file of the shared shapes: ARM's tools know it by its path.</summary>
    public const string Common = "common-types";

    public const string CommonFile = "common-types/resource-management/v5/types.json";
    private const string Definition = "#/definitions/";

    private static readonly HashSet<string> Shared = new(["ErrorResponse", "ErrorDetail", "ErrorAdditionalInfo", "systemData", "OperationListResult", "Operation", "OperationDisplay"], StringComparer.Ordinal);

    public static JsonSerializerOptions Indented { get; } = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static JsonObject Of(OpenApiDocument document)
    {
        var swagger = Written(document);
        var definitions = swagger["definitions"]!.AsObject();
        foreach (var name in Shared)
            definitions.Remove(name);
        PointToShared(swagger, "./" + CommonFile);
        foreach (var (path, item) in document.Paths)
        {
            foreach (var (method, operation) in item.Operations ?? [])
            {
                var written = swagger["paths"]![path]![method.Method.ToLowerInvariant()]!.AsObject();
                foreach (var (_, answer) in written["responses"]!.AsObject())
                    answer!.AsObject().Remove("examples");
                foreach (var parameter in written["parameters"]?.AsArray().OfType<JsonObject>() ?? [])
                    parameter.Remove("x-example");
                written["x-ms-examples"] = new JsonObject { [operation.Summary!.TrimEnd('.')] = Example(operation) };
            }
        }

        return swagger;
    }

    public static JsonObject CommonTypes(OpenApiDocument document)
    {
        var swagger = Written(document);
        var definitions = swagger["definitions"]!.AsObject();
        foreach (var name in definitions.Select(definition => definition.Key).Where(name => !Shared.Contains(name)).ToList())
            definitions.Remove(name);
        return new()
        {
            ["swagger"] = "2.0",
            ["info"] = swagger["info"]!.DeepClone(),
            ["paths"] = new JsonObject(),
            ["definitions"] = definitions.DeepClone(),
        };
    }

    private static JsonObject Written(OpenApiDocument document)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        document.SerializeAsV2(new OpenApiJsonWriter(text));
        var written = JsonNode.Parse(text.ToString())!.AsObject();
        // How to get a token is in the OpenAPI document; ARM's tools accept Azure's own authority here and no other.
        written.Remove("securityDefinitions");
        written.Remove("security");
        written["host"] = "management.local.azurestack.external";
        written["schemes"] = new JsonArray("https");
        written["consumes"] = new JsonArray("application/json");
        written["produces"] = new JsonArray("application/json");
        return written;
    }

    private static void PointToShared(JsonNode? node, string file)
    {
        if (node is JsonArray items)
        {
            foreach (var item in items)
                PointToShared(item, file);
        }
        else if (node is JsonObject members)
        {
            foreach (var (name, member) in members.ToList())
            {
                if (name == "$ref" && member is JsonValue value && value.GetValue<string>() is var target && target.StartsWith(Definition, StringComparison.Ordinal) && Shared.Contains(target[Definition.Length..]))
                    members[name] = file + target;
                else
                    PointToShared(member, file);
            }
        }
    }

    private static JsonObject Example(OpenApiOperation operation)
    {
        var parameters = new JsonObject();
        foreach (var parameter in operation.Parameters!.Where(parameter => parameter.Required))
            parameters[parameter.Name!] = parameter.Example?.DeepClone();
        if (operation.RequestBody?.Content?["application/json"].Example is { } body)
            parameters["body"] = body.DeepClone();
        var responses = new JsonObject();
        foreach (var (status, answer) in operation.Responses!.Where(answer => answer.Key != "default"))
        {
            var shown = new JsonObject();
            if (answer.Content?["application/json"].Example is { } content)
                shown["body"] = content.DeepClone();
            responses[status] = shown;
        }

        return new() { ["parameters"] = parameters, ["responses"] = responses };
    }
}
