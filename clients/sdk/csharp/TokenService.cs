using System.Net;
using System.Text.Json.Nodes;

namespace ControlPlane.Sdk;

/// <summary>What the token service gave.</summary>
/// <param name="AccessToken">Opens the front door.</param>
/// <param name="Until">When another one must be asked for: a minute early, it must not end on the way.</param>
/// <param name="RefreshToken">Gives the next access token without the person; null for applications.</param>
public sealed record TokenAnswer(string AccessToken, DateTimeOffset Until, string? RefreshToken);

/// <summary>What a person is shown who signs in on another device (RFC 8628).</summary>
/// <param name="UserCode">To be typed there.</param>
/// <param name="VerificationUri">Where.</param>
public sealed record DeviceCode(string UserCode, Uri VerificationUri);

/// <summary>The control plane's token service.</summary>
public sealed class TokenService : IDisposable
{
    /// <summary>What is asked for besides when a person signs in.</summary>
    private const string SignedIn = " openid profile offline_access";

    private static readonly TimeSpan SlowDown = TimeSpan.FromSeconds(5);

    private readonly Uri endpoint;
    private readonly string tenantId;
    private readonly HttpMessageInvoker http;
    private readonly TimeProvider time;

    /// <param name="endpoint">The control plane's https address.</param>
    /// <param name="tenantId">The directory.</param>
    /// <param name="caFile">PEM of the only trusted root; null trusts the system's roots.</param>
    /// <param name="time">The clock.</param>
    public TokenService(Uri endpoint, string tenantId, string? caFile = null, TimeProvider? time = null)
        : this(endpoint, tenantId, new HttpMessageInvoker(ArmClient.Trusting(caFile)), time ?? TimeProvider.System)
    {
    }

    internal TokenService(Uri endpoint, string tenantId, HttpMessageInvoker http, TimeProvider time) => (this.endpoint, this.tenantId, this.http, this.time) = (endpoint, tenantId, http, time);

    /// <summary>Asks for an access token to the control plane.</summary>
    /// <exception cref="ArmException">The refusal; its code is OAuth's.</exception>
    public async Task<TokenAnswer> RequestAsync(IReadOnlyDictionary<string, string> form, CancellationToken cancel = default)
    {
        var answer = await PostAsync("token", new(form, StringComparer.Ordinal) { ["scope"] = Scope + (form["grant_type"] == "client_credentials" ? "" : SignedIn) }, cancel);
        return new(answer.Text("access_token")!, time.GetUtcNow().AddSeconds((answer.Number("expires_in") ?? 300) - 60), answer.Text("refresh_token"));
    }

    /// <summary>Signs a person in who confirms it on another device: shows the code, and asks as often as it may until they have.</summary>
    /// <exception cref="ArmException">They denied it, or the code has expired.</exception>
    public async Task<TokenAnswer> SignInByDeviceAsync(string clientId, Action<DeviceCode> show, CancellationToken cancel = default)
    {
        var begun = await PostAsync("devicecode", new(StringComparer.Ordinal) { ["client_id"] = clientId, ["scope"] = Scope + SignedIn }, cancel);
        show(new(begun.Text("user_code")!, new Uri(begun.Text("verification_uri")!)));
        for (var interval = TimeSpan.FromSeconds(begun.Number("interval") ?? 5); ;)
        {
            await Task.Delay(interval, time, cancel);
            try
            {
                return await RequestAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code", ["client_id"] = clientId, ["device_code"] = begun.Text("device_code")! }, cancel);
            }
            catch (ArmException refusal) when (refusal.Error.Code is "authorization_pending")
            {
            }
            catch (Exception refusal) when (refusal is ArmException { Error.Code: "slow_down" } or HttpRequestException)
            {
                // RFC 8628, section 3.5: this request and all after it, and the same when the service cannot be reached.
                interval += SlowDown;
            }
        }
    }

    /// <summary>Ends a refresh token (RFC 7009); one that has ended already is none the worse for it.</summary>
    public Task RevokeAsync(string clientId, string refreshToken, CancellationToken cancel = default) =>
        PostAsync("revoke", new(StringComparer.Ordinal) { ["client_id"] = clientId, ["token"] = refreshToken, ["token_type_hint"] = "refresh_token" }, cancel);

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private string Scope => new Uri(endpoint, ".default").ToString();

    private async Task<JsonNode?> PostAsync(string door, Dictionary<string, string> form, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(endpoint, $"{tenantId}/oauth2/v2.0/{door}")) { Content = new FormUrlEncodedContent(form) };
        using var response = await http.SendAsync(request, cancel);
        var body = await ArmResponse.JsonOf(response, cancel);
        if (response.StatusCode == HttpStatusCode.OK && (door != "token" || body.Text("access_token") is not null))
            return body;
        // RFC 6749 §5.2: error and error_description, unlike every other ARM answer.
        throw new ArmException(response.StatusCode, new(body.Text("error") ?? "AuthenticationFailed", body.Text("error_description") ?? "No token was granted."), requestId: null);
    }
}
