using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using Microsoft.Extensions.Primitives;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>The HTTPS face of every BMC: faults, credentials, entity tags, and then the page that was asked for.</summary>
internal sealed class BmcDoor(SimulationOptions options, FaultRules faults)
{
    private const double SlowAnswerSeconds = 2;

    public async Task HandleAsync(HttpContext http, Machine machine)
    {
        var cancel = http.RequestAborted;
        var path = http.Request.Path.Value ?? "/";
        if (machine.Has(Scenario.Slow)) await machine.World.Clock.DelayAsync(TimeSpan.FromSeconds(SlowAnswerSeconds), cancel);
        var fault = faults.Strike("bmc", machine.Slot, http.Request.Method, path);
        switch (fault?.Rule.Action)
        {
            case FaultAction.Delay:
                await machine.World.Clock.WallDelayAsync(TimeSpan.FromMilliseconds(fault.Rule.DelayMilliseconds), cancel);
                break;
            case FaultAction.Drop:
                machine.World.Journal.Call("bmc", machine.Slot, http.Request, 0);
                http.Abort();
                return;
            case FaultAction.Garbage:
                machine.World.Journal.Call("bmc", machine.Slot, http.Request, 200);
                await Json.WriteBytesAsync(http.Response, 200, "<html>{\"PowerState\": "u8.ToArray(), cancel);
                return;
            case FaultAction.Status:
                await WriteAsync(http, machine, RedfishErrors.Error(machine, fault.Rule.Status, fault.Rule.MessageId, "The service is not able to answer now."), null, fault, cancel);
                return;
        }

        var body = HttpMethods.IsGet(http.Request.Method) ? null : await Json.ReadObjectAsync(http.Request, cancel);
        RedfishAnswer answer;
        string? tag = null;
        lock (machine.Gate)
        {
            answer = Answer(http.Request, machine, path, body, fault, ref tag);
        }

        if (answer.Seconds > 0) await machine.World.Clock.DelayAsync(TimeSpan.FromSeconds(answer.Seconds), cancel);
        await WriteAsync(http, machine, answer, tag, fault, cancel);
    }

    private RedfishAnswer Answer(HttpRequest request, Machine machine, string path, JsonObject? body, ActiveFault? fault, ref string? tag)
    {
        var segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (segments is ["redfish"]) return new RedfishAnswer(200, new JsonObject { ["v1"] = "/redfish/v1/" });
        if (segments is not ["redfish", "v1", .. var rest]) return RedfishErrors.NotFound(machine, path);
        if (machine.Personality.RefusesIdentityEncoding && request.Headers.AcceptEncoding.ToString() is "identity")
            return RedfishErrors.Error(machine, 406, "Base.1.18.HeaderInvalid", "The Accept-Encoding header is not acceptable.");

        var login = HttpMethods.IsPost(request.Method) && rest is ["SessionService", "Sessions"] or ["SessionService", "Sessions", "Members"] && !machine.Personality.NoSessionService;
        if (login && HttpMethods.IsPost(request.Method)) return Login(machine, body);
        var account = Account(request, machine);
        if (account is null && rest.Length > 0)
            return RedfishErrors.Error(machine, 401, "Base.1.18.InsufficientPrivilege", "There are insufficient privileges for the account or credentials associated with the current session.");
        if (RedfishTree.Find(machine, rest, account ?? "") is not { } page) return RedfishErrors.NotFound(machine, path);

        tag = Tag(machine, page.Body);
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method)) return Show(machine, page, fault, path);
        if (Precondition(request, machine, page, tag) is { } failed) return failed;
        if (fault?.Rule.Action == FaultAction.Lying200) return HttpMethods.IsPatch(request.Method) ? new RedfishAnswer(200, page.Body) : RedfishAnswer.NoContent(null);
        var answer = Change(request, machine, page, body);
        if (HttpMethods.IsPatch(request.Method) && answer.Status < 300) tag = Tag(machine, RedfishTree.Find(machine, rest, account ?? "")?.Body);
        return answer;
    }

    private static RedfishAnswer Show(Machine machine, RedfishPage page, ActiveFault? fault, string path)
    {
        if (page.Body is null) return RedfishErrors.NotAllowed(machine, "GET");
        if (fault?.Rule.Action != FaultAction.Stale) return new RedfishAnswer(page.Status, page.Body);
        var key = $"{machine.Slot}{path}";
        if (!fault.Snapshots.TryGetValue(key, out var old)) fault.Snapshots[key] = old = (JsonObject)page.Body.DeepClone();
        return new RedfishAnswer(200, (JsonObject)old.DeepClone());
    }

    private static RedfishAnswer Change(HttpRequest request, Machine machine, RedfishPage page, JsonObject? body) => request.Method switch
    {
        "PATCH" when page.Patch is { } patch => body is null ? RedfishErrors.MalformedJson(machine) : patch(body),
        "POST" when page.Post is { } post => post(body),
        "DELETE" when page.Delete is { } delete => delete(),
        _ => RedfishErrors.NotAllowed(machine, request.Method),
    };

    private RedfishAnswer Login(Machine machine, JsonObject? body)
    {
        if (body is null) return RedfishErrors.MalformedJson(machine);
        return Knows(machine, body.Text("UserName"), body.Text("Password"))
            ? ServicePages.Login(machine, body.Text("UserName")!)
            : RedfishErrors.Error(machine, 401, "Base.1.18.ResourceAtUriUnauthorized", "While accessing the resource, the service received an authorization error: invalid username or password.");
    }

    /// <summary>Who asks, by session token or by Basic credentials; null for nobody.</summary>
    private string? Account(HttpRequest request, Machine machine)
    {
        if (request.Headers.TryGetValue("X-Auth-Token", out var token))
            return machine.Bmc.Sessions.Touch(token.ToString(), machine.World.Clock.Now) ? options.UserName : null;
        var header = request.Headers.Authorization.ToString();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) return null;
        Span<byte> buffer = stackalloc byte[256];
        if (!Convert.TryFromBase64String(header[6..], buffer, out var length)) return null;
        var pair = Encoding.UTF8.GetString(buffer[..length]).Split(':', 2);
        return pair.Length == 2 && Knows(machine, pair[0], pair[1]) ? pair[0] : null;
    }

    private bool Knows(Machine machine, string? user, string? password) =>
        !machine.Has(Scenario.WrongPassword)
        && string.Equals(user, options.UserName, StringComparison.Ordinal)
        && string.Equals(password, options.Password, StringComparison.Ordinal);

    private static RedfishAnswer? Precondition(HttpRequest request, Machine machine, RedfishPage page, string? tag)
    {
        if (!HttpMethods.IsPatch(request.Method) || page.Body is null || tag is null) return null;
        var given = request.Headers.IfMatch.ToString();
        if (StringValues.IsNullOrEmpty(request.Headers.IfMatch))
        {
            return machine.Personality.IfMatchMandatory
                ? RedfishErrors.Error(machine, 428, "PreconditionHeaderMissing", "The request does not have the If-Match header that this resource demands.")
                : null;
        }

        if (given == "*") return null;
        var weak = given.StartsWith("W/", StringComparison.Ordinal);
        var same = Opaque(given) == Opaque(tag) && !(weak && machine.Personality.RefusesWeakIfMatch);
        return same ? null : RedfishErrors.Error(machine, 412, "Base.1.18.PreconditionFailed", "The ETag supplied did not match the ETag of the resource.");
    }

    private static string Opaque(string tag) => tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;

    private static string? Tag(Machine machine, JsonObject? body)
    {
        if (body is null || machine.Personality.ETags == EntityTags.None) return null;
        // A clock inside a resource must not make a new version every second.
        var clock = body["DateTime"];
        if (clock is not null) body.Remove("DateTime");
        var hash = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(body, Json.Compact)).AsSpan(0, 8));
        if (clock is not null) body["DateTime"] = clock;
        return machine.Personality.ETags == EntityTags.Weak ? $"W/\"{hash}\"" : $"\"{hash}\"";
    }

    private static async Task WriteAsync(HttpContext http, Machine machine, RedfishAnswer answer, string? tag, ActiveFault? fault, CancellationToken cancel)
    {
        machine.World.Journal.Call("bmc", machine.Slot, http.Request, answer.Status, answer.Effect);
        if (fault?.Rule.Action == FaultAction.DropAfter)
        {
            http.Abort();
            return;
        }

        var response = http.Response;
        response.Headers["OData-Version"] = "4.0";
        response.Headers.CacheControl = "no-cache";
        if (tag is not null && answer.Status is 200 or 204) response.Headers.ETag = tag;
        if (answer.Location is not null) response.Headers.Location = answer.Location;
        if (answer.Token is not null) response.Headers["X-Auth-Token"] = answer.Token;
        if (answer.Status == 401) response.Headers.WWWAuthenticate = "Basic realm=\"RedfishService\"";
        if (answer.Status == 503) response.Headers.RetryAfter = "5";
        if (answer.Body is null)
        {
            response.StatusCode = answer.Status;
            return;
        }

        var bytes = JsonSerializer.SerializeToUtf8Bytes(answer.Body, Json.Compact);
        if (fault?.Rule.Action != FaultAction.Partial)
        {
            await Json.WriteBytesAsync(response, answer.Status, bytes, cancel);
            return;
        }

        response.ContentLength = bytes.Length;
        await response.Body.WriteAsync(bytes.AsMemory(0, bytes.Length / 2), cancel);
        await response.Body.FlushAsync(cancel);
        http.Abort();
    }
}
