using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>An answer of an API server; without a body it is the text "ok".</summary>
internal sealed record KubernetesAnswer(int Status, ReadOnlyMemory<byte>? Body)
{
    /// <summary>What really changed, for the journal: <c>create:deployments/web</c>.</summary>
    public string? Effect { get; init; }

    public string ContentType { get; init; } = "application/json";

    /// <summary>Seconds after which a refused client may try again.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>Writes the answer itself, for as long as it takes: a watch.</summary>
    public Func<HttpContext, Task>? Stream { get; init; }

    public static KubernetesAnswer Of(JsonNode body, int status = 200) => new(status, Json.Bytes(body));

    public static KubernetesAnswer Of(StoredObject item, int status = 200) => new(status, item.Bytes);

    public static KubernetesAnswer Success(JsonObject? details = null) => Of(new JsonObject
    {
        ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Success", ["details"] = details,
    });

    public static KubernetesAnswer Failure(int status, string reason, string message, JsonObject? details = null)
    {
        var body = new JsonObject
        {
            ["kind"] = "Status", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["status"] = "Failure", ["message"] = message, ["reason"] = reason,
        };
        if (details is not null) body["details"] = details;
        body["code"] = status;
        return Of(body, status);
    }

    public static KubernetesAnswer NoSuchResource { get; } = Failure(404, "NotFound", "the server could not find the requested resource", new JsonObject());

    public static KubernetesAnswer NotFound(ResourceKind kind, string? name) =>
        Failure(404, "NotFound", $"{Qualified(kind)} \"{name}\" not found", Details(kind, name));

    public static KubernetesAnswer AlreadyExists(ResourceKind kind, string name) =>
        Failure(409, "AlreadyExists", $"{Qualified(kind)} \"{name}\" already exists", Details(kind, name));

    public static KubernetesAnswer Conflict(ResourceKind kind, string name, string why) =>
        Failure(409, "Conflict", $"Operation cannot be fulfilled on {Qualified(kind)} \"{name}\": {why}", Details(kind, name));

    public static KubernetesAnswer BadRequest(string message) => Failure(400, "BadRequest", message);

    public static KubernetesAnswer Invalid(ResourceKind kind, string? name, IReadOnlyList<(string Field, string Reason, string Message)> causes)
    {
        var details = Details(kind, name);
        details["causes"] = new JsonArray([.. causes.Select(cause => (JsonNode)new JsonObject { ["reason"] = cause.Reason, ["message"] = cause.Message, ["field"] = cause.Field })]);
        var shown = causes.Count == 1 ? $"{causes[0].Field}: {causes[0].Message}" : "[" + string.Join(", ", causes.Select(cause => $"{cause.Field}: {cause.Message}")) + "]";
        return Failure(422, "Invalid", $"{kind.Kind}{(kind.Group.Length > 0 ? "." + kind.Group : "")} \"{name}\" is invalid: {shown}", details);
    }

    public static JsonObject Details(ResourceKind kind, string? name)
    {
        var details = new JsonObject { ["name"] = name };
        if (kind.Group.Length > 0) details["group"] = kind.Group;
        details["kind"] = kind.Plural;
        return details;
    }

    public static string Qualified(ResourceKind kind) => kind.Group.Length == 0 ? kind.Plural : $"{kind.Plural}.{kind.Group}";

    public async Task SendAsync(HttpContext http)
    {
        if (Stream is not null)
        {
            await Stream(http);
            return;
        }

        if (RetryAfter is { } seconds) http.Response.Headers.RetryAfter = $"{seconds}";
        if (Body is { } body)
        {
            http.Response.ContentType = ContentType;
            await Json.WriteBytesAsync(http.Response, Status, body, http.RequestAborted);
            return;
        }

        http.Response.StatusCode = Status;
        http.Response.ContentType = "text/plain";
        await http.Response.WriteAsync("ok", http.RequestAborted);
    }
}
