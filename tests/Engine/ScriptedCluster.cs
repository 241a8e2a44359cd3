using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.Engine;

/// <summary>
/// A Kubernetes API server that answers <c>GET /version</c> and nothing else, when and how the test says. Connecting a cluster is an operation of one step that makes
/// this one call, so holding the answer holds the step; each cluster is known by its bearer token.
/// </summary>
internal sealed class ScriptedCluster : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ClusterScript> scripts = new(StringComparer.Ordinal);
    private readonly WebApplication app;

    private ScriptedCluster(WebApplication app) => this.app = app;

    public static async Task<ScriptedCluster> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(LoopbackCertificate.Certificate)));
        var cluster = new ScriptedCluster(builder.Build());
        cluster.app.MapGet("/version", cluster.AnswerAsync);
        await cluster.app.StartAsync();
        return cluster;
    }

    public ClusterScript Add()
    {
        var script = new ClusterScript(new Uri(app.Urls.Single()));
        scripts[script.Token] = script;
        return script;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        var script = scripts[http.Request.Headers.Authorization.ToString()["Bearer ".Length..]];
        await script.AnswerAsync(http);
    }
}

/// <summary>How one cluster answers, and how often it was asked.</summary>
internal sealed class ClusterScript(Uri server)
{
    private readonly ConcurrentQueue<string?> traceParents = new();
    private TaskCompletionSource gate = Open();
    private int answers;

    public string Token { get; } = Guid.NewGuid().ToString("N");
    public int Status { get; set; } = StatusCodes.Status200OK;
    public string Version { get; set; } = "v1.34.0";

    public int Calls => traceParents.Count;

    /// <summary>Answers that reached somebody who still waited for them.</summary>
    public int Answers => Volatile.Read(ref answers);

    /// <summary>The <c>traceparent</c> header of every call.</summary>
    public IReadOnlyCollection<string?> TraceParents => traceParents;

    /// <summary>The connectedClusters resource that leads here.</summary>
    public JsonObject Resource => new()
    {
        ["location"] = "westeurope",
        ["properties"] = new JsonObject
        {
            ["apiServer"] = server.ToString(),
            ["caCertificate"] = LoopbackCertificate.Pem,
            ["credentials"] = new JsonObject { ["token"] = Token },
        },
    };

    /// <summary>From now on no call is answered until <see cref="Release"/>.</summary>
    public ClusterScript Hold()
    {
        gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return this;
    }

    public void Release() => gate.TrySetResult();

    public async Task AnswerAsync(HttpContext http)
    {
        var waiting = gate.Task;
        traceParents.Enqueue(http.Request.Headers.TraceParent);
        await waiting.WaitAsync(http.RequestAborted);
        http.Response.StatusCode = Status;
        await http.Response.WriteAsJsonAsync(new { major = "1", minor = "34", gitVersion = Version }, http.RequestAborted);
        Interlocked.Increment(ref answers);
    }

    private static TaskCompletionSource Open()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }
}
