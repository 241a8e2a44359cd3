using System.Collections.Concurrent;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>What is known about BMCs beyond one connection: who ever gave a session, and sessions that could not be deleted.</summary>
internal sealed class BmcMemory
{
    /// <summary>More than a BMC has sessions; older ones have ended by themselves.</summary>
    private const int MaxOrphans = 16;

    private readonly ConcurrentDictionary<Uri, bool> _gaveSession = new();
    private readonly ConcurrentDictionary<(Uri Origin, string User), Uri[]> _orphans = new();

    public bool EverGaveSession(Uri origin) => _gaveSession.ContainsKey(origin);

    public void RememberSession(Uri origin) => _gaveSession[origin] = true;

    public void AddOrphan(Uri origin, string userName, Uri session) => _orphans.AddOrUpdate(
        (origin, userName),
        _ => [session],
        (_, known) => [.. known.TakeLast(MaxOrphans - 1), session]);

    public Uri[] TakeOrphans(Uri origin, string userName) => _orphans.TryRemove((origin, userName), out var left) ? left : [];
}
