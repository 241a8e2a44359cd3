namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// The door to all BMCs. Connections and sessions are kept per BMC and user and closed when idle, when broken, and at the end;
/// a <see cref="RedfishMachine"/> is cheap and may be kept or thrown away.
/// </summary>
internal sealed partial class RedfishConnector(RedfishOptions options, TimeProvider clock, ILogger<RedfishConnector> log) : IAsyncDisposable
{
    private readonly BmcPool _pool = new(options, clock);
    private readonly RedfishRetry _retry = new(options, clock);

    /// <summary>Connections open now.</summary>
    public int Open => _pool.Count;

    /// <summary>Logs in if there is no session yet, finds the system, and recognises the vendor. Nothing is written but the session.</summary>
    /// <exception cref="RedfishException">Any failure; see <see cref="RedfishFailure"/>.</exception>
    public async Task<RedfishMachine> ConnectAsync(BmcTarget target, CancellationToken stop)
    {
        var address = BmcAddress.Of(target.Endpoint, options);
        var client = new RedfishClient(_pool, _retry, target, address.Origin, VendorProfiles.Generic);
        var facts = client.Beside(connection => connection.Machines.GetValueOrDefault(address.SystemPath ?? ""));
        if (facts is null)
        {
            facts = await MachineFacts.FindAsync(client, address.SystemPath, stop);
            client.Beside(connection => connection.Machines[address.SystemPath ?? ""] = facts);
            Log.Connected(log, address.Origin, facts.Profile.Name, facts.System.AbsolutePath);
        }

        return new RedfishMachine(client.As(facts.Profile), facts, clock);
    }

    public ValueTask DisposeAsync() => _pool.DisposeAsync();

    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "Connected to BMC {Bmc} as a {Profile}, system {System}")]
        public static partial void Connected(ILogger logger, Uri bmc, string profile, string system);
    }
}
