using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>A request's body: JSON, or YAML where the content type says so.</summary>
internal static class RequestBody
{
    private const long Largest = 3 << 20;

    /// <summary>The document; null if there is none or it is not one.</summary>
    public static async Task<JsonNode?> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        if (request.ContentLength is 0 or > Largest || (request.ContentLength is null && !request.Headers.ContainsKey("Transfer-Encoding"))) return null;
        using var buffer = new MemoryStream((int)(request.ContentLength ?? 4096));
        await request.Body.CopyToAsync(buffer, cancel);
        var bytes = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        try
        {
            return IsYaml(request.ContentType, bytes.Span) ? FromYaml(buffer) : JsonNode.Parse(bytes.Span);
        }
        catch (Exception error) when (error is JsonException or YamlException)
        {
            return null;
        }
    }

    /// <summary>JSON is YAML too, and nearly every client sends JSON under the name of YAML.</summary>
    private static bool IsYaml(string? contentType, ReadOnlySpan<byte> body) =>
        contentType?.Contains("yaml", StringComparison.Ordinal) is true && body.TrimStart(" \r\n\t"u8) is not [(byte)'{', ..];

    private static JsonNode? FromYaml(MemoryStream buffer)
    {
        buffer.Position = 0;
        var yaml = new YamlStream();
        yaml.Load(new StreamReader(buffer));
        return yaml.Documents.Count == 0 ? null : Convert(yaml.Documents[0].RootNode);
    }

    private static JsonNode? Convert(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(map.Children.Select(pair => KeyValuePair.Create(pair.Key.ToString(), Convert(pair.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(Convert)]),
        YamlScalarNode { Style: not ScalarStyle.Plain, Value: var text } => text,
        YamlScalarNode { Value: null or "" or "~" or "null" } => null,
        YamlScalarNode { Value: "true" or "false" } scalar => scalar.Value == "true",
        YamlScalarNode scalar when long.TryParse(scalar.Value, out var whole) => whole,
        YamlScalarNode scalar when double.TryParse(scalar.Value, out var number) => number,
        YamlScalarNode scalar => scalar.Value,
        _ => null,
    };
}
