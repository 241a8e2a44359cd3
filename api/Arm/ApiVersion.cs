using System.Text.RegularExpressions;

namespace ControlPlane.Api.Arm;

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
