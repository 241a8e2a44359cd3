using System.Security.Cryptography;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>Open sessions of one BMC. They end by DELETE or by 30 idle minutes, and there are only so many.</summary>
internal sealed class BmcSessions
{
    public static readonly TimeSpan IdleTimeout = TimeSpan.FromMinutes(30);

    private readonly List<Session> sessions = [];
    private int number;

    public IReadOnlyList<Session> Open(DateTimeOffset now)
    {
        sessions.RemoveAll(session => now - session.LastUsed > IdleTimeout);
        return sessions;
    }

    /// <summary>A new session, or null when all places are taken.</summary>
    public Session? Create(string user, int limit, DateTimeOffset now)
    {
        if (Open(now).Count >= limit) return null;
        var session = new Session($"{++number}", Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), user) { LastUsed = now };
        sessions.Add(session);
        return session;
    }

    /// <summary>True for a live token, which this use keeps alive.</summary>
    public bool Touch(string token, DateTimeOffset now)
    {
        var session = Open(now).FirstOrDefault(session => string.Equals(session.Token, token, StringComparison.Ordinal));
        if (session is null) return false;
        session.LastUsed = now;
        return true;
    }

    public bool Delete(string id) => sessions.RemoveAll(session => string.Equals(session.Id, id, StringComparison.Ordinal)) > 0;
}

/// <summary>One session.</summary>
internal sealed class Session(string id, string token, string user)
{
    public string Id => id;
    public string Token => token;
    public string User => user;
    public required DateTimeOffset LastUsed { get; set; }
}
