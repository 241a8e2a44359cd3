using ControlPlane.Api.Arm;
using ControlPlane.Api.Identity.Directory;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ControlPlane.Api.Identity;

/// <summary>Identity as the front door puts it together: token service, authentication of every request, and the question whether a principal may.</summary>
internal static class IdentityModule
{
    /// <summary>What ASP.NET Core looks for before it puts its own authentication in front of every request.</summary>
    private const string AuthenticationMiddlewareSet = "__AuthenticationMiddlewareSet";

    /// <summary>Bytes of the largest form that is read of somebody who has not proved anything yet: an assertion and a code, with room to spare.</summary>
    private const long LargestForm = 64 * 1024;

    public static void AddIdentity(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => IdentitySettings.From(provider.GetRequiredService<IConfiguration>()));
        services.AddSingleton<IdentityMetrics>();
        services.AddTokenService();
        services.AddSingleton<ForeignTokens>();
        services.AddSingleton<TokenValidator>();
        services.AddScoped<Bootstrap>();
        services.AddAuthentication();

        // At lower levels OpenIddict writes requests and tokens into the log.
        builder.Logging.AddFilter("OpenIddict", LogLevel.Warning);
    }

    /// <summary>
    /// Answers the paths of the token service and demands a token on every other path but the few open ones. Comes after the path was made canonical and before everything
    /// that asks for <see cref="PrincipalOfRequest.Principal"/>.
    /// </summary>
    public static void UseIdentity(this IApplicationBuilder app)
    {
        app.Properties[AuthenticationMiddlewareSet] = true;
        app.UseWhen(http => Authority.Of(http.Request.Path) is not null || http.Request.Path == Authority.DevicePage, tokenService =>
        {
            tokenService.Use(RefuseOtherTenantsAsync);
            tokenService.Use(RefuseUnreadableFormsAsync);
            tokenService.UseAuthentication();
        });
        app.UseMiddleware<BearerAuthentication>();
    }

    public static void MapIdentity(this IEndpointRouteBuilder app)
    {
        app.MapCloudMetadata();
        DirectoryRoutes.Map(app);
    }

    /// <summary>Reads or makes the signing keys and what <c>Identity:Bootstrap</c> names; run it once the schema exists and before the first request.</summary>
    public static async Task InitializeIdentityAsync(this IServiceProvider services, CancellationToken cancel)
    {
        await services.GetRequiredService<SigningKeys>().ReloadAsync(cancel);
        await using var scope = services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<Bootstrap>().RunAsync(cancel);
    }

    private static Task RefuseOtherTenantsAsync(HttpContext http, RequestDelegate next)
    {
        var settings = http.RequestServices.GetRequiredService<IdentitySettings>();
        if (Authority.Of(http.Request.Path)?.IsOf(settings.TenantId) is not false)
            return next(http);

        var path = http.Request.Path.Value!;
        var tenant = path[1..path.IndexOf('/', 1)];
        return TokenError.UnknownTenantAsync(http, tenant);
    }

    private static async Task RefuseUnreadableFormsAsync(HttpContext http, RequestDelegate next)
    {
        try
        {
            await http.AwaitBodyAsync(LargestForm);
            if (http.Request.HasFormContentType)
                await http.Request.ReadFormAsync(http.RequestAborted);
        }
        catch (InvalidDataException unreadable)
        {
            await TokenError.UnreadableFormAsync(http, unreadable.Message);
            return;
        }

        await next(http);
    }
}
