using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Sdk;

/// <summary>
/// A connection to the control plane. The generated clients send through <see cref="Http"/>, as in <c>new RacksClient(arm.Http)</c>; pages and long-running operations are followed here,
/// and so is everything whose shape is not known in advance.
/// </summary>
public class ArmClient : IDisposable
{
    /// <summary>Sent with every request that names none.</summary>
    public const string ApiVersion = "2026-06-01";

    private static readonly TimeSpan DefaultPoll = TimeSpan.FromSeconds(1);

    private readonly ArmHandler handler;
    private readonly TimeProvider time;

    /// <param name="endpoint">The control plane's https address.</param>
    /// <param name="credential">Who asks.</param>
    /// <param name="caFile">PEM of the only trusted root; null trusts the system's roots.</param>
    /// <param name="time">The clock.</param>
    public ArmClient(Uri endpoint, ArmCredential credential, string? caFile = null, TimeProvider? time = null)
    {
        this.time = time ?? TimeProvider.System;
        handler = new(endpoint, credential, ApiVersion, this.time, Trusting(caFile));
        Http = new(handler) { BaseAddress = endpoint, Timeout = TimeSpan.FromSeconds(100) };
    }

    /// <summary>What the generated clients take.</summary>
    public HttpClient Http { get; }

    /// <summary>A bearer token.</summary>
    public Task<string> TokenAsync(CancellationToken cancel = default) => handler.TokenAsync(cancel);

    /// <summary>Reads a path, with its api-version or without, or an absolute address on the same host.</summary>
    public Task<ArmResponse> GetAsync(string address, CancellationToken cancel = default) => SendAsync(HttpMethod.Get, address, null, cancel);

    /// <summary>Sends JSON as it is.</summary>
    /// <exception cref="ArmException">Any answer but 2xx.</exception>
    public async Task<ArmResponse> SendAsync(HttpMethod method, string address, JsonNode? body, CancellationToken cancel = default)
    {
        using var request = new HttpRequestMessage(method, new Uri(Http.BaseAddress!, address));
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await Http.SendAsync(request, cancel);
        return await ArmResponse.ReadAsync(response, cancel);
    }

    /// <summary>Every item of a list, page after page.</summary>
    public async IAsyncEnumerable<JsonObject> ListAsync(string address, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        for (var next = address; !string.IsNullOrEmpty(next);)
        {
            var page = await GetAsync(next, cancel);
            foreach (var item in page.Body.Items("value"))
                yield return item;
            next = page.Body.Text("nextLink");
        }
    }

    /// <summary>Every item of a list that a generated client began: <c>arm.AllAsync(racks.ListByResourceGroupAsync(…), page => page.Value, page => page.NextLink)</c>.</summary>
    public async IAsyncEnumerable<T> AllAsync<TPage, T>(
        Task<Answer<TPage>> first, Func<TPage, IEnumerable<T>?> items, Func<TPage, string?> nextLink, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        for (var page = (await first).Result; ;)
        {
            foreach (var item in items(page) ?? [])
                yield return item;
            if (nextLink(page) is not { Length: > 0 } next)
                yield break;
            page = (await GetAsync(next, cancel)).Body.Deserialize<TPage>(ArmJson.Options)!;
        }
    }

    /// <summary>Status bodies of what <paramref name="accepted"/> started, the last of them terminal; one at once if nothing runs.</summary>
    public async IAsyncEnumerable<JsonObject> FollowAsync(ArmResponse accepted, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        if (accepted.Operation is { } operation)
        {
            while (true)
            {
                var answer = await GetAsync(operation.ToString(), cancel);
                var status = answer.Body as JsonObject ?? [];
                yield return status;
                if (ArmStates.IsTerminal(status.Text("status")))
                    yield break;
                await Task.Delay(answer.RetryAfter ?? accepted.RetryAfter ?? DefaultPoll, time, cancel);
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
        while (accepted.Body.Text("properties", "provisioningState") is { } state && !ArmStates.IsTerminal(state) && accepted.Body.Text("id") is { } id)
        {
            yield return new JsonObject { ["status"] = state };
            await Task.Delay(accepted.RetryAfter ?? DefaultPoll, time, cancel);
            accepted = await GetAsync(id, cancel);
        }

        yield return new JsonObject { ["status"] = accepted.Body.Text("properties", "provisioningState") ?? "Succeeded" };
    }

    /// <summary>Waits until what a generated client started has ended.</summary>
    /// <exception cref="ArmException">It failed or was canceled; the error is the operation's.</exception>
    public async Task<JsonObject> WaitAsync(Answer accepted, CancellationToken cancel = default)
    {
        JsonObject status = [];
        await foreach (var next in FollowAsync(ArmResponse.Of(accepted), cancel))
            status = next;
        return ArmStates.IsSuccess(status) ? status : throw new ArmException(HttpStatusCode.OK, ArmError.From(status["error"]) ?? new("OperationFailed", $"The operation ended as {status.Text("status")}."), requestId: null);
    }

    /// <summary>Waits until a write has ended and reads the resource as it is then.</summary>
    /// <exception cref="ArmException">It failed or was canceled; the error is the operation's.</exception>
    public async Task<T> WaitAsync<T>(Answer<T> accepted, CancellationToken cancel = default)
    {
        var status = await WaitAsync((Answer)accepted, cancel);
        var id = status.Text("resourceId") ?? JsonSerializer.SerializeToNode(accepted.Result, ArmJson.Options).Text("id");
        return id is null ? accepted.Result : (await GetAsync(id, cancel)).Body.Deserialize<T>(ArmJson.Options)!;
    }

    /// <summary>Asks for what was accepted to end as Canceled; it may have ended otherwise before.</summary>
    public async Task CancelAsync(Answer accepted, CancellationToken cancel = default)
    {
        if (ArmResponse.Of(accepted).Operation is { } operation)
            await SendAsync(HttpMethod.Post, new UriBuilder(operation) { Path = operation.AbsolutePath + "/cancel" }.Uri.ToString(), null, cancel);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the connections.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
            Http.Dispose();
    }

    internal static SocketsHttpHandler Trusting(string? caFile)
    {
        var trusting = new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = caFile is null };
        if (caFile is null)
            return trusting;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(caFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new ArmConfigurationException($"cannot read the CA in {caFile}: {e.Message}");
        }

        trusting.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        return trusting;
    }
}
