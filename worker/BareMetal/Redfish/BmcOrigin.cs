namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// Follows what a BMC points at (@odata.id, Location, action targets, monitors), but never away from the BMC: the next request
/// would carry its session token.
/// </summary>
internal static class BmcOrigin
{
    /// <exception cref="RedfishException">NotAllowed for another scheme, host or port; Protocol for what is no reference at all.</exception>
    public static Uri Resolve(Uri origin, string? reference)
    {
        if (string.IsNullOrWhiteSpace(reference) || !Uri.TryCreate(origin, reference.Trim(), out var uri))
            throw new RedfishException(RedfishFailure.Protocol, "The BMC gave a reference that is not an address.");
        if (!IsSame(origin, uri))
            throw new RedfishException(RedfishFailure.NotAllowed, $"The BMC pointed at another origin, {uri.GetLeftPart(UriPartial.Authority)}.");
        return uri;
    }

    public static bool IsSame(Uri origin, Uri other) => other.IsAbsoluteUri
        && other.Scheme == origin.Scheme
        && other.Port == origin.Port
        && other.UserInfo.Length == 0
        && string.Equals(other.IdnHost, origin.IdnHost, StringComparison.OrdinalIgnoreCase);
}
