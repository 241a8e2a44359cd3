using ControlPlane.Admission.Authorization;
using System.Net;
using ControlPlane.Api.Arm;
using ControlPlane.Api.Identity;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using ControlPlane.Tests.Fixtures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.Identity;

/// <summary>A front door of which only identity is there: <c>GET /subscriptions/{s}</c> answers who asks and whether that principal may.</summary>
internal sealed class IdentityHost : IAsyncDisposable
{
    public const string Tenant = "7f6d3c0a-5c1e-4c55-9d0e-2b8f0e3a9c11";
    public const string ClientId = "0c9f8b1e-3d57-4f0a-8a43-6f5d1f1c2b3a";
    public const string Secret = "correct horse battery staple";
    public const string Subscription = "11111111-2222-3333-4444-555555555555";

    /// <summary>A person who can sign in.</summary>
    public const string User = "ada@plane.example";

    public const string Password = "Analytical-Engine-1843";
    public const string UserId = "5e0ff2b4-1111-4111-8111-000000000001";

    private readonly WebApplication app;

    private IdentityHost(WebApplication app)
    {
        this.app = app;
        Address = new Uri(app.Urls.Single());
        Client = LoopbackCertificate.Client(Address);
    }

    public Uri Address { get; }

    /// <summary>Scheme, host and port without a slash.</summary>
    public string Endpoint => Address.GetLeftPart(UriPartial.Authority);

    public HttpClient Client { get; }
    public IServiceProvider Services => app.Services;

    public static async Task<IdentityHost> StartAsync(TestDatabase database, TimeProvider time, params (string Name, string Value)[] settings)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:postgres"] = database.ConnectionString,
            ["Encryption:KeyFile"] = database.KeyFile,
            ["Identity:TenantId"] = Tenant,
            ["Identity:Bootstrap:ClientId"] = ClientId,
            ["Identity:Bootstrap:ClientSecret"] = Secret,
            ["Identity:Bootstrap:SubscriptionId"] = Subscription,
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)));
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(LoopbackCertificate.Certificate)));
        builder.Services.AddSingleton(time);
        builder.Services.AddControlPlaneDb(builder.Configuration);
        builder.Services.AddSingleton<Authorizer>();
        builder.AddIdentity();

        var built = builder.Build();
        built.UseMiddleware<ArmErrorRendering>();
        built.UseIdentity();
        built.UseRouting();
        built.UseMiddleware<RouteAuthorization>();
        built.MapIdentity();
        built.MapGet("/healthz", () => "ok");
        built.MapGet("/provision/{token}/instructions", (string token) => token);
        built.MapGet("/subscriptions/{s}", async (string s, HttpContext http, Authorizer authorizer) =>
            Results.Json(new WhoAmI(http.Principal(), (await authorizer.GrantsOfAsync(http.Principal().ObjectId, [], http.RequestAborted)).Sees($"/subscriptions/{s}")))).WithMetadata(OpenRoute.Instance);
        await built.Services.InitializeIdentityAsync(CancellationToken.None);
        await built.StartAsync();
        return new(built);
    }

    /// <summary>Puts <see cref="User"/> into the directory.</summary>
    public async Task<IdentityHost> WithUserAsync()
    {
        await using var db = await Services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContextAsync();
        db.Add(new UserRow { ObjectId = UserId, DisplayName = "Ada Lovelace", UserPrincipalName = User, PasswordHash = Passwords.Hash(Password), CreatedAt = DateTimeOffset.UnixEpoch });
        await db.SaveChangesAsync();
        return this;
    }

    /// <summary>Unlocks what a test of many wrong things has locked.</summary>
    public async Task ForgetFailuresAsync()
    {
        await using var db = await Services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContextAsync();
        await db.Set<SignInFailureRow>().ExecuteDeleteAsync();
    }

    public Task ReloadKeysAsync() => Services.GetRequiredService<SigningKeys>().ReloadAsync(CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await app.DisposeAsync();
    }
}

/// <summary>What the test front door answers.</summary>
internal sealed record WhoAmI(Principal Principal, bool May);

/// <summary>One front door on a clock of its own, for the tests of a class.</summary>
public sealed class IdentityFixture : Xunit.IAsyncLifetime
{
    private TestDatabase? database;
    private IdentityHost? host;

    internal ManualTime Time { get; } = new();
    internal TestDatabase Database => database!;
    internal IdentityHost Host => host!;

    public async ValueTask InitializeAsync()
    {
        database = await TestDatabase.CreateAsync();
        host = await (await IdentityHost.StartAsync(database, Time)).WithUserAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await host!.DisposeAsync();
        await database!.DisposeAsync();
    }
}
