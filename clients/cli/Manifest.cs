using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ControlPlane.Cli;

/// <summary>One resource as a file declares it: where it goes and the body to PUT there.</summary>
internal sealed record Manifest(string Id, JsonObject Body, string? ApiVersion)
{
    /// <summary>Reads every document of a YAML file.</summary>
    /// <exception cref="UsageException">The file is not YAML, a document is no resource, or a variable has no value.</exception>
    public static IReadOnlyList<Manifest> ReadFile(string path, Variables variables, Connection connection)
    {
        try
        {
            using var reader = path is "-" ? Console.In : File.OpenText(path);
            return Read(reader, path, variables, connection);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or YamlException)
        {
            throw new UsageException($"cannot read {path}: {e.Message}");
        }
    }

    public static IReadOnlyList<Manifest> Read(TextReader reader, string source, Variables variables, Connection connection)
    {
        var yaml = new YamlStream();
        yaml.Load(reader);
        var json = new YamlToJson(variables);
        var documents = yaml.Documents.Select(document => json.Convert(document.RootNode)).Where(document => document is not null).ToList();
        if (variables.Missing.Count > 0)
            throw new UsageException($"{source}: no value for {string.Join(", ", variables.Missing)} (--var name=value or --var-file values.json)");
        return [.. documents.Select((document, index) => From(document, $"{source}, document {index + 1}", connection))];
    }

    private static Manifest From(JsonNode? document, string source, Connection connection)
    {
        if (document is not JsonObject body)
            throw new UsageException($"{source}: a resource is a mapping");
        var id = Take(body, "id");
        var type = Take(body, "type");
        var name = Take(body, "name");
        var group = Take(body, "resourceGroup");
        var apiVersion = Take(body, "apiVersion");
        if (id is null && (type is null || name is null))
            throw new UsageException($"{source}: give either id, or type and name");
        return new Manifest(id ?? ResourceAddress.Id(connection.SubscriptionId, group, ResourceAddress.TypeOf(type!), name!), body, apiVersion);
    }

    private static string? Take(JsonObject body, string property)
    {
        var value = body.Text(property);
        body.Remove(property);
        return value;
    }
}
