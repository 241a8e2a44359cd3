using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>Speaks ARM: bearer tokens, error bodies, pages, long-running operations.</summary>
internal sealed class ArmClient(Connection connection, TimeProvider time) : IDisposable
{
    public const string ApiVersion = "2026-06-01";

    private static readonly TimeSpan DefaultPoll = TimeSpan.FromSeconds(1);
    private const int Attempts = 6;

    private readonly HttpClient http = new(Handler(connection)) { BaseAddress = connection.Endpoint, Timeout = TimeSpan.FromSeconds(100) };
    private string? token;
    private DateTimeOffset tokenEnds;

    public Connection Connection => connection;

    public Task<ArmResponse> GetAsync(string address, CancellationToken cancel) => SendAsync(HttpMethod.Get, address, null, cancel);

    /// <summary>Sends until it is answered: 429 and 503 are obeyed, and a read survives a restart of the front door.</summary>
    /// <param name="address">A path with its api-version, or an absolute address on the same host.</param>
    /// <exception cref="ArmException">Any answer but 2xx.</exception>
    public async Task<ArmResponse> SendAsync(HttpMethod method, string address, JsonNode? body, CancellationToken cancel)
    {
        var target = OnOurHost(address);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var request = new HttpRequestMessage(method, target);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(cancel));
                if (body is not null)
                    request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
                using var response = await http.SendAsync(request, cancel);
                if (response.StatusCode == HttpStatusCode.Unauthorized && attempt == 1)
                    token = null;
                else if (response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable) || attempt == Attempts)
                    return await ArmResponse.ReadAsync(response, cancel);
                else
                    await Task.Delay(ArmResponse.RetryAfterOf(response) ?? Backoff(attempt), time, cancel);
            }
            catch (HttpRequestException e) when (method == HttpMethod.Get && IsPassing(e.HttpRequestError) && attempt < Attempts)
            {
                await Task.Delay(Backoff(attempt), time, cancel);
            }
        }
    }

    /// <summary>Every item of a list, page after page.</summary>
    public async IAsyncEnumerable<JsonObject> ListAsync(string address, [EnumeratorCancellation] CancellationToken cancel)
    {
        for (var next = address; !string.IsNullOrEmpty(next);)
        {
            var page = await GetAsync(next, cancel);
            foreach (var item in page.Body.Items("value"))
                yield return item;
            next = page.Body.Text("nextLink");
        }
    }

    /// <summary>Status bodies of what <paramref name="accepted"/> started, the last of them terminal; one at once if nothing runs.</summary>
    public async IAsyncEnumerable<JsonObject> FollowAsync(ArmResponse accepted, [EnumeratorCancellation] CancellationToken cancel)
    {
        var wait = accepted.RetryAfter;
        if (accepted.Operation is { } operation)
        {
            while (true)
            {
                var answer = await GetAsync(operation.ToString(), cancel);
                var status = answer.Body as JsonObject ?? [];
                yield return status;
                if (OperationStatus.IsTerminal(status.Text("status")))
                    yield break;
                await Task.Delay(answer.RetryAfter ?? wait ?? DefaultPoll, time, cancel);
            }
        }

        // A result address answers 202 until the end, then as the request itself would have.
        while (accepted.Status == HttpStatusCode.Accepted && accepted.Location is { } result)
        {
            await Task.Delay(accepted.RetryAfter ?? DefaultPoll, time, cancel);
            var answer = await GetAsync(result.ToString(), cancel);
            accepted = answer.Location is null ? answer with { Location = result } : answer;
            if (accepted.Status == HttpStatusCode.Accepted)
                yield return new JsonObject { ["status"] = "InProgress" };
        }

        // The states ARM lets a resource rest in; anything else still moves.
        while (accepted.Body.Text("properties", "provisioningState") is { } state && !OperationStatus.IsTerminal(state)
               && accepted.Body.Text("id") is { } id)
        {
            yield return new JsonObject { ["status"] = state };
            await Task.Delay(accepted.RetryAfter ?? DefaultPoll, time, cancel);
            accepted = await GetAsync(ResourceAddress.Versioned(id), cancel);
        }

        yield return new JsonObject { ["status"] = accepted.Body.Text("properties", "provisioningState") ?? "Succeeded" };
    }

    public async Task<string> TokenAsync(CancellationToken cancel)
    {
        if (token is not null && time.GetUtcNow() < tokenEnds)
            return token;
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = connection.ClientId,
            ["client_secret"] = connection.ClientSecret,
            ["scope"] = new Uri(connection.Endpoint, ".default").ToString(),
        });
        using var response = await http.PostAsync(new Uri($"{connection.TenantId}/oauth2/v2.0/token", UriKind.Relative), form, cancel);
        var body = await ArmResponse.JsonOf(response, cancel);
        if (body.Text("access_token") is not { } granted)
        {
            // RFC 6749 §5.2: error and error_description, unlike every other ARM answer.
            var error = new ArmError(body.Text("error") ?? "AuthenticationFailed", body.Text("error_description") ?? "No token was granted.");
            throw new ArmException(response.StatusCode, error, null);
        }

        // A minute early: the token must not end on the way.
        tokenEnds = time.GetUtcNow().AddSeconds((body.Number("expires_in") ?? 300) - 60);
        return token = granted;
    }

    public void Dispose() => http.Dispose();

    /// <summary>A token goes to the configured host only, whatever a link in an answer says.</summary>
    private Uri OnOurHost(string address)
    {
        var target = new Uri(connection.Endpoint, address);
        return string.Equals(target.Authority, connection.Endpoint.Authority, StringComparison.OrdinalIgnoreCase) && target.Scheme is "https"
            ? target
            : throw new UsageException($"{address} is not on {connection.Endpoint.Authority}");
    }

    // A front door that restarts; a certificate that is not trusted stays so.
    private static bool IsPassing(HttpRequestError error) => error is HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded;

    private static TimeSpan Backoff(int attempt) => TimeSpan.FromMilliseconds(250 * Math.Pow(2, attempt));

    private static SocketsHttpHandler Handler(Connection connection)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = connection.CaFile is null };
        if (connection.CaFile is not { } file)
            return handler;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException)
        {
            throw new UsageException($"cannot read the CA in {file}: {e.Message}");
        }

        handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        return handler;
    }
}
