namespace ControlPlane.Contracts.Clusters;

/// <summary>A node's taint (Kubernetes, taints and tolerations).</summary>
public sealed record NodeTaint(string Key, string Value, string Effect)
{
    /// <summary><c>key=value:effect</c> or <c>key:effect</c>; null when it is neither.</summary>
    public static NodeTaint? Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || text[(colon + 1)..] is not ("NoSchedule" or "PreferNoSchedule" or "NoExecute"))
            return null;
        var pair = text[..colon].Split('=', 2);
        return KubernetesNames.IsLabelKey(pair[0]) && (pair.Length == 1 || KubernetesNames.IsLabelValue(pair[1])) ? new(pair[0], pair.Length == 2 ? pair[1] : "", text[(colon + 1)..]) : null;
    }
}
