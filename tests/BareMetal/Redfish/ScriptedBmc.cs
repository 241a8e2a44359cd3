using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using Microsoft.Extensions.Logging.Abstractions;
using WireMock;
using WireMock.RequestBuilders;
using WireMock.ResponseBuilders;
using WireMock.Server;
using WireMock.Settings;
using WireMock.Types;
using WireMock.Util;

namespace ControlPlane.Tests.BareMetal.Redfish;

/// <summary>One request that reached the BMC.</summary>
internal sealed record Call(string Method, string Path, JsonObject? Body, IReadOnlyDictionary<string, string> Headers)
{
    public string? Header(string name) => Headers.TryGetValue(name, out var value) ? value : null;
}

/// <summary>What the BMC answers.</summary>
internal sealed record Reply(HttpStatusCode Status, JsonNode? Body = null)
{
    public Dictionary<string, string> Headers { get; } = [];

    /// <summary>Instead of <see cref="Body"/>: bytes that need not be JSON.</summary>
    public string? Raw { get; init; }

    public static Reply Ok(JsonNode body) => new(HttpStatusCode.OK, body);

    public static Reply Error(HttpStatusCode status, string messageId) => new(status, new JsonObject
    {
        ["error"] = new JsonObject
        {
            ["code"] = "Base.1.12.GeneralError",
            ["@Message.ExtendedInfo"] = new JsonArray(new JsonObject { ["MessageId"] = messageId, ["Message"] = "In the BMC's own words." }),
        },
    });

    public Reply With(string header, string value)
    {
        Headers[header] = value;
        return this;
    }
}

/// <summary>
/// A BMC made of documents behind WireMock: GET reads one, PATCH merges into one, sessions are demanded. A rule overrides all of that for
/// one method and path, so that each test says only what is odd about its BMC.
/// </summary>
internal sealed class ScriptedBmc : IAsyncDisposable
{
    public const string SystemPath = "/redfish/v1/Systems/1";
    public const string ManagerPath = "/redfish/v1/Managers/1";
    public const string ResetPath = SystemPath + "/Actions/ComputerSystem.Reset";
    public const string SessionsPath = "/redfish/v1/SessionService/Sessions";
    public const string User = "admin";
    public const string Password = "correct-horse";

    private const string CertificatePassword = "bmc";

    private readonly WireMockServer _server;
    private readonly string? _certificateFile;
    private readonly ConcurrentDictionary<string, JsonObject> _documents = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _versions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Method, string Path), Func<Call, Reply?>> _rules = new();
    private readonly ConcurrentQueue<Call> _calls = new();
    private readonly ConcurrentDictionary<(string Method, string Path), TaskCompletionSource> _awaited = new();
    private readonly List<RedfishConnector> _connectors = [];
    private readonly Lock _lock = new();
    private int _sessions;

    private ScriptedBmc(X509Certificate2? certificate)
    {
        var settings = new WireMockServerSettings { Urls = [certificate is null ? "http://127.0.0.1:0" : "https://127.0.0.1:0"], UseSSL = certificate is not null };
        if (certificate is not null)
        {
            // WireMock prints its settings, which fails on the object of an elliptic-curve certificate: hence a file.
            _certificateFile = Path.Combine(Path.GetTempPath(), $"bmc-{Guid.NewGuid():N}.pfx");
            File.WriteAllBytes(_certificateFile, certificate.Export(X509ContentType.Pkcs12, CertificatePassword));
            settings.CertificateSettings = new() { X509CertificateFilePath = _certificateFile, X509CertificatePassword = CertificatePassword };
        }

        _server = WireMockServer.Start(settings);
        _server.Given(Request.Create().UsingAnyMethod()).RespondWith(Response.Create().WithCallback(Answer));
        Plant();
    }

    public static ScriptedBmc Start(X509Certificate2? certificate = null) => new(certificate);

    public Uri Address => new(_server.Urls[0]);
    public IReadOnlyList<Call> Calls => [.. _calls];
    public ConcurrentDictionary<string, bool> Tokens { get; } = new(StringComparer.Ordinal);

    /// <summary>No entity tags at all.</summary>
    public Func<string, int, string?> ETag { get; set; } = (_, version) => $"\"{version}\"";

    public JsonObject this[string path]
    {
        get => _documents[path];
        set
        {
            value["@odata.id"] = path;
            _documents[path] = value;
        }
    }

    public bool Has(string path) => _documents.ContainsKey(path);

    public ScriptedBmc Remove(string path)
    {
        _documents.TryRemove(path, out _);
        return this;
    }

    /// <summary>Answers instead of the documents; null leaves it to them.</summary>
    public ScriptedBmc On(string method, string path, Func<Call, Reply?> rule)
    {
        _rules[(method, path)] = rule;
        return this;
    }

    /// <summary>The first answers in order, then the documents.</summary>
    public ScriptedBmc First(string method, string path, params Reply[] replies)
    {
        var queue = new ConcurrentQueue<Reply>(replies);
        return On(method, path, _ => queue.TryDequeue(out var reply) ? reply : null);
    }

    public IReadOnlyList<Call> CallsTo(string method, string path) => [.. _calls.Where(call => call.Method == method && call.Path == path)];
    public IReadOnlyList<Call> Writes => [.. _calls.Where(call => call.Method != "GET" && !call.Path.StartsWith(SessionsPath, StringComparison.Ordinal))];

    /// <summary>Until such a request has arrived.</summary>
    public Task SeenAsync(string method, string path)
    {
        var arrival = _awaited.GetOrAdd((method, path), _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (CallsTo(method, path).Count > 0) arrival.TrySetResult();
        return arrival.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    public RedfishConnector Connector(Action<RedfishOptions>? change = null)
    {
        var options = new RedfishOptions
        {
            ManagementNetworks = ["127.0.0.0/8"],
            AllowPlainHttp = true,
            RetryDelay = TimeSpan.FromMilliseconds(1),
            ConnectTimeout = TimeSpan.FromSeconds(5),
            ReadTimeout = TimeSpan.FromSeconds(5),
        };
        change?.Invoke(options);
        var connector = new RedfishConnector(options, TimeProvider.System, NullLogger<RedfishConnector>.Instance);
        _connectors.Add(connector);
        return connector;
    }

    public BmcTarget Target(string path = "", string password = Password, BmcTls? tls = null) =>
        new(new Uri(Address, path), User, password, tls ?? new(), "operation-1/step-2");

    public Task<RedfishMachine> ConnectAsync() => Connector().ConnectAsync(Target(), CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        foreach (var connector in _connectors) await connector.DisposeAsync();
        _server.Stop();
        _server.Dispose();
        if (_certificateFile is not null) File.Delete(_certificateFile);
    }

    public void Vendor(string vendor, string product, string bmcModel, string bmcFirmware)
    {
        (this["/redfish/v1/"]["Vendor"], this["/redfish/v1/"]["Product"]) = (vendor, product);
        (this[ManagerPath]["Model"], this[ManagerPath]["FirmwareVersion"]) = (bmcModel, bmcFirmware);
    }

    public static JsonObject Json([System.Diagnostics.CodeAnalysis.StringSyntax("Json")] string text) =>
        JsonNode.Parse(text.Replace('\'', '"')) as JsonObject ?? throw new FormatException("Not an object.");

    public static JsonObject Collection(params string[] members) =>
        new() { ["Members"] = new JsonArray([.. members.Select(member => new JsonObject { ["@odata.id"] = member })]) };

    private void Plant()
    {
        this["/redfish/v1/"] = Json("""
            {'RedfishVersion':'1.15.0','UUID':'bbbbbbbb-0000-4000-8000-000000000001','Vendor':'Contoso','Product':'BMC',
             'Systems':{'@odata.id':'/redfish/v1/Systems'},'Managers':{'@odata.id':'/redfish/v1/Managers'},
             'Tasks':{'@odata.id':'/redfish/v1/TaskService'},'Links':{'Sessions':{'@odata.id':'/redfish/v1/SessionService/Sessions'}}}
            """);
        this["/redfish/v1/Systems"] = Collection(SystemPath);
        this[SystemPath] = Json("""
            {'Id':'1','Manufacturer':'Contoso','Model':'Server 1','SerialNumber':'CZ3D0001','UUID':'aaaaaaaa-0000-4000-8000-000000000001','PowerState':'Off',
             'MemorySummary':{'TotalSystemMemoryGiB':64},
             'Boot':{'BootSourceOverrideEnabled':'Disabled','BootSourceOverrideTarget':'None','BootSourceOverrideMode':'UEFI','HttpBootUri':null,
                     'BootSourceOverrideTarget@Redfish.AllowableValues':['None','Pxe','Cd','Hdd','UefiHttp']},
             'VirtualMedia':{'@odata.id':'/redfish/v1/Systems/1/VirtualMedia'},
             'Links':{'ManagedBy':[{'@odata.id':'/redfish/v1/Managers/1'}],'Chassis':[{'@odata.id':'/redfish/v1/Chassis/1'}]},
             'Actions':{'#ComputerSystem.Reset':{'target':'/redfish/v1/Systems/1/Actions/ComputerSystem.Reset',
                        'ResetType@Redfish.AllowableValues':['On','ForceOff','GracefulShutdown','ForceRestart']}}}
            """);
        this["/redfish/v1/Managers"] = Collection(ManagerPath);
        this[ManagerPath] = Json("{'Id':'1','Model':'BMC 1','FirmwareVersion':'1.0.0'}");
        this["/redfish/v1/Chassis/1"] = Json("{'Id':'1'}");
        On("POST", SessionsPath, OpenSession);
        On("POST", ResetPath, _ => new Reply(HttpStatusCode.NoContent));
    }

    private Reply OpenSession(Call call)
    {
        if (call.Body?["UserName"]?.GetValue<string>() != User || call.Body["Password"]?.GetValue<string>() != Password)
            return Reply.Error(HttpStatusCode.Unauthorized, "Base.1.12.NoValidSession");
        var id = Interlocked.Increment(ref _sessions);
        Tokens[$"token-{id}"] = true;
        return new Reply(HttpStatusCode.Created, new JsonObject()).With("X-Auth-Token", $"token-{id}").With("Location", $"{SessionsPath}/{id}");
    }

    private IResponseMessage Answer(IRequestMessage request)
    {
        var headers = (request.Headers ?? new Dictionary<string, WireMockList<string>>(StringComparer.OrdinalIgnoreCase)).ToDictionary(pair => pair.Key, pair => string.Join(", ", pair.Value), StringComparer.OrdinalIgnoreCase);
        var call = new Call(request.Method.ToUpperInvariant(), request.Path, request.Body is { Length: > 0 } body ? JsonNode.Parse(body) as JsonObject : null, headers);
        _calls.Enqueue(call);
        Reply reply;
        lock (_lock) reply = Decide(call);
        if (_awaited.TryGetValue((call.Method, call.Path), out var arrival)) arrival.TrySetResult();

        var message = new ResponseMessage { StatusCode = (int)reply.Status, Headers = new Dictionary<string, WireMockList<string>>(StringComparer.OrdinalIgnoreCase) };
        foreach (var (name, value) in reply.Headers) message.Headers[name] = new WireMockList<string>(value);
        if ((reply.Raw ?? reply.Body?.ToJsonString()) is { } text)
        {
            message.Headers["Content-Type"] = new WireMockList<string>("application/json");
            message.BodyData = new BodyData { DetectedBodyType = BodyType.String, BodyAsString = text };
        }

        return message;
    }

    private Reply Decide(Call call)
    {
        if (_rules.TryGetValue((call.Method, call.Path), out var rule) && rule(call) is { } ruled) return ruled;
        var isOpen = call.Path is "/redfish/v1/" || (call.Method == "POST" && call.Path == SessionsPath);
        if (!isOpen && !Tokens.ContainsKey(call.Header("X-Auth-Token") ?? "")) return Reply.Error(HttpStatusCode.Unauthorized, "Base.1.12.NoValidSession");
        if (call.Method == "DELETE" && call.Path.StartsWith(SessionsPath, StringComparison.Ordinal)) return new(HttpStatusCode.NoContent);
        if (!_documents.TryGetValue(call.Path.Length > 12 ? call.Path.TrimEnd('/') : call.Path, out var document)) return Reply.Error(HttpStatusCode.NotFound, "Base.1.12.ResourceMissingAtURI");
        return call.Method switch
        {
            "GET" => Read(call.Path, document),
            "PATCH" => Merge(call, document),
            _ => Reply.Error(HttpStatusCode.MethodNotAllowed, "Base.1.12.OperationNotAllowed"),
        };
    }

    private Reply Read(string path, JsonObject document)
    {
        var reply = Reply.Ok(document.DeepClone());
        return ETag(path, _versions.GetValueOrDefault(path)) is { } tag ? reply.With("ETag", tag) : reply;
    }

    private Reply Merge(Call call, JsonObject document)
    {
        if (call.Header("If-Match") is { } wanted && wanted != "*" && wanted != ETag(call.Path, _versions.GetValueOrDefault(call.Path)))
            return Reply.Error(HttpStatusCode.PreconditionFailed, "Base.1.12.PreconditionFailed");
        Merge(document, call.Body ?? []);
        _versions.AddOrUpdate(call.Path, 1, (_, version) => version + 1);
        return Read(call.Path, document);
    }

    private static void Merge(JsonObject into, JsonObject from)
    {
        foreach (var (name, value) in from)
        {
            if (value is JsonObject inner && into[name] is JsonObject known) Merge(known, inner);
            else into[name] = value?.DeepClone();
        }
    }

    public string Version(string path) => _versions.GetValueOrDefault(path).ToString(CultureInfo.InvariantCulture);
}
