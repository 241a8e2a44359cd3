using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Sdk;

/// <summary>What came back: the body, if it was JSON, and the headers that say how to follow it.</summary>
public sealed record ArmResponse
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    /// <summary>Its status.</summary>
    public required HttpStatusCode Status { get; init; }

    /// <summary>Its body.</summary>
    public JsonNode? Body { get; init; }

    /// <summary>Azure-AsyncOperation: the status of the operation that was started.</summary>
    public Uri? Operation { get; init; }

    /// <summary>Where the result will be.</summary>
    public Uri? Location { get; init; }

    /// <summary>How long to wait before asking again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    internal static async Task<ArmResponse> ReadAsync(HttpResponseMessage response, CancellationToken cancel) => new()
    {
        Status = response.StatusCode,
        Body = await JsonOf(response, cancel),
        Operation = response.Headers.TryGetValues("Azure-AsyncOperation", out var links) ? new Uri(links.First()) : null,
        Location = response.Headers.Location,
        RetryAfter = RetryAfterOf(response),
    };

    /// <summary>What a generated client received.</summary>
    internal static ArmResponse Of(Answer response) => new()
    {
        Status = (HttpStatusCode)response.StatusCode,
        Body = response.GetType().GetProperty("Result")?.GetValue(response) is { } result ? JsonSerializer.SerializeToNode(result, ArmJson.Options) : null,
        Operation = Header(response, "Azure-AsyncOperation") is { } operation ? new Uri(operation) : null,
        Location = Header(response, "Location") is { } location ? new Uri(location) : null,
        RetryAfter = double.TryParse(Header(response, "Retry-After"), CultureInfo.InvariantCulture, out var seconds) ? Within(seconds) : null,
    };

    internal static async Task<ArmException> RefusalAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var error = ArmError.From(await JsonOf(response, cancel)) ?? new ArmError(response.StatusCode.ToString(), "The answer is no ARM error; is this the control plane?");
        return new(response.StatusCode, error, response.Headers.TryGetValues("x-ms-request-id", out var ids) ? ids.First() : null);
    }

    internal static async Task<JsonNode?> JsonOf(HttpResponseMessage response, CancellationToken cancel)
    {
        var bytes = await response.Content.ReadAsByteArrayAsync(cancel);
        try
        {
            return bytes.Length == 0 ? null : JsonNode.Parse(bytes);
        }
        catch (JsonException) when (!response.IsSuccessStatusCode)
        {
            return null;
        }
    }

    /// <summary>Seconds as the server asks, within reason: from one second to <see cref="LongestWait"/>.</summary>
    internal static TimeSpan? RetryAfterOf(HttpResponseMessage response) => response.Headers.RetryAfter?.Delta is { } delta ? Within(delta.TotalSeconds) : null;

    private static TimeSpan Within(double seconds) => TimeSpan.FromSeconds(Math.Clamp(seconds, 1, LongestWait.TotalSeconds));

    private static string? Header(Answer response, string name) => response.Headers.FirstOrDefault(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value?.FirstOrDefault();
}
