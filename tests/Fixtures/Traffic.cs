using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ControlPlane.Tests.Architecture;

namespace ControlPlane.Tests.Fixtures;

/// <summary>
/// What went through the front door, in oav's traffic format, one pair a line in <c>.local/results/traffic</c>: the contract is judged by it (<c>tests/Contract/npm/traffic.cjs</c>).
/// Of each kind of request and status a few are kept; secrets never.
/// </summary>
internal static partial class Traffic
{
    private const int OfEachKind = 12;

    private static readonly Lock Gate = new();
    private static readonly ConcurrentDictionary<string, int> Kept = new(StringComparer.Ordinal);

    /// <summary>Where the pairs of this process are.</summary>
    public static string File { get; } = Path.Combine(Product.Root, ".local", "results", "traffic", $"{Environment.ProcessId}.jsonl");

    private static readonly AsyncLocal<string?> Apart = new();

    /// <summary>From here on what this test sends is kept in a file of its own, all of it.</summary>
    public static string KeepApart(string name)
    {
        var file = Path.Combine(Path.GetDirectoryName(File)!, $"{Environment.ProcessId}-{name}.jsonl");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        System.IO.File.Delete(file);
        Apart.Value = file;
        return file;
    }

    public static void Record(HttpMethod method, Uri address, string? body, ArmAnswer answer)
    {
        // Dot segments are gone before anything else looks at a path, and before empty segments vanish, which the contract's path cannot say.
        if (address.AbsolutePath.Contains("/.", StringComparison.Ordinal))
            return;
        // Not ARM: tokens, discovery, the door of machines. Not understood as JSON: sent to be refused. Without an id: refused by the HTTP server, before it was a request at all.
        if (!IsArm().IsMatch(address.AbsolutePath) || answer.Header("x-ms-request-id") is null || answer.Status is 304 or >= 500 || !address.Query.Contains("api-version=", StringComparison.Ordinal))
            return;
        if (Apart.Value is null && Kept.AddOrUpdate($"{method} {Kind(address.AbsolutePath)} {answer.Status}", 1, (_, count) => count + 1) > OfEachKind)
            return;
        var request = new JsonObject
        {
            ["method"] = method.Method,
            // Empty segments vanish at the door; the contract knows the path without them.
            ["url"] = $"/{string.Join('/', address.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries))}{address.Query}",
            ["headers"] = body is null ? new JsonObject() : new JsonObject { ["Content-Type"] = "application/json" },
        };
        if (body is not null)
            request["body"] = Masked(body);
        var pair = new JsonObject
        {
            ["liveRequest"] = request,
            ["liveResponse"] = new JsonObject
            {
                ["statusCode"] = $"{answer.Status}",
                ["headers"] = new JsonObject(answer.Headers.Select(header => KeyValuePair.Create(header.Key, (JsonNode?)JsonValue.Create(header.Value)))),
                ["body"] = Masked(answer.Text.Length == 0 ? null : answer.Text),
            },
        };
        lock (Gate)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(File)!);
            System.IO.File.AppendAllText(Apart.Value ?? File, pair.ToJsonString() + "\n");
        }
    }

    /// <summary>The path without the names in it.</summary>
    private static string Kind(string path) => string.Join('/', path.ToLowerInvariant().Split('/').Where((part, at) => at % 2 == 1 || part.Contains('.', StringComparison.Ordinal)));

    private static JsonNode? Masked(string? json)
    {
        if (json is null)
            return null;
        try
        {
            // Written out here, where text that no JSON may hold is found out.
            return JsonNode.Parse(Mask(JsonNode.Parse(json))?.ToJsonString() ?? "null");
        }
        catch (Exception hostile) when (hostile is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    private static JsonNode? Mask(JsonNode? node)
    {
        switch (node)
        {
            case JsonArray items:
                foreach (var item in items)
                    Mask(item);
                break;
            case JsonObject members:
                foreach (var (name, member) in members.ToList())
                {
                    if (member is JsonValue && IsSecret().IsMatch(name))
                        members[name] = "***";
                    else
                        Mask(member);
                }

                break;
        }

        return node;
    }

    [GeneratedRegex("^/(subscriptions|providers|tenants)(/|$)", RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase, 1000)]
    private static partial Regex IsArm();

    [GeneratedRegex("^(password|token|secret|clientSecret|secretText)$", RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase, 1000)]
    private static partial Regex IsSecret();
}
