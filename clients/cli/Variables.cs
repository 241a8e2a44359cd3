using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ControlPlane.Cli;

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
        variables.values["tenantId"] = connection.Credential.TenantId;
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
        values[assignment[..equals]] = value.StartsWith('@') ? ReadText(value[1..]).TrimEnd('\r', '\n') : value;
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
