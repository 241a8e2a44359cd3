using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace ControlPlane.Tests.Fixtures;

/// <summary>A client of the front door that hides nothing: requests go out as written, answers come back whole.</summary>
internal sealed class ArmHttp(HttpClient client, string? token) : IDisposable
{
    public const string ApiVersion = "2026-06-01";

    public Uri Endpoint => client.BaseAddress!;

    /// <summary>What it shows at the door; null for nobody.</summary>
    public string? Token => token;

    public static string SubscriptionPath => $"/subscriptions/{ControlPlaneFixture.Subscription}";

    public static async Task<ArmHttp> SignInAsync(Uri endpoint, string clientId = ControlPlaneFixture.ClientId, string clientSecret = ControlPlaneFixture.ClientSecret)
    {
        var client = LoopbackCertificate.Client(endpoint);
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = clientId,
            ["client_secret"] = clientSecret,
            ["scope"] = $"{endpoint.GetLeftPart(UriPartial.Authority)}/.default",
        });
        using var response = await client.PostAsync(new Uri($"/{ControlPlaneFixture.Tenant}/oauth2/v2.0/token", UriKind.Relative), form);
        var answer = await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
        return new(client, answer.GetProperty("access_token").GetString());
    }

    /// <summary>The same door without a token.</summary>
    public ArmHttp Anonymous() => new(LoopbackCertificate.Client(Endpoint), token: null);

    public Task<ArmAnswer> GetAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, path, content: null, headers);

    public Task<ArmAnswer> HeadAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Head, path, content: null, headers);

    public Task<ArmAnswer> DeleteAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Delete, path, content: null, headers);

    public Task<ArmAnswer> PutAsync(string path, JsonNode body, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Put, path, Json(body), headers);

    public Task<ArmAnswer> PatchAsync(string path, JsonNode body, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Patch, path, Json(body), headers);

    public Task<ArmAnswer> PostAsync(string path, JsonNode? body = null, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, body is null ? null : Json(body), headers);

    /// <summary>Adds the api-version unless the path has a query of its own that names one in any spelling; blanks are escaped.</summary>
    public async Task<ArmAnswer> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        var versioned = path.Contains("version=", StringComparison.OrdinalIgnoreCase) ? path : $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}api-version={ApiVersion}";
        return await SendRawAsync(method, versioned.Replace(" ", "%20", StringComparison.Ordinal), content, headers);
    }

    /// <summary>Exactly this path and query, or absolute address, byte for byte.</summary>
    public async Task<ArmAnswer> SendRawAsync(HttpMethod method, string address, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        var absolute = address.StartsWith('/') ? Endpoint.GetLeftPart(UriPartial.Authority) + address : address;
        using var request = new HttpRequestMessage(method, new Uri(absolute, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })) { Content = content };
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        // A stream can be read once only: what is sent as one is not text, and not for the record.
        var body = content is StringContent ? await content.ReadAsStringAsync() : null;
        using var response = await client.SendAsync(request);
        var answer = new ArmAnswer
        {
            Request = $"{method} {address}",
            Status = (int)response.StatusCode,
            Text = await response.Content.ReadAsStringAsync(),
            Headers = response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase),
        };
        if (content is null or StringContent)
            Traffic.Record(method, request.RequestUri!, body, answer);
        return answer;
    }

    /// <summary>Follows <c>Azure-AsyncOperation</c> until the operation has ended, which may have happened at once; the answer is the last status read.</summary>
    public Task<ArmAnswer> FinishAsync(ArmAnswer accepted, TimeSpan? timeout = null)
    {
        var watch = accepted.Header("Azure-AsyncOperation") ?? throw new InvalidOperationException($"No operation to follow: {accepted}");
        return Eventually.Async(() => SendRawAsync(HttpMethod.Get, watch), status => status.Status != 200 || status.OperationStatus is "Succeeded" or "Failed" or "Canceled", $"the operation of {accepted.Request} ends", timeout);
    }

    public static HttpContent Json(JsonNode body) => Text(body.ToJsonString());

    public static HttpContent Text(string body, string mediaType = "application/json") => new StringContent(body, Encoding.UTF8, mediaType);

    public void Dispose() => client.Dispose();
}

/// <summary>An answer of the front door; as text it is what a failed assertion shows.</summary>
internal sealed record ArmAnswer
{
    public required string Request { get; init; }
    public required int Status { get; init; }
    public required string Text { get; init; }
    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    /// <summary>The body; undefined when there is none.</summary>
    public JsonElement Json => Text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(Text);

    public string? OperationStatus => Json.GetProperty("status").GetString();

    public string? ProvisioningState => Json.GetProperty("properties").GetProperty("provisioningState").GetString();

    public string? ErrorCode => Text.Length == 0 || !Json.TryGetProperty("error", out var error) ? null : error.GetProperty("code").GetString();

    /// <summary>Fails with the whole answer unless it has this status, and this error code when one is given.</summary>
    public ArmAnswer Is(int status, string? errorCode = null)
    {
        Assert.True(Status == status && (errorCode is null || ErrorCode == errorCode), $"Expected {status} {errorCode}: {this}");
        return this;
    }

    /// <summary>The JSON paths that the error blames, its own and those of its details.</summary>
    public IReadOnlyList<string?> Targets
    {
        get
        {
            var error = Json.GetProperty("error");
            var details = error.TryGetProperty("details", out var given) ? given.EnumerateArray().ToArray() : [];
            return [.. details.Prepend(error).Select(fault => fault.TryGetProperty("target", out var target) ? target.GetString() : null).Distinct(StringComparer.Ordinal)];
        }
    }

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    /// <summary>The body as something to change and send back.</summary>
    public JsonObject Copy() => JsonNode.Parse(Text)!.AsObject();

    public override string ToString() => $"{Request} -> {Status} {Text}";
}
