using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Agent;

/// <summary>The control plane cannot be reached, or is busy.</summary>
internal sealed class HubUnreachableException(string message, TimeSpan? retryAfter = null, Exception? cause = null) : Exception(message, cause)
{
    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>The control plane has refused, and will refuse the same again.</summary>
internal sealed class HubRefusedException(HttpStatusCode status, string code, string message) : Exception(message)
{
    public string Code { get; } = code;

    /// <summary>It is the agent itself that is refused, not what it asked.</summary>
    public bool IsOfAgent => status is HttpStatusCode.Unauthorized;
}

/// <summary>The requests of the protocol (docs/agent.md), each of which goes out from the cluster.</summary>
internal sealed class Hub : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TokenLife = TimeSpan.FromMinutes(2);

    private readonly Uri endpoint;
    private readonly HttpClient http;
    private readonly TimeProvider time;
    private readonly Lock signing = new();
    private SignedToken? signed;

    /// <summary>What the control plane's clock is ahead of this one: it judges the tokens.</summary>
    private TimeSpan ahead;

    public Hub(AgentSettings settings, AgentState state, TimeProvider time)
    {
        (endpoint, this.time) = (settings.Endpoint, time);
        // What the agent was installed with stays good beside what the control plane gave it since.
        var authorities = settings.EndpointCa is { } given && given != state.EndpointCa ? given + "\n" + state.EndpointCa : state.EndpointCa;
        http = new(new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(15), PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5), AllowAutoRedirect = false, UseCookies = false, AutomaticDecompression = DecompressionMethods.GZip,
            KeepAlivePingDelay = TimeSpan.FromSeconds(30), KeepAlivePingTimeout = TimeSpan.FromSeconds(15), SslOptions = { CertificateChainPolicy = Trust.Policy(authorities) },
        })
        { Timeout = Timeout.InfiniteTimeSpan, DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower, MaxResponseContentBufferSize = 128 * 1024 * 1024 };
    }

    public static string AgentVersion { get; } = typeof(Hub).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    public Task<AgentCredentials> RegisterAsync(string token, ECDsa key, CancellationToken stop) =>
        PostAsync<AgentCredentials>("register", new(AgentProtocol.OnboardingScheme, token), new AgentRegistration { CertificateSigningRequest = AgentState.Request(key), AgentVersion = AgentVersion }, stop);

    public Task<AgentCredentials> RenewAsync(AgentIdentity identity, CancellationToken stop) =>
        PostAsync<AgentCredentials>("renew", Sign(identity), new AgentRegistration { CertificateSigningRequest = AgentState.Request(identity.Key), AgentVersion = AgentVersion }, stop);

    public async Task<AgentWork> WorkAsync(AgentIdentity identity, long cursor, TimeSpan wait, CancellationToken stop) =>
        Read<AgentWork>(await SendAsync(HttpMethod.Get, $"work?cursor={cursor}&wait={(int)wait.TotalSeconds}", Sign(identity), content: null, Patience + wait, stop));

    /// <summary>What is on the cluster and wants nothing to be done.</summary>
    public async Task<IReadOnlyList<AgentWorkItem>> SettledAsync(AgentIdentity identity, CancellationToken stop) =>
        Read<AgentWork>(await SendAsync(HttpMethod.Get, "work?settled=1", Sign(identity), content: null, Patience, stop)).Items;

    /// <exception cref="HubUnreachableException">Also when what has come is not what was asked for.</exception>
    public async Task<AgentBundle> BundleAsync(AgentIdentity identity, string hash, CancellationToken stop)
    {
        var bundle = await SendAsync(HttpMethod.Get, $"bundles/{hash}", Sign(identity), content: null, Patience, stop);
        return Convert.ToHexStringLower(SHA256.HashData(bundle)) == hash ? Read<AgentBundle>(bundle) : throw new HubUnreachableException("A bundle came damaged.");
    }

    public async Task ReportAsync(AgentIdentity identity, AgentStatus status, CancellationToken stop)
    {
        using var content = JsonContent.Create(status, options: Json.Options);
        await SendAsync(HttpMethod.Post, "status", Sign(identity), content, Patience, stop);
    }

    public void Dispose() => http.Dispose();

    private async Task<T> PostAsync<T>(string path, AuthenticationHeaderValue authorization, AgentRegistration registration, CancellationToken stop)
    {
        using var content = JsonContent.Create(registration, options: Json.Options);
        return Read<T>(await SendAsync(HttpMethod.Post, path, authorization, content, Patience, stop));
    }

    private async Task<byte[]> SendAsync(HttpMethod method, string path, AuthenticationHeaderValue authorization, HttpContent? content, TimeSpan upTo, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(method, new Uri(endpoint, $"{AgentProtocol.Path}/{path}")) { Content = content, Version = http.DefaultRequestVersion, VersionPolicy = http.DefaultVersionPolicy };
        request.Headers.Authorization = authorization;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(upTo);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, patience.Token);
            var answer = await response.Content.ReadAsByteArrayAsync(patience.Token);
            Compare(response.Headers.Date);
            return response.IsSuccessStatusCode ? answer : throw Refused(response, answer);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException)
        {
            throw new HubUnreachableException($"{endpoint} cannot be reached: {failure.Message}", cause: failure);
        }
        catch (OperationCanceledException failure) when (!stop.IsCancellationRequested)
        {
            throw new HubUnreachableException($"{endpoint} did not answer within {upTo.TotalSeconds:0} s.", cause: failure);
        }
    }

    private void Compare(DateTimeOffset? there)
    {
        lock (signing)
        {
            if (there is { } date && (date - time.GetUtcNow() - ahead).Duration() > TimeSpan.FromSeconds(10))
                (ahead, signed) = (date - time.GetUtcNow(), null);
        }
    }

    private static Exception Refused(HttpResponseMessage response, byte[] answer)
    {
        if (response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)response.StatusCode >= 500)
            return new HubUnreachableException($"The control plane answered with {(int)response.StatusCode}.", response.Headers.RetryAfter?.Delta);
        try
        {
            var error = JsonSerializer.Deserialize<ErrorResponse>(answer, Json.Options)!.Error;
            return new HubRefusedException(response.StatusCode, error.Code, error.Message);
        }
        catch (Exception malformed) when (malformed is JsonException or NullReferenceException)
        {
            // A proxy has answered, not the control plane.
            return new HubUnreachableException($"{(int)response.StatusCode} came without the control plane's own error.", cause: malformed);
        }
    }

    private static T Read<T>(byte[] answer)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(answer, Json.Options)!;
        }
        catch (JsonException malformed)
        {
            throw new HubUnreachableException("The control plane's answer cannot be read.", cause: malformed);
        }
    }

    /// <summary>Signed anew every minute; the certificate is in the token's header.</summary>
    private AuthenticationHeaderValue Sign(AgentIdentity identity)
    {
        lock (signing)
        {
            var now = time.GetUtcNow() + ahead;
            if (signed is not { } known || known.Identity != identity || known.Until < now + (TokenLife / 2))
            {
                var until = now + TokenLife;
                var head = Part(new { alg = "ES256", typ = "JWT", x5c = new[] { Convert.ToBase64String(identity.Certificate.RawData) } });
                var body = Part(new { aud = AgentProtocol.Audience, iat = now.ToUnixTimeSeconds(), exp = until.ToUnixTimeSeconds() });
                var signature = identity.Key.SignData(Encoding.ASCII.GetBytes($"{head}.{body}"), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
                signed = known = new(identity, $"{head}.{body}.{Url(signature)}", until);
            }

            return new(AgentProtocol.AgentScheme, known.Token);
        }
    }

    private static string Part<T>(T value) => Url(JsonSerializer.SerializeToUtf8Bytes(value));

    private static string Url(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    private sealed record SignedToken(AgentIdentity Identity, string Token, DateTimeOffset Until);
}
