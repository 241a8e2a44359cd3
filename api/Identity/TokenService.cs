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
        services.AddSingleton<SignInThrottle>();
        services.AddSingleton<CrossSite>();
        services.AddSingleton<IssuerKeys>();
        services.AddScoped<ClientAssertions>();
        services.AddScoped<UserSignIn>();
        services.AddSingleton<SigningKeyStore>();
        services.AddSingleton<SigningKeys>();
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>>(provider => provider.GetRequiredService<SigningKeys>());
        services.AddSingleton<IOptionsChangeTokenSource<OpenIddictServerOptions>>(provider => provider.GetRequiredService<SigningKeys>());
        services.AddHostedService(provider => provider.GetRequiredService<SigningKeys>());
        services.AddHostedService<Housekeeping>();
        services.AddOptions<OpenIddictServerOptions>().Configure<IdentitySettings, SecretBox>(Configure);

        services.AddOpenIddict()
            .AddCore(core => core.UseEntityFrameworkCore().UseDbContext<ControlPlaneDb>())
            .AddServer(server =>
            {
                server.AllowClientCredentialsFlow().AllowAuthorizationCodeFlow().AllowDeviceAuthorizationFlow().AllowRefreshTokenFlow();
                server.SetAccessTokenLifetime(IdentitySettings.TokenLifetime);

                // A resource server reads an access token without a call to us, so it is signed only. A refresh token is a random number that stands for a row.
                server.DisableAccessTokenEncryption().UseReferenceRefreshTokens();

                // Which resource is meant is decided by IssueToken, from either of the two parameters that name it; which grants an application may use follows from its type.
                server.DisableScopeValidation().IgnoreScopePermissions().DisableResourceValidation().IgnoreResourcePermissions();
                server.IgnoreEndpointPermissions().IgnoreGrantTypePermissions().IgnoreResponseTypePermissions();

                // MSAL repeats the scope when it redeems a code, and asks for another resource when it refreshes.
                server.RemoveEventHandler(Exchange.ValidateScopeParameter.Descriptor).RemoveEventHandler(Exchange.ValidateGrantedScopes.Descriptor);

                server.RemoveEventHandler(ValidateClientAssertion.Descriptor).RemoveEventHandler(ValidateClientAssertionWellknownClaims.Descriptor)
                    .RemoveEventHandler(ValidateClientAssertionIssuer.Descriptor).RemoveEventHandler(ValidateClientSecret.Descriptor);
                server.AddEventHandler<ProcessAuthenticationContext>(handler => handler.UseScopedHandler<AuthenticateClient>().SetOrder(ValidateClientAssertion.Descriptor.Order));
                server.AddEventHandler<HandleAuthorizationRequestContext>(handler => handler.UseScopedHandler<SignInUser>());
                server.AddEventHandler<ApplyAuthorizationResponseContext>(handler => handler.UseSingletonHandler<NameIssuerToBrowser>().SetOrder(Authentication.AttachIssuer.Descriptor.Order - 500));
                server.AddEventHandler<HandleDeviceAuthorizationRequestContext>(handler => handler.UseSingletonHandler<BeginDevice>());
                server.AddEventHandler<ApplyDeviceAuthorizationResponseContext>(handler => handler.UseSingletonHandler<ExplainDevice>().SetOrder(ExplainDevice.Order));
                server.AddEventHandler<HandleEndUserVerificationRequestContext>(handler => handler.UseScopedHandler<VerifyDevice>());
                server.AddEventHandler<ApplyEndUserVerificationResponseContext>(handler => handler.UseSingletonHandler<ConfirmDevice>().SetOrder(int.MinValue));
                server.AddEventHandler<HandleTokenRequestContext>(handler => handler.UseScopedHandler<IssueToken>());
                server.AddEventHandler<ProcessSignInContext>(handler => handler.UseSingletonHandler<NameIssuer>().SetOrder(PrepareIdentityTokenPrincipal.Descriptor.Order + 500));
                server.AddEventHandler<GenerateTokenContext>(handler => handler.UseSingletonHandler<PickSigner>().SetOrder(Protection.AttachSecurityCredentials.Descriptor.Order + 500));
                server.AddEventHandler<HandleConfigurationRequestContext>(handler => handler.UseSingletonHandler<DescribeAuthority>().SetOrder(int.MaxValue - 100_000));
                server.AddEventHandler<ApplyTokenResponseContext>(handler => handler.UseSingletonHandler<CountFailure>().SetOrder(CountFailure.Order));
                server.AddEventHandler<ApplyTokenResponseContext>(handler => handler.UseSingletonHandler<ExplainRefusal>().SetOrder(ExplainRefusal.Order));
                server.UseAspNetCore();
            });
    }

    private static void Configure(OpenIddictServerOptions options, IdentitySettings settings, SecretBox secrets)
    {
        foreach (var authority in Authority.All(settings.TenantId))
        {
            options.ConfigurationEndpointUris.Add(Relative(authority.Discovery));
            options.JsonWebKeySetEndpointUris.Add(Relative(authority.Keys));
            options.AuthorizationEndpointUris.Add(Relative(authority.Authorize));
            options.DeviceAuthorizationEndpointUris.Add(Relative(authority.DeviceCode));
            options.TokenEndpointUris.Add(Relative(authority.Token));
            options.RevocationEndpointUris.Add(Relative(authority.Revoke));
        }

        options.EndUserVerificationEndpointUris.Add(Relative(Authority.DevicePage));
        options.CodeChallengeMethods.Remove(OpenIddictConstants.CodeChallengeMethods.Plain);

        // What stands in rows between two requests is read by every replica for weeks, so it is not bound to the keys of access tokens.
        options.EncryptionCredentials.AddRange(secrets.Derive("identity/rows/encryption").Select(key =>
            new EncryptingCredentials(new SymmetricSecurityKey(key.Key) { KeyId = "encryption-" + key.Version }, SecurityAlgorithms.Aes256KW, SecurityAlgorithms.Aes256CbcHmacSha512)));
        options.SigningCredentials.AddRange(secrets.Derive(PickSigner.Rows).Select(key => PickSigner.Credentials(key.Version, key.Key)));

        static Uri Relative(string path) => new(path[1..], UriKind.Relative);
    }
}

/// <summary>
/// Access and id tokens are signed by the key that the clock says, and leave no row. What never leaves us but as the number of a row is signed with a key that only we have.
/// </summary>
internal sealed class PickSigner(SigningKeys keys, SecretBox secrets) : IOpenIddictServerHandler<GenerateTokenContext>
{
    public const string Rows = "identity/rows/signature";

    private readonly SigningCredentials rows = Credentials(secrets.Derive(Rows)[0].Version, secrets.Derive(Rows)[0].Key);

    public static SigningCredentials Credentials(string version, byte[] key) => new(new SymmetricSecurityKey(key) { KeyId = "rows-" + version }, SecurityAlgorithms.HmacSha256);

    public ValueTask HandleAsync(GenerateTokenContext context)
    {
        var isPublic = context.TokenType is OpenIddictConstants.TokenTypeIdentifiers.AccessToken or OpenIddictConstants.TokenTypeIdentifiers.IdentityToken;
        context.SigningCredentials = isPublic ? new SigningCredentials(keys.Signer().Key, SigningKey.Algorithm) : rows;
        if (isPublic)
            context.CreateTokenEntry = false;
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
        context.DeviceAuthorizationEndpoint = new(endpoint + authority.DeviceCode);
        context.AuthorizationEndpoint = new(endpoint + authority.Authorize);
        context.RevocationEndpoint = new(endpoint + authority.Revoke);
        context.Claims.UnionWith(["sub", "oid", "tid", "appid", "azp", "idtyp", "name", "upn", "preferred_username", "scp", "ver", "aud", "iss", "exp", "nbf", "iat", "jti"]);
        return ValueTask.CompletedTask;
    }
}
