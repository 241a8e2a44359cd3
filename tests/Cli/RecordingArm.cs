using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.Cli;

/// <summary>An HTTPS server with a CA of its own that grants tokens, records requests and answers as a test says.</summary>
internal sealed class RecordingArm : IAsyncDisposable
{
    public const string Subscription = "11111111-1111-1111-1111-111111111111";

    private readonly WebApplication server;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("cpctl-");

    private RecordingArm(WebApplication server) => this.server = server;

    public required string Endpoint { get; init; }

    /// <summary>Answers a request that bears the token.</summary>
    public Func<HttpRequest, JsonNode?, IResult> Answer { get; set; } = (_, body) => Results.Json(body);

    /// <summary>Answers a form at a door of the token service.</summary>
    public Func<string, IFormCollection, IResult> Grant { get; set; } = (_, _) => Results.Json(new { access_token = "granted", token_type = "Bearer", expires_in = 3600 });

    public ConcurrentQueue<(string Method, string Path, JsonNode? Body)> Requests { get; } = new();

    public int TokensGranted { get; private set; }

    /// <summary>The CA that a client must trust.</summary>
    public string CaFile => Path.Combine(folder.FullName, "ca.pem");

    /// <summary>The run file a client finds this server by.</summary>
    public string RunFile => Path.Combine(folder.FullName, "run.json");

    public static async Task<RecordingArm> StartAsync(CancellationToken cancel, bool trusted = true)
    {
        using var caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var ca = Authority(caKey);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        var leaf = Leaf(ca);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(leaf)));
        var app = builder.Build();
        RecordingArm? arm = null;
        app.Run(context => arm!.HandleAsync(context));
        await app.StartAsync(cancel);
        arm = new RecordingArm(app)
        {
            Endpoint = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single(),
        };
        using var otherKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = Authority(otherKey);
        await arm.WriteRunFileAsync(trusted ? ca : other, cancel);
        return arm;
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private async Task WriteRunFileAsync(X509Certificate2 ca, CancellationToken cancel)
    {
        await File.WriteAllTextAsync(CaFile, ca.ExportCertificatePem(), cancel);
        var run = new JsonObject
        {
            ["endpoint"] = Endpoint, ["caFile"] = CaFile, ["tenantId"] = "tenant", ["clientId"] = "client", ["clientSecret"] = "secret",
            ["subscriptionId"] = Subscription, ["location"] = "westeurope",
        };
        await File.WriteAllTextAsync(RunFile, run.ToJsonString(), cancel);
    }

    private async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.Path.StartsWithSegments("/tenant/oauth2/v2.0", StringComparison.Ordinal, out var door))
        {
            TokensGranted++;
            await Grant(door.Value![1..], await request.ReadFormAsync(context.RequestAborted)).ExecuteAsync(context);
            return;
        }

        var body = request.ContentLength is null or 0 ? null : await JsonNode.ParseAsync(request.Body, cancellationToken: context.RequestAborted);
        Requests.Enqueue((request.Method, request.Path + request.QueryString, body));
        var answer = request.Headers.Authorization == "Bearer granted" ? Answer(request, body) : Results.Unauthorized();
        await answer.ExecuteAsync(context);
    }

    private static X509Certificate2 Authority(ECDsa key)
    {
        var request = new CertificateRequest("CN=Test CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    private static X509Certificate2 Leaf(X509Certificate2 ca)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(ca, new DateTimeOffset(ca.NotBefore), new DateTimeOffset(ca.NotAfter), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }
}
