using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>One machine behind one BMC, and who asks.</summary>
/// <param name="Endpoint">https://host[:port][/redfish/v1/Systems/id], also written redfish+https://. The path is needed only when the BMC has several systems.</param>
/// <param name="IdempotencyKey">Sent with every request that changes something; a BMC ignores it, a journal does not.</param>
internal sealed record BmcTarget(Uri Endpoint, string UserName, string Password, BmcTls Tls, string IdempotencyKey)
{
    /// <summary>Asked right before each request that changes something; false throws <see cref="WriteNotAllowedException"/>.</summary>
    public Func<bool>? MayWrite { get; init; }

    /// <summary>A session that an earlier process left behind at this BMC; deleted after the next log-in.</summary>
    public Uri? OrphanedSession { get; init; }

    /// <summary>Without the password: a record prints its members.</summary>
    public override string ToString() => $"{Endpoint.GetLeftPart(UriPartial.Path)} as {UserName}";
}

/// <summary>A BMC's origin and, where given, the path of its system.</summary>
internal sealed record BmcAddress(Uri Origin, string? SystemPath)
{
    private const string Prefix = "redfish+";

    /// <exception cref="RedfishException">NotAllowed: another scheme, user information, a query, or a port outside the list.</exception>
    public static BmcAddress Of(Uri endpoint, RedfishOptions options)
    {
        if (!endpoint.IsAbsoluteUri) throw Refused("is not absolute");
        var text = endpoint.OriginalString.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? endpoint.OriginalString[Prefix.Length..] : endpoint.OriginalString;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri)) throw Refused("is not an address");
        if (uri.Scheme != Uri.UriSchemeHttps && !(uri.Scheme == Uri.UriSchemeHttp && options.AllowPlainHttp)) throw Refused("is not https");
        if (uri.UserInfo.Length > 0) throw Refused("carries user information");
        if (uri.Query.Length > 0 || uri.Fragment.Length > 0) throw Refused("carries a query or fragment");
        if (options.ManagementPorts is { Length: > 0 } ports && !ports.Contains(uri.Port)) throw Refused($"uses port {uri.Port}, which is not a management port");

        var path = uri.AbsolutePath.TrimEnd('/');
        return new(new Uri(uri.GetLeftPart(UriPartial.Authority)), path is "" or "/redfish" or "/redfish/v1" ? null : path);
    }

    private static RedfishException Refused(string why) => new(RedfishFailure.NotAllowed, $"The BMC's address {why}.");
}
