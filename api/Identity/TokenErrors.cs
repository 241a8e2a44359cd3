using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;
using Microsoft.AspNetCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace ControlPlane.Api.Identity;

/// <summary>An OAuth error in the form that Microsoft Entra ID gives it, down to the AADSTS code that tools search for.</summary>
internal static partial class TokenError
{
    /// <summary>The members that follow <c>error</c> and <c>error_description</c>.</summary>
    public static Dictionary<string, JsonElement> Details(HttpContext http, string description, DateTimeOffset now) => new(StringComparer.Ordinal)
    {
        ["error_codes"] = Json.Element(new[] { Code(description) }),
        ["timestamp"] = Json.Element(now.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture)),
        ["trace_id"] = Json.Element(Guid.NewGuid()),
        ["correlation_id"] = Json.Element(CorrelationId(http.Request)),
    };

    /// <summary>The answer to a request for a directory that is not this one.</summary>
    public static Task UnknownTenantAsync(HttpContext http, string tenant) =>
        WriteAsync(http, "invalid_tenant", $"AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.");

    /// <summary>The answer to a form that cannot be read.</summary>
    public static Task UnreadableFormAsync(HttpContext http, string why) => WriteAsync(http, Errors.InvalidRequest, $"AADSTS900144: The form cannot be read: {why}");

    private static Task WriteAsync(HttpContext http, string error, string description)
    {
        var body = Details(http, description, http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow());
        body["error"] = Json.Element(error);
        body["error_description"] = Json.Element(description);
        http.Response.StatusCode = StatusCodes.Status400BadRequest;
        http.Response.Headers.CacheControl = "no-store";
        return http.Response.WriteAsJsonAsync(body, Json.Options, http.RequestAborted);
    }

    /// <summary>The OpenIddict message with the AADSTS code that says the same; messages of ours have theirs already.</summary>
    public static string Describe(OpenIddictResponse response, string? clientId, string tenant)
    {
        var description = response.ErrorDescription ?? "The request was refused.";
        return Aadsts().IsMatch(description) ? description : response.Error switch
        {
            Errors.UnauthorizedClient => $"AADSTS700016: Application with identifier '{clientId}' was not found in the directory '{tenant}'.",
            Errors.InvalidClient => $"AADSTS7000218: {description}",
            Errors.UnsupportedGrantType => $"AADSTS70003: {description}",
            Errors.InvalidScope => $"AADSTS70011: {description}",
            Errors.ServerError => $"AADSTS90033: {description}",
            _ => $"AADSTS900144: {description}",
        };
    }

    /// <summary>MSAL for Python and .NET send it as a header, MSAL for JavaScript in the query.</summary>
    private static Guid CorrelationId(HttpRequest request)
    {
        const string Name = "client-request-id";
        return Guid.TryParse(request.Headers[Name], out var id) || Guid.TryParse(request.Query[Name], out id) ? id : Guid.NewGuid();
    }

    private static int Code(string description) => int.Parse(Aadsts().Match(description).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("^AADSTS([0-9]+):", RegexOptions.None, matchTimeoutMilliseconds: 100)]
    private static partial Regex Aadsts();
}

/// <summary>Completes the answer to a token request: refusals get their code and, if the application is locked, 429.</summary>
internal sealed class ExplainRefusal(IdentitySettings settings, IdentityMetrics metrics, TimeProvider time) : IOpenIddictServerHandler<ApplyTokenResponseContext>
{
    /// <summary>The transaction's property with the seconds until an application is unlocked.</summary>
    public const string RetryAfter = "retry_after";

    /// <summary>After the status code was set and before the body is written.</summary>
    public static int Order => OpenIddictServerAspNetCoreHandlers.AttachHttpResponseCode<ApplyTokenResponseContext>.Descriptor.Order + 500;

    /// <summary>What Entra ID calls differently, by the last segment of the address where OpenIddict documents it: an unknown client id, and no credential at all.</summary>
    private static readonly Dictionary<string, (string Error, int Status)> Renamed = new(StringComparer.Ordinal)
    {
        ["ID2052"] = (Errors.UnauthorizedClient, StatusCodes.Status400BadRequest),
        ["ID2057"] = (Errors.InvalidClient, StatusCodes.Status401Unauthorized),
    };

    public ValueTask HandleAsync(ApplyTokenResponseContext context)
    {
        // Clients keep the scope they asked for; OpenIddict would say that the token has none.
        context.Response.Scope = null;
        if (string.IsNullOrEmpty(context.Response.Error))
            return ValueTask.CompletedTask;

        var http = context.Transaction.GetHttpRequest()!.HttpContext;
        if (Renamed.TryGetValue(context.Response.ErrorUri?.Split('/')[^1] ?? "", out var renamed))
        {
            context.Response.Error = renamed.Error;
            http.Response.StatusCode = renamed.Status;
        }

        if (context.Transaction.Properties.TryGetValue(RetryAfter, out var seconds))
        {
            http.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            http.Response.Headers.RetryAfter = ((int)seconds!).ToString(CultureInfo.InvariantCulture);
        }

        var description = TokenError.Describe(context.Response, context.Request?.ClientId, settings.TenantId);
        context.Response.ErrorDescription = description;
        context.Response.ErrorUri = null;
        foreach (var (name, value) in TokenError.Details(http, description, time.GetUtcNow()))
            context.Response.SetParameter(name, new OpenIddictParameter(value));
        metrics.TokenRequestRefused(context.Response.Error!);
        return ValueTask.CompletedTask;
    }
}
