using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>
/// Who we are to one BMC: one session, made at the first need and shared. Basic authentication only with a BMC that never gave a
/// session, because falling back later would be what an attacker wants. Wrong credentials are remembered, not tried again.
/// </summary>
internal sealed class BmcSession(Uri origin, string userName, string password, BmcWire wire, BmcMemory memory) : IDisposable
{
    private static readonly Uri Root = new("/redfish/v1/", UriKind.Relative);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile Credential? _credential;
    private RedfishException? _refused;
    private JsonElement _root;

    /// <summary>Where this session lives; null with Basic, or before the first log-in.</summary>
    public Uri? Location => _credential?.Location;

    /// <summary>Logs in if need be; the service root.</summary>
    public async Task<JsonElement> OpenAsync(BmcTarget caller, CancellationToken stop)
    {
        if (_credential is null) await LogInAsync(expired: null, caller, stop);
        return _root;
    }

    /// <summary>Sends with credentials; a session that expired is renewed once and the request replayed once.</summary>
    public async Task<RedfishAnswer> SendAsync(RedfishRequest request, BmcTarget caller, CancellationToken stop)
    {
        var credential = _credential ?? await LogInAsync(expired: null, caller, stop);
        var answer = await wire.SendAsync(request, credential.Authorize, stop);
        if (answer.Status != HttpStatusCode.Unauthorized) return answer;
        if (!credential.IsSession) throw Refuse(new RedfishException(RedfishFailure.BadCredentials, "The BMC refuses the user name or password.") { Status = 401 });

        var renewed = await LogInAsync(credential, caller, stop);
        answer = await wire.SendAsync(request, renewed.Authorize, stop);
        return answer.Status == HttpStatusCode.Unauthorized
            ? throw new RedfishException(RedfishFailure.BadCredentials, $"{request} is refused to a new session: the account lacks the right.") { Status = 401 }
            : answer;
    }

    /// <summary>Deletes the session. What cannot be deleted now is remembered and deleted after the next log-in at this BMC.</summary>
    public async Task LogOutAsync(CancellationToken stop)
    {
        if (Interlocked.Exchange(ref _credential, null) is not { Location: { } location } credential) return;
        try
        {
            var answer = await wire.SendAsync(new(HttpMethod.Delete, location) { Closes = true }, credential.Authorize, stop);
            if ((int)answer.Status >= 500) memory.AddOrphan(origin, userName, location);
        }
        catch (Exception fault) when (fault is RedfishException or OperationCanceledException)
        {
            memory.AddOrphan(origin, userName, location);
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task<Credential> LogInAsync(Credential? expired, BmcTarget caller, CancellationToken stop)
    {
        await _gate.WaitAsync(stop);
        try
        {
            if (_refused is not null) throw _refused;
            if (_credential is { } current && current != expired) return current; // Somebody renewed it while we waited.
            if (_root.ValueKind == JsonValueKind.Undefined) _root = await ReadRootAsync(stop);
            var made = await CreateAsync(caller.IdempotencyKey, stop);
            _credential = made;
            if (made.IsSession) await DeleteOrphansAsync(made, caller.OrphanedSession, stop);
            return made;
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<JsonElement> ReadRootAsync(CancellationToken stop)
    {
        var request = new RedfishRequest(HttpMethod.Get, new Uri(origin, Root));
        var answer = await wire.SendAsync(request, Anonymous, stop);
        if (!answer.IsSuccess) throw RedfishError.From(answer, request.Method, request.Target, VendorProfiles.Generic);
        return answer.Body.ValueKind == JsonValueKind.Object
            ? answer.Body
            : throw new RedfishException(RedfishFailure.Protocol, "The service root is not a Redfish resource.");
    }

    private async Task<Credential> CreateAsync(string idempotencyKey, CancellationToken stop)
    {
        if (_root.Link("Links", "Sessions") is not { } sessions) return Basic();
        var request = new RedfishRequest(HttpMethod.Post, BmcOrigin.Resolve(origin, sessions))
        {
            Body = new JsonObject { ["UserName"] = userName, ["Password"] = password },
            IdempotencyKey = idempotencyKey,
        };
        var answer = await wire.SendAsync(request, Anonymous, stop);
        if (answer.Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden || answer.Says("UnauthorizedLoginAttempt"))
            throw Refuse(new RedfishException(RedfishFailure.BadCredentials, "The BMC refuses the user name or password.") { Status = (int)answer.Status });
        if (answer.Status is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented) return Basic();
        if (!answer.IsSuccess) throw RedfishError.From(answer, request.Method, request.Target, VendorProfiles.Idrac9);
        if (answer.Token is not { } token) throw new RedfishException(RedfishFailure.Protocol, "The BMC opened a session and gave no token.");

        memory.RememberSession(origin);
        var location = answer.Location ?? answer.Body.Text("@odata.id");
        return new(token, location is null ? null : BmcOrigin.Resolve(origin, location), null);
    }

    private Credential Basic() => memory.EverGaveSession(origin)
        ? throw new RedfishException(RedfishFailure.Protocol, "The BMC gave sessions before and gives none now; the password is not sent with every request instead.")
        : new(null, null, Convert.ToBase64String(Encoding.UTF8.GetBytes($"{userName}:{password}")));

    private async Task DeleteOrphansAsync(Credential credential, Uri? orphan, CancellationToken stop)
    {
        foreach (var left in memory.TakeOrphans(origin, userName).Append(orphan).OfType<Uri>())
        {
            var location = BmcOrigin.Resolve(origin, left.OriginalString);
            if (location != credential.Location) await wire.SendAsync(new(HttpMethod.Delete, location), credential.Authorize, stop);
        }
    }

    private RedfishException Refuse(RedfishException why) => _refused = why;

    private static void Anonymous(HttpRequestHeaders headers)
    {
    }

    private sealed record Credential(string? Token, Uri? Location, string? BasicValue)
    {
        public bool IsSession => Token is not null;

        public void Authorize(HttpRequestHeaders headers)
        {
            if (Token is not null) headers.TryAddWithoutValidation("X-Auth-Token", Token);
            else headers.Authorization = new("Basic", BasicValue);
        }
    }
}
