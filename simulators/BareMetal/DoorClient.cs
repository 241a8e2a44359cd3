using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>A final answer of a server: anything but a network error, 408, 429 or 5xx.</summary>
internal sealed record DoorAnswer(int Status, JsonObject? Body)
{
    public bool Ok => Status is >= 200 and < 300;

    /// <summary>The ARM error code, or null.</summary>
    public string? Code => (Body?["error"] as JsonObject).Text("code");
}

/// <summary>Requests of an agent or a node, repeated with back-off until the server gives a final answer or the power goes.</summary>
internal sealed class DoorClient(Machine machine)
{
    private static readonly TimeSpan firstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan longestPause = TimeSpan.FromSeconds(3);

    public async Task<DoorAnswer> SendAsync(
        HttpClient client, HttpMethod method, Uri target, JsonNode? body, CancellationToken cancel, string? bearer = null, string contentType = "application/json")
    {
        for (var pause = firstPause; ; pause = pause * 2 < longestPause ? pause * 2 : longestPause)
        {
            if (await TryAsync(client, method, target, body, bearer, contentType, cancel) is { } answer) return answer;
            await machine.World.Clock.WallDelayAsync(pause, cancel);
        }
    }

    private async Task<DoorAnswer?> TryAsync(
        HttpClient client, HttpMethod method, Uri target, JsonNode? body, string? bearer, string contentType, CancellationToken cancel)
    {
        try
        {
            using var request = new HttpRequestMessage(method, target);
            if (bearer is not null) request.Headers.Authorization = new("Bearer", bearer);
            if (body is not null) request.Content = JsonContent.Create(body, new System.Net.Http.Headers.MediaTypeHeaderValue(contentType));
            using var response = await client.SendAsync(request, cancel);
            var status = (int)response.StatusCode;
            machine.World.Journal.Request(machine.Slot, method.Method, target, status);
            if (status is 408 or 429 or >= 500) return null;
            var bytes = await response.Content.ReadAsByteArrayAsync(cancel);
            return new DoorAnswer(status, bytes.Length == 0 ? null : Parse(bytes));
        }
        catch (Exception error) when (error is HttpRequestException or IOException || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            machine.World.Journal.Request(machine.Slot, method.Method, target, 0);
            machine.Did($"network:{(error.InnerException ?? error).Message}");
            return null;
        }
    }

    private static JsonObject? Parse(byte[] bytes)
    {
        try
        {
            return JsonNode.Parse(bytes) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
