using ControlPlane.Contracts.Arm;
using OpenIddict.EntityFrameworkCore.Models;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace ControlPlane.Api.Identity;

/// <summary>What is registered of an application besides its names and credentials; stored as OpenIddict's <c>properties</c> of it, and applied to what OpenIddict reads.</summary>
internal sealed record Registration
{
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Addresses of a server that keeps a secret.</summary>
    public IReadOnlyList<string> Web { get; init; } = [];

    /// <summary>Addresses of a page in the browser.</summary>
    public IReadOnlyList<string> Spa { get; init; } = [];

    /// <summary>Addresses of a program on somebody's machine; with a loopback address any port will do (RFC 8252, section 7.3).</summary>
    public IReadOnlyList<string> PublicClient { get; init; } = [];

    /// <summary>Whether it may sign people in by device code.</summary>
    public bool IsFallbackPublicClient { get; init; }

    /// <summary>Whether it can keep no secret, and so must prove with PKCE that a code is its own (RFC 7636).</summary>
    public bool IsPublic => IsFallbackPublicClient || Spa.Count > 0 || PublicClient.Count > 0;

    public static Registration Of(OpenIddictEntityFrameworkCoreApplication application) =>
        application.Properties is { Length: > 0 } properties ? Json.Read<Registration>(properties) : new() { CreatedAt = DateTimeOffset.UnixEpoch };

    public void ApplyTo(OpenIddictEntityFrameworkCoreApplication application)
    {
        application.ClientType = IsPublic ? ClientTypes.Public : ClientTypes.Confidential;
        application.ApplicationType = PublicClient.Count > 0 ? ApplicationTypes.Native : ApplicationTypes.Web;
        application.RedirectUris = Json.Write(Web.Concat(Spa).Concat(PublicClient));
        application.Requirements = IsPublic ? Json.Write(new[] { Requirements.Features.ProofKeyForCodeExchange }) : null;
        application.Properties = Json.Write(this);
        application.ConcurrencyToken = Guid.NewGuid().ToString();
    }
}

/// <summary>The applications that are there from the first start.</summary>
internal static class WellKnownClients
{
    /// <summary><c>cpctl</c>: device code, or a browser that comes back to a loopback port.</summary>
    public const string Cli = "6d9c3c52-6f57-4d5e-9b54-2f3f6c1a7e01";

    /// <summary>The Azure CLI, under the id that it has everywhere.</summary>
    public const string AzureCli = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

    /// <summary>The portal: a code to one of <c>Identity:Portal:RedirectUris</c>.</summary>
    public const string Portal = "6d9c3c52-6f57-4d5e-9b54-2f3f6c1a7e02";

    private static readonly string[] Loopback = ["http://localhost", "http://127.0.0.1", "http://[::1]"];

    public static IEnumerable<(string ClientId, string Name, Registration Registration)> All(IdentitySettings settings, DateTimeOffset now) =>
    [
        (Cli, "ControlPlane CLI", new() { CreatedAt = now, PublicClient = Loopback, IsFallbackPublicClient = true }),
        (AzureCli, "Azure CLI", new() { CreatedAt = now, PublicClient = Loopback, IsFallbackPublicClient = true }),
        (Portal, "ControlPlane portal", new() { CreatedAt = now, Spa = settings.PortalRedirectUris, IsFallbackPublicClient = true }),
    ];
}
