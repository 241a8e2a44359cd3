using System.Text.Json.Nodes;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>One resource of the tree: what GET shows and which other methods it has. A missing method is 405.</summary>
internal sealed class RedfishPage
{
    public JsonObject? Body { get; init; }

    /// <summary>Status of GET: 202 at the monitor of a task that is still running.</summary>
    public int Status { get; init; } = 200;

    public Func<JsonObject, RedfishAnswer>? Patch { get; init; }

    /// <summary>The body is null when the request had none.</summary>
    public Func<JsonObject?, RedfishAnswer>? Post { get; init; }

    public Func<RedfishAnswer>? Delete { get; init; }

    public static RedfishPage Of(string path, string type, string id, string name, JsonObject rest)
    {
        var body = new JsonObject { ["@odata.id"] = path, ["@odata.type"] = type, ["Id"] = id, ["Name"] = name };
        foreach (var (key, value) in rest.ToList())
        {
            rest.Remove(key);
            body[key] = value;
        }

        return new RedfishPage { Body = body };
    }

    public static RedfishPage Collection(string path, string type, string name, IEnumerable<string> members)
    {
        var links = new JsonArray([.. members.Select(member => (JsonNode)Link(member))]);
        return new RedfishPage
        {
            Body = new JsonObject
            {
                ["@odata.id"] = path, ["@odata.type"] = $"#{type}.{type}", ["Name"] = name, ["Members@odata.count"] = links.Count, ["Members"] = links,
            },
        };
    }

    public static JsonObject Link(string path) => new() { ["@odata.id"] = path };
}

/// <summary>The answer to a request that wants to change something.</summary>
internal sealed record RedfishAnswer(int Status, JsonObject? Body = null)
{
    public string? Location { get; init; }
    public string? Token { get; init; }

    /// <summary>What really changed, for the journal; null = nothing.</summary>
    public string? Effect { get; init; }

    /// <summary>How long the BMC takes to say so, in realistic seconds.</summary>
    public double Seconds { get; init; }

    public static RedfishAnswer NoContent(string? effect) => new(204) { Effect = effect };
}

/// <summary>Error bodies of the Redfish specification (DSP0266 §8.6), in each vendor's spelling.</summary>
internal static class RedfishErrors
{
    /// <param name="machine">Whose BMC speaks.</param>
    /// <param name="status">HTTP status.</param>
    /// <param name="messageId">Message key; a vendor key is prefixed with the vendor's registry, a key of the base registry gets the BMC's version of it.</param>
    /// <param name="message">Text.</param>
    /// <param name="args">MessageArgs.</param>
    public static RedfishAnswer Error(Machine machine, int status, string messageId, string message, params string[] args)
    {
        var personality = machine.Personality;
        var id = messageId.StartsWith("Base.1.18.", StringComparison.Ordinal)
            ? $"{personality.BaseRegistry}.{messageId["Base.1.18.".Length..]}"
            : $"{personality.Registry}.{messageId}";
        var hpe = personality.Vendor == "HPE";
        return new RedfishAnswer(status, new JsonObject
        {
            ["error"] = new JsonObject
            {
                ["code"] = hpe ? "iLO.0.10.ExtendedInfo" : personality.ErrorCodeIsMessageId ? id : $"{personality.BaseRegistry}.GeneralError",
                ["message"] = hpe ? "See @Message.ExtendedInfo for more information." : "A general error has occurred. See ExtendedInfo for more information.",
                ["@Message.ExtendedInfo"] = new JsonArray(new JsonObject
                {
                    ["@odata.type"] = "#Message.v1_1_1.Message", ["MessageId"] = id, ["Message"] = message,
                    ["MessageArgs"] = Wire.Json.Array(args), ["RelatedProperties"] = Wire.Json.Array(args.Length > 0 ? [$"#/{args[^1]}"] : []), ["Severity"] = "Warning", ["Resolution"] = "None.",
                }),
            },
        });
    }

    public static RedfishAnswer NotFound(Machine machine, string path) =>
        Error(machine, 404, "Base.1.18.ResourceMissingAtURI", $"The resource at the URI '{path}' was not found.", path);

    public static RedfishAnswer NotAllowed(Machine machine, string method) =>
        Error(machine, 405, "Base.1.18.OperationNotAllowed", $"The method {method} is not allowed on this resource.");

    public static RedfishAnswer NotWritable(Machine machine, string property) =>
        Error(machine, 400, "Base.1.18.PropertyNotWritable", $"The property {property} is a read only property and cannot be assigned a value.", property);

    public static RedfishAnswer Unknown(Machine machine, string property) =>
        Error(machine, 400, "Base.1.18.PropertyUnknown", $"The property {property} is not in the list of valid properties for the resource.", property);

    public static RedfishAnswer NotInList(Machine machine, string property, string? value) =>
        Error(machine, 400, "Base.1.18.PropertyValueNotInList", $"The value '{value}' for the property {property} is not in the list of acceptable values.", value ?? "", property);

    public static RedfishAnswer Missing(Machine machine, string property) =>
        Error(machine, 400, "Base.1.18.PropertyMissing", $"The property {property} is a required property and must be included in the request.", property);

    public static RedfishAnswer MalformedJson(Machine machine) =>
        Error(machine, 400, "Base.1.18.MalformedJSON", "The request body submitted was malformed JSON and could not be parsed by the receiving service.");
}
