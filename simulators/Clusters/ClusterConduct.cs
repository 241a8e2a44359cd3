namespace ControlPlane.Simulators.Clusters;

/// <summary>How a cluster's insides behave at the moment; the fault plan changes it at run time.</summary>
internal sealed class ClusterConduct
{
    /// <summary>Realistic time from a changed workload to its being available.</summary>
    public TimeSpan Rollout { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>Wall-clock time that a rollout takes besides the realistic one.</summary>
    public TimeSpan SlowRollout { get; set; }

    /// <summary>Wall-clock time until a CustomResourceDefinition is established, besides the realistic one.</summary>
    public TimeSpan LateCustomResources { get; set; }

    /// <summary>Wall-clock time after which an available workload is unavailable again, and so on; zero = it stays available.</summary>
    public TimeSpan FlipFlop { get; set; }

    /// <summary>Images that never start, as patterns with <c>*</c>. A tag <c>bad</c>, or one that begins with <c>bad-</c>, never does.</summary>
    public IReadOnlyList<string> BadImages { get; set; } = [];

    public bool IsBad(string image)
    {
        var tag = image[(image.LastIndexOf(':') + 1)..];
        return tag == "bad" || tag.StartsWith("bad-", StringComparison.Ordinal) || BadImages.Any(pattern => Matches(pattern, image));
    }

    /// <summary>Whether a text is of the form of a pattern in which <c>*</c> stands for anything.</summary>
    public static bool Matches(string pattern, string text) => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, text, ignoreCase: false);
}
