using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>What came back: the body, if it was JSON, and the headers that say how to follow it.</summary>
internal sealed record ArmResponse
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    public required HttpStatusCode Status { get; init; }
    public JsonNode? Body { get; init; }

    /// <summary>Azure-AsyncOperation: the status of the operation that was started.</summary>
    public Uri? Operation { get; init; }

    public Uri? Location { get; init; }
    public TimeSpan? RetryAfter { get; init; }

    /// <exception cref="ArmException">The answer is no 2xx.</exception>
    public static async Task<ArmResponse> ReadAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var body = await JsonOf(response, cancel);
        if (response.IsSuccessStatusCode)
        {
            return new ArmResponse
            {
                Status = response.StatusCode,
                Body = body,
                Operation = response.Headers.TryGetValues("Azure-AsyncOperation", out var links) ? new Uri(links.First()) : null,
                Location = response.Headers.Location,
                RetryAfter = RetryAfterOf(response),
            };
        }

        var error = ArmError.From(body) ?? new ArmError(response.StatusCode.ToString(), "The answer is no ARM error; is this the control plane?");
        var requestId = response.Headers.TryGetValues("x-ms-request-id", out var ids) ? ids.First() : null;
        throw new ArmException(response.StatusCode, error, requestId);
    }

    public static async Task<JsonNode?> JsonOf(HttpResponseMessage response, CancellationToken cancel)
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
    public static TimeSpan? RetryAfterOf(HttpResponseMessage response) =>
        response.Headers.RetryAfter?.Delta is { } delta ? TimeSpan.FromSeconds(Math.Clamp(delta.TotalSeconds, 1, LongestWait.TotalSeconds)) : null;
}
