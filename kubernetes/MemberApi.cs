using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Kubernetes;

/// <summary>A member cannot be reached, or does not answer in time.</summary>
internal sealed class MemberUnreachableException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>An answer that is no success: Kubernetes' own status, in short.</summary>
internal sealed class MemberRefusedException(HttpStatusCode status, string reason, string message, TimeSpan? retryAfter) : Exception(message)
{
    public HttpStatusCode Status { get; } = status;

    /// <summary>Such as Conflict, Invalid or Forbidden (Kubernetes, meta/v1 Status).</summary>
    public string Reason { get; } = reason;

    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>The same request may succeed later without anybody changing anything.</summary>
    public bool IsTransient => Status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)Status >= 500;
}

/// <summary>The Kubernetes API of one member: what placing objects and cordoning nodes take, and no more.</summary>
/// <param name="authorization">Asked for each request, for the token of a pod changes while it runs; null where a certificate says who asks.</param>
/// <param name="demandWrite">Throws when nothing may be written any more, because another has taken over.</param>
internal sealed class MemberApi(HttpClient http, Uri server, Func<AuthenticationHeaderValue?> authorization, Action? demandWrite = null)
{
    /// <summary>How long one request may take once the connection stands.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public Uri Server { get; } = server;

    /// <summary>The same, for whoever may write only as long as this does not throw.</summary>
    public MemberApi For(Action mayWrite) => new(http, Server, authorization, mayWrite);

    /// <summary>Server-side apply: the answer is the object as it then is (Kubernetes, server-side apply).</summary>
    public async Task<JsonElement> ApplyAsync(KubernetesKind kind, ObjectReference thing, ReadOnlyMemory<byte> manifest, string manager, bool force, CancellationToken stop) =>
        (await SendAsync(HttpMethod.Patch, $"{kind.Path(thing.Namespace, thing.Name)}?fieldManager={manager}{(force ? "&force=true" : "")}", manifest, "application/apply-patch+yaml", stop))!.Value;

    /// <summary>The object as server-side apply would make it, by force; nothing is stored (Kubernetes, dry run).</summary>
    public async Task<JsonElement> TryApplyAsync(KubernetesKind kind, ObjectReference thing, ReadOnlyMemory<byte> manifest, string manager, CancellationToken stop) =>
        (await SendAsync(HttpMethod.Patch, $"{kind.Path(thing.Namespace, thing.Name)}?fieldManager={manager}&force=true&dryRun=All", manifest, "application/apply-patch+yaml", stop))!.Value;

    /// <summary>A merge patch (RFC 7396).</summary>
    public Task PatchAsync(KubernetesKind kind, string? space, string name, JsonObject patch, CancellationToken stop) =>
        SendAsync(HttpMethod.Patch, $"{kind.Path(space, name)}?fieldManager=controlplane-update", JsonSerializer.SerializeToUtf8Bytes(patch), "application/merge-patch+json", stop);

    /// <summary>Null when there is none.</summary>
    public Task<JsonElement?> FindAsync(KubernetesKind kind, ObjectReference thing, CancellationToken stop) =>
        SendAsync(HttpMethod.Get, kind.Path(thing.Namespace, thing.Name), body: default, contentType: null, stop, HttpStatusCode.NotFound);

    public async Task<JsonElement> ListAsync(KubernetesKind kind, string? space, CancellationToken stop) =>
        (await SendAsync(HttpMethod.Get, kind.Collection(space), body: default, contentType: null, stop))!.Value;

    /// <summary>Merges into an object as it was seen; false when it has changed since, or is gone.</summary>
    public async Task<bool> MergeAsync(KubernetesKind kind, string name, object change, CancellationToken stop) =>
        await SendAsync(HttpMethod.Patch, kind.Path(space: null, name), JsonSerializer.SerializeToUtf8Bytes(change), "application/merge-patch+json", stop, HttpStatusCode.NotFound, HttpStatusCode.Conflict) is not null;

    /// <summary>What is at a path; null when there is nothing, or it is not to be seen.</summary>
    public Task<JsonElement?> LookAsync(string path, CancellationToken stop) => SendAsync(HttpMethod.Get, path, body: default, contentType: null, stop, HttpStatusCode.NotFound, HttpStatusCode.Forbidden);

    /// <summary>Deletes the very object that was seen, and no later one of the same name.</summary>
    public async Task DeleteAsync(KubernetesKind kind, ObjectReference thing, string uid, CancellationToken stop) =>
        await SendAsync(HttpMethod.Delete, kind.Path(thing.Namespace, thing.Name), JsonSerializer.SerializeToUtf8Bytes(new
        {
            apiVersion = "v1", kind = "DeleteOptions", propagationPolicy = "Background", preconditions = new { uid },
        }), "application/json", stop, HttpStatusCode.NotFound, HttpStatusCode.Conflict);

    /// <summary>Such as v1.32.6.</summary>
    public async Task<string> VersionAsync(CancellationToken stop) => (await SendAsync(HttpMethod.Get, "/version", body: default, contentType: null, stop))!.Value.GetProperty("gitVersion").GetString()!;

    /// <summary>A kind as the cluster has it; null when it has none of that name.</summary>
    public async Task<KubernetesKind?> DiscoverAsync(string apiVersion, string kind, CancellationToken stop)
    {
        var path = apiVersion.Contains('/', StringComparison.Ordinal) ? $"/apis/{apiVersion}" : $"/api/{apiVersion}";
        if (await SendAsync(HttpMethod.Get, path, body: default, contentType: null, stop, HttpStatusCode.NotFound) is not { } list || !list.TryGetProperty("resources", out var resources))
            return null;
        foreach (var resource in resources.EnumerateArray())
        {
            if (resource.GetProperty("kind").GetString() == kind && resource.GetProperty("name").GetString() is { } name && !name.Contains('/', StringComparison.Ordinal))
                return new(apiVersion, name, resource.GetProperty("namespaced").GetBoolean());
        }

        return null;
    }

    private async Task<JsonElement?> SendAsync(HttpMethod method, string path, ReadOnlyMemory<byte> body, string? contentType, CancellationToken stop, params HttpStatusCode[] fine)
    {
        // A server may be given with a path of its own, as a proxy's is.
        using var request = new HttpRequestMessage(method, new Uri(Server.AbsoluteUri.TrimEnd('/') + path));
        if (method != HttpMethod.Get)
            demandWrite?.Invoke();
        request.Headers.Authorization = authorization();
        if (contentType is not null)
            request.Content = new ReadOnlyMemoryContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(contentType) } };
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, patience.Token);
            if (fine.Contains(response.StatusCode))
                return null;
            var answer = await response.Content.ReadAsByteArrayAsync(patience.Token);
            if (!response.IsSuccessStatusCode)
                throw Refused(method, path, response, answer);
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.Clone();
        }
        catch (HttpRequestException failure)
        {
            throw new MemberUnreachableException($"{Server} cannot be reached: {failure.Message}", failure);
        }
        catch (IOException failure)
        {
            throw new MemberUnreachableException($"{Server} broke off: {failure.Message}", failure);
        }
        catch (JsonException failure)
        {
            throw new MemberUnreachableException($"{Server} did not answer {method} {path} with JSON.", failure);
        }
        catch (OperationCanceledException failure) when (!stop.IsCancellationRequested)
        {
            throw new MemberUnreachableException($"{Server} did not answer {method} {path} within {Patience.TotalSeconds:0} s.", failure);
        }
    }

    private static MemberRefusedException Refused(HttpMethod method, string path, HttpResponseMessage response, byte[] answer)
    {
        var (reason, message) = (response.StatusCode.ToString(), $"{method} {path.Split('?')[0]} was answered with {(int)response.StatusCode}.");
        try
        {
            using var status = JsonDocument.Parse(answer);
            if (status.RootElement.ValueKind is JsonValueKind.Object)
            {
                reason = status.RootElement.TryGetProperty("reason", out var given) && given.GetString() is { Length: > 0 } text ? text : reason;
                message = status.RootElement.TryGetProperty("message", out var said) && said.GetString() is { Length: > 0 } words ? words : message;
            }
        }
        catch (JsonException)
        {
            message = $"{message} Its body is no Kubernetes status.";
        }

        return new(response.StatusCode, reason, message.Length > 1000 ? message[..1000] : message, response.Headers.RetryAfter?.Delta);
    }
}
