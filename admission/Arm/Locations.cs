using Microsoft.Extensions.Configuration;

namespace ControlPlane.Admission.Arm;

/// <summary>The locations this control plane serves (<c>Locations</c>), in ARM's short form.</summary>
internal sealed class Locations
{
    public Locations(IConfiguration configuration)
    {
        var given = configuration.GetSection("Locations").Get<string[]>();
        Names = given is { Length: > 0 } ? [.. given.Select(Normalise)] : ["local"];
    }

    public IReadOnlyList<string> Names { get; }

    /// <summary>"West US" and "westus" are the same place (ARM RPC, location).</summary>
    public static string Normalise(string location) => location.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();
}
