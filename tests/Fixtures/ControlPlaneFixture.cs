using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ControlPlane.Api.Arm;
using ControlPlane.Defaults;
using ControlPlane.Host;
using ControlPlane.Persistence;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Fixtures;

/// <summary>
/// A control plane behind real HTTPS on a free loopback port and on a database of its own: as a fixture of a collection with the settings below, or by
/// <see cref="StartAsync"/> with a test's own.
/// </summary>
public sealed class ControlPlaneFixture : IAsyncLifetime
{
    public const string Tenant = "7f6d3c0a-5c1e-4c55-9d0e-2b8f0e3a9c11";
    public const string ClientId = "0c9f8b1e-3d57-4f0a-8a43-6f5d1f1c2b3a";
    public const string ClientSecret = "correct horse battery staple";
    public const string Subscription = "11111111-2222-3333-4444-555555555555";

    private readonly DirectoryInfo artifacts = Directory.CreateTempSubdirectory("artifacts-");
    private TestDatabase? database;
    private WebApplication? app;
    private ArmHttp? arm;

    internal TestDatabase Database => database!;
    internal IServiceProvider Services => app!.Services;

    /// <summary>Speaks to it as the owner of <see cref="Subscription"/>.</summary>
    internal ArmHttp Arm => arm!;

    internal Uri Endpoint { get; private set; } = null!;

    /// <summary>What it has logged so far.</summary>
    internal RecordedLog Log { get; } = new();

    /// <summary>What a client must trust.</summary>
    internal static string CaPem => LoopbackCertificate.Pem;

    /// <summary>The whole host; what is not given is as the fixture has it.</summary>
    internal static Task<ControlPlaneFixture> StartAsync(params (string Name, string Value)[] settings) => StartAsync(HostComposition.Build, settings);

    /// <summary>The whole host, which reaches PostgreSQL through a relay that can be cut.</summary>
    internal static async Task<ControlPlaneFixture> StartAsync(TcpRelay postgres)
    {
        var plane = new ControlPlaneFixture();
        await plane.BootAsync(HostComposition.Build, [], postgres);
        return plane;
    }

    /// <summary>A front door without any worker: what it accepts stays accepted, so that a test can look at an operation in progress for as long as it likes.</summary>
    internal static Task<ControlPlaneFixture> StartFrontDoorAsync(params (string Name, string Value)[] settings) => StartAsync(FrontDoorAlone, settings);

    public async ValueTask InitializeAsync() => await BootAsync(HostComposition.Build, []);

    public async ValueTask DisposeAsync()
    {
        arm?.Dispose();
        if (app is not null)
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }

        if (database is not null)
            await database.DisposeAsync();
        artifacts.Delete(recursive: true);
    }

    /// <summary>A service principal of its own, without any role, signed in.</summary>
    internal async Task<(ArmHttp Arm, string ObjectId)> NewPrincipalAsync()
    {
        var application = (await Arm.PostAsync("/v1.0/applications", new JsonObject { ["displayName"] = "a principal of a test" })).Is(201).Json;
        var (id, appId) = (application.GetProperty("id").GetString(), application.GetProperty("appId").GetString()!);
        var secret = (await Arm.PostAsync($"/v1.0/applications/{id}/addPassword", new JsonObject { ["passwordCredential"] = new JsonObject { ["displayName"] = "test" } })).Is(200).Json.GetProperty("secretText").GetString()!;
        var principal = (await Arm.PostAsync("/v1.0/servicePrincipals", new JsonObject { ["appId"] = appId })).Is(201).Json;
        return (await ArmHttp.SignInAsync(Endpoint, appId, secret), principal.GetProperty("id").GetString()!);
    }

    /// <summary>Gives a principal a role at a scope, given by its path; empty is the tenant.</summary>
    internal async Task<string> AssignAsync(string principal, string role, string scope)
    {
        var path = $"{scope}/providers/Microsoft.Authorization/roleAssignments/{Guid.NewGuid()}";
        (await Arm.PutAsync($"{path}?api-version=2022-04-01", new JsonObject
        {
            ["properties"] = new JsonObject { ["roleDefinitionId"] = role.StartsWith('/') ? role : $"/providers/Microsoft.Authorization/roleDefinitions/{role}", ["principalId"] = principal },
        })).Is(201);
        return path;
    }

    private static async Task<ControlPlaneFixture> StartAsync(Func<WebApplicationBuilder, WebApplication> compose, (string Name, string Value)[] settings)
    {
        var plane = new ControlPlaneFixture();
        await plane.BootAsync(compose, settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)));
        return plane;
    }

    private async Task BootAsync(Func<WebApplicationBuilder, WebApplication> compose, IEnumerable<KeyValuePair<string, string?>> settings, TcpRelay? postgres = null)
    {
        database = await TestDatabase.CreateEmptyAsync();
        Endpoint = new Uri($"https://127.0.0.1:{FreePort()}");
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders().AddProvider(Log).SetMinimumLevel(LogLevel.Debug);
        foreach (var file in new[] { "boot.efi", "boot.iso" })
            await File.WriteAllBytesAsync(Path.Combine(artifacts.FullName, file), RandomNumberGenerator.GetBytes(64 * 1024));
        builder.Configuration.AddInMemoryCollection(Defaults(database, Endpoint, artifacts.FullName));
        builder.Configuration.AddInMemoryCollection(settings);
        if (postgres is not null)
            builder.Configuration["ConnectionStrings:postgres"] = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Host = "127.0.0.1", Port = postgres.Port }.ConnectionString;
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, Endpoint.Port, listen => listen.UseHttps(LoopbackCertificate.Certificate)));
        app = compose(builder);
        await app.InitializeFrontDoorAsync(CancellationToken.None);
        await app.StartAsync();
        arm = await ArmHttp.SignInAsync(Endpoint);
    }

    private static WebApplication FrontDoorAlone(WebApplicationBuilder builder)
    {
        builder.AddServiceDefaults("controlplane-api");
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddControlPlaneDb(builder.Configuration);
        builder.Services.AddBus(builder.Configuration);
        builder.AddFrontDoor();
        var door = builder.Build();
        door.UseFrontDoor();
        return door;
    }

    private static Dictionary<string, string?> Defaults(TestDatabase database, Uri endpoint, string artifacts) => new(StringComparer.Ordinal)
    {
        ["ConnectionStrings:postgres"] = database.ConnectionString,
        ["Encryption:KeyFile"] = database.KeyFile,
        ["Identity:TenantId"] = Tenant,
        ["Identity:Bootstrap:ClientId"] = ClientId,
        ["Identity:Bootstrap:ClientSecret"] = ClientSecret,
        ["Identity:Bootstrap:SubscriptionId"] = Subscription,
        ["Locations:0"] = "westeurope",
        ["Locations:1"] = "westus",
        ["BareMetal:ManagementNetworks:0"] = "127.0.0.0/8",
        ["Provisioning:PublicUri"] = endpoint.GetLeftPart(UriPartial.Authority),
        ["Provisioning:ArtifactsPath"] = artifacts,
        ["Operations:Lease"] = "00:00:05",
        ["Operations:Sweep"] = "00:00:00.2",
    };

    /// <summary>The address is a setting too, so the port must be known before anything listens.</summary>
    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
