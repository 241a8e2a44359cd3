using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>One request to a BMC, before headers.</summary>
internal sealed record RedfishRequest(HttpMethod Method, Uri Target)
{
    public JsonObject? Body { get; init; }
    public string? IfMatch { get; init; }
    public string? IdempotencyKey { get; init; }

    /// <summary>Asked right before the request leaves; see <see cref="BmcTarget.MayWrite"/>.</summary>
    public Func<bool>? MayWrite { get; init; }

    /// <summary>Ends the connection with the answer.</summary>
    public bool Closes { get; init; }

    /// <summary>For messages: no body, no headers.</summary>
    public override string ToString() => $"{Method} {Target.AbsolutePath}";
}
