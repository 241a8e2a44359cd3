using System.Net;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// Where BMCs may be. Their addresses are typed in by users, so without this list a machine resource could make the worker talk to
/// anything that the worker can reach.
/// </summary>
internal sealed class ManagementNetworks
{
    private readonly IPNetwork[] _networks;

    /// <exception cref="FormatException">Not a CIDR block: better no start than a list with a hole.</exception>
    public ManagementNetworks(IEnumerable<string> blocks) => _networks = [.. blocks.Select(block => IPNetwork.Parse(block))];

    /// <summary>An IPv4 address in IPv6 clothes (::ffff:10.0.0.1) is the IPv4 address.</summary>
    public bool Contains(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _networks.Any(network => network.Contains(plain));
    }

    /// <summary>The addresses of a host that may be connected to: names are resolved here and nowhere else.</summary>
    /// <exception cref="RedfishException">NotAllowed when none is inside.</exception>
    public async ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken stop)
    {
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, stop);
        IPAddress[] allowed = [.. addresses.Where(Contains)];
        return allowed.Length > 0
            ? allowed
            : throw new RedfishException(RedfishFailure.NotAllowed, $"'{host}' is not inside the management networks.");
    }
}
