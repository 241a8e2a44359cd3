using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>One BMC, one user, one policy: a connection pool, a session, and what was learnt about the machines behind it.</summary>
internal sealed class BmcConnection(BmcPool.Key key, BmcWire wire, BmcSession session)
{
    private readonly Lock _lock = new();
    private int _inUse;
    private bool _retired;
    private long _lastUsed;

    public BmcPool.Key Key { get; } = key;
    public BmcSession Session { get; } = session;

    /// <summary>By the system's path ("" for the only one).</summary>
    public ConcurrentDictionary<string, MachineFacts> Machines { get; } = new(StringComparer.Ordinal);

    public DateTimeOffset LastUsed
    {
        get => new(Volatile.Read(ref _lastUsed), TimeSpan.Zero);
        private set => Volatile.Write(ref _lastUsed, value.UtcTicks);
    }

    public bool TryEnter(DateTimeOffset now)
    {
        lock (_lock)
        {
            if (_retired) return false;
            _inUse++;
            LastUsed = now;
            return true;
        }
    }

    /// <summary>True when the caller was the last user of a retired connection and must close it.</summary>
    public bool Leave(DateTimeOffset now)
    {
        lock (_lock)
        {
            LastUsed = now;
            return --_inUse == 0 && _retired;
        }
    }

    /// <summary>True when this call retired an unused connection, which the caller must close; a used one is closed by its last user.</summary>
    public bool Retire(bool onlyIfUnused)
    {
        lock (_lock)
        {
            if (_retired || (onlyIfUnused && _inUse > 0)) return false;
            _retired = true;
            return _inUse == 0;
        }
    }

    public async Task CloseAsync(CancellationToken stop)
    {
        await Session.LogOutAsync(stop);
        Session.Dispose();
        wire.Dispose();
    }
}

/// <summary>The connections of this process, at most one per BMC, user, password and policy. Idle ones are closed, and so are broken ones.</summary>
internal sealed class BmcPool : IAsyncDisposable
{
    private static readonly TimeSpan LogOutLimit = TimeSpan.FromSeconds(5);

    private readonly byte[] _salt = RandomNumberGenerator.GetBytes(32);
    private readonly ConcurrentDictionary<Key, BmcConnection> _connections = new();
    private readonly ConcurrentDictionary<Task, bool> _closing = new();
    private readonly BmcMemory _memory = new();
    private readonly BmcSockets _sockets;
    private readonly RedfishOptions _options;
    private readonly TimeProvider _clock;
    private readonly ITimer _sweep;

    public BmcPool(RedfishOptions options, TimeProvider clock)
    {
        _options = options;
        _clock = clock;
        _sockets = new BmcSockets(options);
        var pause = options.SessionIdle / 4;
        _sweep = clock.CreateTimer(_ => Sweep(), null, pause, pause);
    }

    /// <summary>A password is part of the key as a salted hash: another password is another session.</summary>
    internal sealed record Key(Uri Origin, string UserName, string PasswordHash, BmcTls Tls);

    public int Count => _connections.Count;

    /// <summary>Each rented connection is returned.</summary>
    public BmcConnection Rent(BmcTarget target, Uri origin)
    {
        var key = new Key(origin, target.UserName, Convert.ToBase64String(HMACSHA256.HashData(_salt, Encoding.UTF8.GetBytes(target.Password))), target.Tls);
        while (true)
        {
            if (_connections.TryGetValue(key, out var known) || _connections.TryAdd(key, known = Make(key, target.Password)))
            {
                if (known.TryEnter(_clock.GetUtcNow()))
                {
                    if (_connections.Count > _options.MaxSessions) CloseLongestIdle();
                    return known;
                }

                _connections.TryRemove(KeyValuePair.Create(key, known));
            }
        }
    }

    public void Return(BmcConnection connection)
    {
        if (connection.Leave(_clock.GetUtcNow())) Close(connection);
    }

    /// <summary>After a fault of the connection: nobody gets it any more.</summary>
    public void Drop(BmcConnection connection)
    {
        _connections.TryRemove(KeyValuePair.Create(connection.Key, connection));
        if (connection.Retire(onlyIfUnused: false)) Close(connection);
    }

    public async ValueTask DisposeAsync()
    {
        await _sweep.DisposeAsync();
        foreach (var connection in _connections.Values) Drop(connection);
        await Task.WhenAll(_closing.Keys);
    }

    private BmcConnection Make(Key key, string password)
    {
        var wire = new BmcWire(_sockets.Open(new BmcCertificate(key.Tls)), _options.ReadTimeout, _options.ConnectTimeout, _clock);
        return new(key, wire, new BmcSession(key.Origin, key.UserName, password, wire, _memory));
    }

    private void Sweep()
    {
        var before = _clock.GetUtcNow() - _options.SessionIdle;
        foreach (var connection in _connections.Values.Where(c => c.LastUsed <= before)) CloseUnused(connection);
    }

    private void CloseLongestIdle()
    {
        foreach (var connection in _connections.Values.OrderBy(c => c.LastUsed).Take(_connections.Count - _options.MaxSessions)) CloseUnused(connection);
    }

    private void CloseUnused(BmcConnection connection)
    {
        if (!connection.Retire(onlyIfUnused: true)) return;
        _connections.TryRemove(KeyValuePair.Create(connection.Key, connection));
        Close(connection);
    }

    /// <summary>Beside the caller's way: a log-out must not delay or fail what the caller does.</summary>
    private void Close(BmcConnection connection)
    {
        var closing = CloseAsync();
        _closing[closing] = true;
        _ = closing.ContinueWith(done => _closing.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

        async Task CloseAsync()
        {
            using var limit = new CancellationTokenSource(LogOutLimit, _clock);
            await connection.CloseAsync(limit.Token);
        }
    }
}
