using System.Net;
using System.Net.Http.Headers;

namespace ControlPlane.Sdk;

/// <summary>A client registered with the control plane's token service (OAuth 2.0 client credentials).</summary>
/// <param name="TenantId">The directory.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Secret">Its secret.</param>
public sealed record ClientCredential(string TenantId, string ClientId, string Secret);

/// <summary>Configuration that cannot be used: nothing was sent.</summary>
public sealed class ArmConfigurationException(string message) : Exception(message);

/// <summary>Sends until it is answered: bearer tokens, api-version, 429 and 503 obeyed, reads that survive a restart of the front door, and typed exceptions for every other refusal.</summary>
public sealed class ArmHandler(Uri endpoint, ClientCredential credential, string apiVersion, TimeProvider time, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int Attempts = 6;
    private static readonly string[] Following = ["Azure-AsyncOperation", "Location", "Retry-After"];

    private string? token;
    private DateTimeOffset tokenEnds;

    /// <inheritdoc/>
    /// <exception cref="ArmException">Any answer but 2xx.</exception>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.RequestUri = Complete(OnOurHost(request.RequestUri!));
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(cancellationToken));
                var response = await base.SendAsync(request, cancellationToken);
                if (response.IsSuccessStatusCode)
                    return request.Method == HttpMethod.Patch && response.StatusCode is HttpStatusCode.Accepted ? await WithResourceAsync(request, response, cancellationToken) : response;
                using (response)
                {
                    if (response.StatusCode == HttpStatusCode.Unauthorized && attempt == 1)
                        token = null;
                    else if (response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable) || attempt == Attempts)
                        throw await ArmResponse.RefusalAsync(response, cancellationToken);
                    else
                        await Task.Delay(ArmResponse.RetryAfterOf(response) ?? Backoff(attempt), time, cancellationToken);
                }
            }
            catch (HttpRequestException e) when (request.Method == HttpMethod.Get && IsPassing(e.HttpRequestError) && attempt < Attempts)
            {
                await Task.Delay(Backoff(attempt), time, cancellationToken);
            }
        }
    }

    /// <summary>A PATCH that goes on is answered without a body: the caller gets the resource as it is meanwhile, and the headers by which it follows the rest.</summary>
    private async Task<HttpResponseMessage> WithResourceAsync(HttpRequestMessage patch, HttpResponseMessage accepted, CancellationToken cancel)
    {
        using var read = new HttpRequestMessage(HttpMethod.Get, patch.RequestUri);
        read.Headers.Authorization = patch.Headers.Authorization;
        var resource = await base.SendAsync(read, cancel);
        if (!resource.IsSuccessStatusCode)
            return accepted;
        foreach (var (name, values) in accepted.Headers.Where(header => Following.Contains(header.Key, StringComparer.OrdinalIgnoreCase)))
        {
            resource.Headers.Remove(name);
            resource.Headers.TryAddWithoutValidation(name, values);
        }

        accepted.Dispose();
        return resource;
    }

    /// <summary>A bearer token that is good for at least a minute.</summary>
    public async Task<string> TokenAsync(CancellationToken cancel)
    {
        if (token is not null && time.GetUtcNow() < tokenEnds)
            return token;
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(endpoint, $"{credential.TenantId}/oauth2/v2.0/token"));
        request.Content = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = credential.ClientId,
            ["client_secret"] = credential.Secret,
            ["scope"] = new Uri(endpoint, ".default").ToString(),
        });
        using var response = await base.SendAsync(request, cancel);
        var body = await ArmResponse.JsonOf(response, cancel);
        if (body.Text("access_token") is not { } granted)
        {
            // RFC 6749 §5.2: error and error_description, unlike every other ARM answer.
            var error = new ArmError(body.Text("error") ?? "AuthenticationFailed", body.Text("error_description") ?? "No token was granted.");
            throw new ArmException(response.StatusCode, error, requestId: null);
        }

        // A minute early: the token must not end on the way.
        tokenEnds = time.GetUtcNow().AddSeconds((body.Number("expires_in") ?? 300) - 60);
        return token = granted;
    }

    /// <summary>A token goes to the configured host only, whatever a link in an answer says.</summary>
    private Uri OnOurHost(Uri address) =>
        string.Equals(address.Authority, endpoint.Authority, StringComparison.OrdinalIgnoreCase) && address.Scheme == Uri.UriSchemeHttps
            ? address
            : throw new ArmConfigurationException($"{address} is not on {endpoint.Authority}");

    /// <summary>Names have no slashes, so an escaped one stands in the id of a scope.</summary>
    private Uri Complete(Uri address) => new UriBuilder(address)
    {
        Path = address.AbsolutePath.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase),
        Query = address.Query.Contains("api-version=", StringComparison.OrdinalIgnoreCase) ? address.Query : $"{address.Query}{(address.Query.Length > 1 ? '&' : '?')}api-version={apiVersion}",
    }.Uri;

    // A front door that restarts; a certificate that is not trusted stays so.
    private static bool IsPassing(HttpRequestError error) => error is HttpRequestError.ConnectionError or HttpRequestError.ResponseEnded;

    private static TimeSpan Backoff(int attempt) => TimeSpan.FromMilliseconds(250 * Math.Pow(2, attempt));
}
