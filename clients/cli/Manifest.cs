using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
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

/// <summary>Values for `{{name}}` and `{{name|default}}`: given one by one, from JSON files by dotted path, and from the connection.</summary>
internal sealed partial class Variables
{
    private readonly Dictionary<string, string> values = new(StringComparer.Ordinal);

    /// <summary>Names that were asked for and have no value.</summary>
    public SortedSet<string> Missing { get; } = new(StringComparer.Ordinal);

    public static Variables From(Connection connection, IEnumerable<string> files, IEnumerable<string> assignments)
    {
        var variables = new Variables();
        variables.values["subscriptionId"] = connection.SubscriptionId;
        variables.values["tenantId"] = connection.TenantId;
        variables.values["location"] = connection.Location;
        variables.values["endpoint"] = connection.Endpoint.GetLeftPart(UriPartial.Authority);
        foreach (var file in files)
            variables.AddFile(file);
        foreach (var assignment in assignments)
            variables.Add(assignment);
        return variables;
    }

    public string Substitute(string text) => Placeholder().Replace(text, match =>
    {
        var name = match.Groups["name"].Value;
        if (values.TryGetValue(name, out var value))
            return value;
        if (match.Groups["default"] is { Success: true } fallback)
            return fallback.Value.Trim();
        Missing.Add(name);
        return match.Value;
    });

    private void Add(string assignment)
    {
        var equals = assignment.IndexOf('=', StringComparison.Ordinal);
        if (equals < 1)
            throw new UsageException($"--var {assignment}: write name=value");
        var value = assignment[(equals + 1)..];
        values[assignment[..equals]] = value.StartsWith('@') ? ReadText(value[1..]) : value;
    }

    private void AddFile(string path)
    {
        try
        {
            Flatten("", JsonNode.Parse(ReadText(path)));
        }
        catch (System.Text.Json.JsonException e)
        {
            throw new UsageException($"{path} is not JSON: {e.Message}");
        }
    }

    private void Flatten(string path, JsonNode? node)
    {
        var prefix = path.Length == 0 ? "" : path + ".";
        if (node is JsonObject mapping)
        {
            foreach (var (name, value) in mapping)
                Flatten(prefix + name, value);
        }
        else if (node is JsonArray list)
        {
            for (var i = 0; i < list.Count; i++)
                Flatten(prefix + i.ToString(CultureInfo.InvariantCulture), list[i]);
        }
        else if (node is not null)
        {
            values[path] = node.Text() ?? "";
        }
    }

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"cannot read {path}: {e.Message}");
        }
    }

    [GeneratedRegex(@"\{\{\s*(?<name>[A-Za-z_][\w.-]*)\s*(\|(?<default>[^{}]*))?\}\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Placeholder();
}

/// <summary>YAML 1.2's core schema as JSON: plain scalars have types, quoted ones are text, `!!int` and the like decide.</summary>
internal sealed partial class YamlToJson(Variables variables)
{
    public JsonNode? Convert(YamlNode node) => node switch
    {
        YamlMappingNode mapping => Mapping(mapping),
        YamlSequenceNode sequence => new JsonArray([.. sequence.Children.Select(Convert)]),
        YamlScalarNode scalar => Scalar(scalar),
        _ => null,
    };

    private JsonObject Mapping(YamlMappingNode mapping)
    {
        var json = new JsonObject();
        foreach (var (key, value) in mapping.Children)
            json[variables.Substitute(((YamlScalarNode)key).Value ?? "")] = Convert(value);
        return json;
    }

    private JsonValue? Scalar(YamlScalarNode scalar)
    {
        var text = variables.Substitute(scalar.Value ?? "");
        if (!scalar.Tag.IsEmpty && !scalar.Tag.IsNonSpecific)
            return scalar.Tag.Value is "tag:yaml.org,2002:str" ? JsonValue.Create(text) : Plain(text);
        return scalar.Style == ScalarStyle.Plain ? Plain(text) : JsonValue.Create(text);
    }

    private static JsonValue? Plain(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" => JsonValue.Create(true),
        "false" or "False" or "FALSE" => JsonValue.Create(false),
        _ when Integer().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
        _ when Fraction().IsMatch(text) => JsonValue.Create(double.Parse(text, CultureInfo.InvariantCulture)),
        _ => JsonValue.Create(text),
    };

    [GeneratedRegex(@"^[-+]?[0-9]+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Integer();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Fraction();
}
