using System.Security.Cryptography;
using ControlPlane.Persistence;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;
using static OpenIddict.Server.OpenIddictServerHandlers;

namespace ControlPlane.Api.Identity;

/// <summary>The built-in token service: OpenIddict with the addresses, the claims and the errors that clients of Microsoft Entra ID and AD FS know.</summary>
internal static class TokenService
{
    public static void AddTokenService(this IServiceCollection services)
    {
        services.AddSingleton<SecretGuesses>();
        services.AddSingleton<SigningKeyStore>();
        services.AddSingleton<SigningKeys>();
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>>(provider => provider.GetRequiredService<SigningKeys>());
        services.AddSingleton<IOptionsChangeTokenSource<OpenIddictServerOptions>>(provider => provider.GetRequiredService<SigningKeys>());
        services.AddHostedService(provider => provider.GetRequiredService<SigningKeys>());
        services.AddOptions<OpenIddictServerOptions>().Configure<IdentitySettings>(Configure);

        services.AddOpenIddict()
            .AddCore(core => core.UseEntityFrameworkCore().UseDbContext<ControlPlaneDb>())
            .AddServer(server =>
            {
                server.AllowClientCredentialsFlow();
                server.SetAccessTokenLifetime(IdentitySettings.TokenLifetime);

                // A resource server reads the token without a call to us, so it is signed only; and nothing is stored that nobody would look up.
                server.DisableAccessTokenEncryption().DisableTokenStorage().DisableAuthorizationStorage();

                // OpenIddict wants an encryption key for token types that are not issued here.
                server.AddEncryptionKey(new SymmetricSecurityKey(RandomNumberGenerator.GetBytes(32)));

                // Which resource is meant is decided by IssueToken, from either of the two parameters that name it.
                server.DisableScopeValidation().IgnoreScopePermissions().DisableResourceValidation().IgnoreResourcePermissions();

                server.RemoveEventHandler(ValidateClientSecret.Descriptor);
                server.AddEventHandler<ProcessAuthenticationContext>(handler => handler.UseScopedHandler<CheckSecret>().SetOrder(ValidateClientSecret.Descriptor.Order));
                server.AddEventHandler<HandleTokenRequestContext>(handler => handler.UseScopedHandler<IssueToken>());
                server.AddEventHandler<ProcessSignInContext>(handler => handler.UseSingletonHandler<NameIssuer>().SetOrder(PrepareAccessTokenPrincipal.Descriptor.Order + 500));
                server.AddEventHandler<GenerateTokenContext>(handler => handler.UseSingletonHandler<PickSigner>().SetOrder(Protection.AttachSecurityCredentials.Descriptor.Order + 500));
                server.AddEventHandler<HandleConfigurationRequestContext>(handler => handler.UseSingletonHandler<DescribeAuthority>().SetOrder(int.MaxValue - 100_000));
                server.AddEventHandler<ApplyTokenResponseContext>(handler => handler.UseSingletonHandler<ExplainRefusal>().SetOrder(ExplainRefusal.Order));
                server.UseAspNetCore();
            });
    }

    private static void Configure(OpenIddictServerOptions options, IdentitySettings settings)
    {
        // Applications prove themselves by a secret; none has registered a key.
        options.ClientAuthenticationMethods.Remove(OpenIddictConstants.ClientAuthenticationMethods.PrivateKeyJwt);
        foreach (var authority in Authority.All(settings.TenantId))
        {
            options.ConfigurationEndpointUris.Add(Relative(authority.Discovery));
            options.JsonWebKeySetEndpointUris.Add(Relative(authority.Keys));
            options.TokenEndpointUris.Add(Relative(authority.Token));
        }

        static Uri Relative(string path) => new(path[1..], UriKind.Relative);
    }
}

/// <summary>The signing key is chosen by the clock at each signature; all that are published are in the options.</summary>
internal sealed class PickSigner(SigningKeys keys) : IOpenIddictServerHandler<GenerateTokenContext>
{
    public ValueTask HandleAsync(GenerateTokenContext context)
    {
        context.SigningCredentials = new SigningCredentials(keys.Signer().Key, SigningKey.Algorithm);
        return ValueTask.CompletedTask;
    }
}

/// <summary>Discovery of the authority that was asked, with addresses of the host that the client used.</summary>
internal sealed class DescribeAuthority(IdentitySettings settings) : IOpenIddictServerHandler<HandleConfigurationRequestContext>
{
    public ValueTask HandleAsync(HandleConfigurationRequestContext context)
    {
        var (authority, endpoint) = context.Transaction.Authority(settings);
        context.Issuer = new(endpoint + authority.Path);
        context.TokenEndpoint = new(endpoint + authority.Token);
        context.JsonWebKeySetEndpoint = new(endpoint + authority.Keys);

        // MSAL refuses a document without it, even for a client that will never open a browser.
        context.AuthorizationEndpoint = new(endpoint + authority.Authorize);
        context.Claims.UnionWith(["sub", "oid", "tid", "appid", "azp", "idtyp", "ver", "aud", "iss", "exp", "nbf", "iat", "jti"]);
        return ValueTask.CompletedTask;
    }
}
