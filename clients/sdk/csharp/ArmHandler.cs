using System.Net;
using System.Net.Http.Headers;

namespace ControlPlane.Sdk;

/// <summary>Configuration that cannot be used: nothing was sent.</summary>
public sealed class ArmConfigurationException(string message) : Exception(message);

/// <summary>Sends until it is answered: bearer tokens, api-version, 429 and 503 obeyed, reads that survive a restart of the front door, and typed exceptions for every other refusal.</summary>
public sealed class ArmHandler(Uri endpoint, ArmCredential credential, string apiVersion, TimeProvider time, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int Attempts = 6;
    private static readonly string[] Following = ["Azure-AsyncOperation", "Location", "Retry-After"];

    private readonly TokenService tokens = new(endpoint, credential.TenantId, new HttpMessageInvoker(inner, disposeHandler: false), time);

    private TokenAnswer? granted;
    private string? refused;

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
                        (refused, granted) = (granted?.AccessToken, null);
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
        if (granted is null || time.GetUtcNow() >= granted.Until)
            (granted, refused) = (await credential.RequestAsync(tokens, refused, cancel), null);
        return granted.AccessToken;
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
