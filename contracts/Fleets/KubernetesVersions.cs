using System.Text.RegularExpressions;

namespace ControlPlane.Contracts.Fleets;

/// <summary>Versions of Kubernetes, with or without the leading v.</summary>
internal static partial class KubernetesVersions
{
    public static bool IsValid(string version) => Form().IsMatch(version);

    [GeneratedRegex(@"^v?[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Form();
}
