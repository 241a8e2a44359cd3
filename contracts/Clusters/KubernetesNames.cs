using System.Text.RegularExpressions;

namespace ControlPlane.Contracts.Clusters;

/// <summary>The names that Kubernetes takes (Kubernetes, Object Names and IDs; RFC 1123; Labels and Selectors).</summary>
internal static partial class KubernetesNames
{
    /// <summary>An RFC 1123 label of any length, such as <c>store-0001</c>.</summary>
    public static bool IsLabel(string name) => Label().IsMatch(name);

    /// <summary>An RFC 1123 subdomain of at most 253 characters.</summary>
    public static bool IsSubdomain(string name) => name.Length <= 253 && Subdomain().IsMatch(name);

    /// <summary>A label's key: an optional prefix, which is a subdomain, a slash, and a name of at most 63 characters.</summary>
    public static bool IsLabelKey(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? Qualified().IsMatch(key) : slash > 0 && IsSubdomain(key[..slash]) && Qualified().IsMatch(key[(slash + 1)..]);
    }

    /// <summary>A label's value: empty, or at most 63 characters.</summary>
    public static bool IsLabelValue(string value) => value.Length == 0 || Qualified().IsMatch(value);

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Label();

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Subdomain();

    [GeneratedRegex("^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Qualified();
}
