using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>If-Match and If-None-Match (RFC 9110 §13, ARM RPC addendum on ETags).</summary>
internal static class Preconditions
{
    public static void Check(HttpRequest request, ResourceRow? current)
    {
        var ifMatch = request.Headers.IfMatch.ToString();
        if (ifMatch.Length > 0 && (current is null || !Matches(ifMatch, current)))
            throw ArmErrors.PreconditionFailed("If-Match", ifMatch);
        var ifNoneMatch = request.Headers.IfNoneMatch.ToString();
        if (ifNoneMatch.Length > 0 && current is not null && Matches(ifNoneMatch, current))
            throw ArmErrors.PreconditionFailed("If-None-Match", ifNoneMatch);
    }

    public static bool NotModified(HttpRequest request, ResourceRow current) =>
        request.Headers.IfNoneMatch.ToString() is { Length: > 0 } condition && Matches(condition, current);

    private static bool Matches(string condition, ResourceRow current) => condition.Trim() == "*"
        || condition.Split(',').Any(tag => tag.Trim() is var given && (given == ResourceWriter.Etag(current.Version) || given == $"W/{ResourceWriter.Etag(current.Version)}"));
}

/// <summary>The <c>api-version</c> query parameter, whose name comes in any case and percent-encoding.</summary>
internal static partial class ApiVersion
{
    /// <summary>A version that <paramref name="type"/> serves; with null, any well-formed one (reads that belong to no type).</summary>
    public static string Require(HttpContext http, RegisteredType? type)
    {
        var version = http.Request.Query["api-version"].ToString();
        if (version.Length == 0)
            throw ArmErrors.MissingApiVersion();
        if (!Date().IsMatch(version))
            throw ArmErrors.InvalidApiVersion(version);
        if (type is not null && !type.ApiVersions.Contains(version, StringComparer.OrdinalIgnoreCase))
            throw ArmErrors.UnsupportedApiVersion(type.Type, version, type.ApiVersions);
        return version;
    }

    [GeneratedRegex(@"^\d{4}-\d{2}-\d{2}(-preview)?$", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Date();
}
