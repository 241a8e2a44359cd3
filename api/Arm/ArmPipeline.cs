using System.Diagnostics;
using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Identity;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>What happens to every request before routing: ids, cache and transport headers, and one canonical path.</summary>
internal static class ArmPipeline
{
    public static IApplicationBuilder UseArmHeaders(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        var headers = http.Response.Headers;
        headers["x-ms-request-id"] = Guid.NewGuid().ToString();
        headers["x-ms-correlation-request-id"] = http.CorrelationId();
        headers.CacheControl = "no-cache";
        headers.StrictTransportSecurity = "max-age=31536000; includeSubDomains";
        headers.XContentTypeOptions = "nosniff";
        if (http.Request.Headers.TryGetValue("x-ms-return-client-request-id", out var wanted) && bool.TryParse(wanted, out var yes) && yes)
            headers["x-ms-client-request-id"] = http.Request.Headers["x-ms-client-request-id"];
        return next(http);
    });

    /// <summary>Clients send empty segments (<c>az resource</c>) and trailing slashes (<c>az deployment</c>): both vanish here, before authorization and routing see the path.</summary>
    public static IApplicationBuilder UseCanonicalPath(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        var path = http.Request.Path.Value ?? "/";
        if (path.Length > 1 && (path.Contains("//", StringComparison.Ordinal) || path[^1] == '/'))
            http.Request.Path = "/" + string.Join('/', path.Split('/', StringSplitOptions.RemoveEmptyEntries));
        return next(http);
    });

    /// <summary>The client's correlation id when it is a GUID, else one made once per request.</summary>
    public static string CorrelationId(this HttpContext http)
    {
        if (http.Items.TryGetValue(typeof(ArmPipeline), out var known) && known is string id)
            return id;
        id = Guid.TryParse(http.Request.Headers["x-ms-correlation-request-id"], out var given) ? given.ToString()
            : Activity.Current is { } trace ? new Guid(Convert.FromHexString(trace.TraceId.ToHexString())).ToString()
            : Guid.NewGuid().ToString();
        http.Items[typeof(ArmPipeline)] = id;
        return id;
    }

    /// <summary>Who is recorded as having asked.</summary>
    public static Caller Caller(this HttpContext http)
    {
        var principal = http.Principal();
        return new(principal.ObjectId, principal.Type, http.CorrelationId());
    }

    /// <summary>What the caller has been given; asking for it before authorization is a mistake in the program.</summary>
    public static Grants Grants(this HttpContext http) => http.Features.Get<Grants>() ?? throw new InvalidOperationException($"{http.Request.Path} is outside authorization.");

    public static Preconditions Preconditions(this HttpContext http) => new(http.Request.Headers.IfMatch.ToString(), http.Request.Headers.IfNoneMatch.ToString());

    /// <summary>Scheme and host as the client used them, which is where polling URLs must point.</summary>
    public static string BaseAddress(this HttpContext http) => $"{http.Request.Scheme}://{http.Request.Host}";

    /// <summary>The same list from where a page ends, which <paramref name="skipToken"/> says.</summary>
    public static string NextLink(this HttpContext http, string skipToken)
    {
        var query = http.Request.Query.Where(p => !p.Key.Equals("$skipToken", StringComparison.OrdinalIgnoreCase)).Select(p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value.ToString())}");
        return $"{http.BaseAddress()}{http.Request.Path.ToUriComponent()}?{string.Join('&', query)}&%24skipToken={skipToken}";
    }
}
