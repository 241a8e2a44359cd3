using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace ControlPlane.Tests.Simulators;

/// <summary>One attempt as the door knows it.</summary>
internal sealed class Attempt(string token, MachineIdentity machine, JsonObject order, JsonObject join)
{
    public string Token => token;
    public MachineIdentity Machine => machine;
    public JsonObject Order => order;
    public JsonObject Join => join;
    public Guid Id { get; } = Guid.NewGuid();
    public ConcurrentQueue<string> Steps { get; } = new();
    public JsonObject? Failure { get; set; }
    public bool PermitConsumed { get; set; }
    public bool JoinConsumed { get; set; }
    public bool Reached(string step) => Steps.Contains(step, StringComparer.Ordinal);
}

/// <summary>A door that keeps the wire contract of docs/provisioning.md, so that the simulated machine can be tested without the product.</summary>
internal sealed class ProvisioningDoor : IAsyncDisposable
{
    private static readonly byte[] bootFile = new byte[600_000];

    private readonly ConcurrentDictionary<string, Attempt> attempts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> pxe = new(StringComparer.Ordinal);
    private readonly CertificateAuthority authority;
    private readonly WebApplication app;

    private ProvisioningDoor(CertificateAuthority authority, WebApplication app)
    {
        this.authority = authority;
        this.app = app;
        app.Run(HandleAsync);
    }

    public string CaPem => authority.Pem;

    public Uri Address => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public ConcurrentQueue<string> Requests { get; } = new();

    public static async Task<ProvisioningDoor> StartAsync()
    {
        var issuer = new CertificateAuthority("Front door CA", TimeProvider.System);
        var leaf = issuer.IssueServer("front door");
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(leaf)));
        var door = new ProvisioningDoor(issuer, builder.Build());
        await door.app.StartAsync();
        return door;
    }

    public Attempt Open(MachineIdentity machine, JsonObject order, JsonObject join)
    {
        var attempt = new Attempt(Guid.NewGuid().ToString("n"), machine, order, join);
        attempts[attempt.Token] = attempt;
        pxe[machine.Mac] = attempt.Token;
        return attempt;
    }

    public string BootFile(Attempt attempt, string name = "boot.efi") => new Uri(Address, $"/provision/{attempt.Token}/{name}").ToString();

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        authority.Dispose();
    }

    private async Task HandleAsync(HttpContext http)
    {
        var path = http.Request.Path.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries);
        Requests.Enqueue($"{http.Request.Method} {path[^1]} {http.Request.Headers.UserAgent} {http.Request.Headers.Range}".TrimEnd());
        if (path is ["provision", "pxe", var mac, "boot.ipxe"] && pxe.TryRemove(mac, out var token))
        {
            await http.Response.WriteAsync($"#!ipxe\nchain {new Uri(Address, $"/provision/{token}/boot.efi")}\n");
            return;
        }

        if (path is not ["provision", var known, var step] || !attempts.TryGetValue(known, out var attempt))
        {
            await Json.WriteAsync(http.Response, 404, Error("NotFound"), http.RequestAborted);
            return;
        }

        if (step is "boot.efi" or "boot.iso")
        {
            await Results.Bytes(bootFile, "application/efi", enableRangeProcessing: true).ExecuteAsync(http);
            return;
        }

        attempt.Steps.Enqueue(step);
        var body = HttpMethods.IsGet(http.Request.Method) ? null : await Json.ReadObjectAsync(http.Request, http.RequestAborted);
        var (status, answer) = Answer(attempt, step, body);
        if (answer is null) http.Response.StatusCode = status;
        else await Json.WriteAsync(http.Response, status, answer, http.RequestAborted);
    }

    private static (int Status, JsonObject? Body) Answer(Attempt attempt, string step, JsonObject? body)
    {
        switch (step)
        {
            case "hello" when body.Text("serial") != attempt.Machine.Serial || body.Text("mac") != attempt.Machine.Mac || body.Text("uuid") != attempt.Machine.Uuid.ToString():
                return (403, Error("MachineIdentityMismatch"));
            case "hello":
                return (200, new JsonObject { ["attempt"] = attempt.Id.ToString(), ["machine"] = "/subscriptions/s/machines/m" });
            case "instructions":
                return (200, attempt.PermitConsumed ? new JsonObject { ["action"] = "none" } : (JsonObject)attempt.Order.DeepClone());
            case "wipe-started" when attempt.PermitConsumed || body.Text("permit") != attempt.Order.Text("permit"):
                return (409, Error("PermitConsumed"));
            case "wipe-started":
                attempt.PermitConsumed = true;
                return (204, null);
            case "join-credentials" when attempt.JoinConsumed:
                return (409, Error("JoinCredentialsConsumed"));
            case "join-credentials":
                attempt.JoinConsumed = true;
                return (200, (JsonObject)attempt.Join.DeepClone());
            case "failed":
                attempt.Failure = body;
                return (204, null);
            default:
                return (204, null);
        }
    }

    private static JsonObject Error(string code) => new() { ["error"] = new JsonObject { ["code"] = code, ["message"] = code } };
}
