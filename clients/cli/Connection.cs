using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>Where the control plane is and who asks.</summary>
internal sealed record Connection
{
    public required Uri Endpoint { get; init; }

    /// <summary>PEM of the only trusted root; null trusts the system's roots.</summary>
    public string? CaFile { get; init; }

    public required ArmCredential Credential { get; init; }

    /// <summary>The person who signed in, or the client.</summary>
    public required string Caller { get; init; }

    public required string SubscriptionId { get; init; }
    public required string Location { get; init; }

    public static Connection From(Settings settings)
    {
        var (endpoint, credential, caller) = Identify(settings);
        return new Connection
        {
            Endpoint = endpoint,
            CaFile = settings.CaFile,
            Credential = credential,
            Caller = caller,
            SubscriptionId = settings.Required("subscription", "SUBSCRIPTION_ID", "subscriptionId"),
            Location = settings.Location,
        };
    }

    /// <summary>What is in the environment is meant for this very process, so it goes before whoever signed in on this machine; the run file of `./dev up` is for when nobody did.</summary>
    private static (Uri Endpoint, ArmCredential Credential, string Caller) Identify(Settings settings)
    {
        var endpoint = settings.Endpoint;
        if (Environment.GetEnvironmentVariable("CONTROLPLANE_CLIENT_SECRET") is { Length: > 0 } secret)
            return (endpoint, new ClientCredential(settings.TenantId, settings.ClientId, secret), settings.ClientId);
        if (Environment.GetEnvironmentVariable("CONTROLPLANE_FEDERATED_TOKEN_FILE") is { Length: > 0 } file)
            return (endpoint, new FederatedCredential(settings.TenantId, settings.ClientId, file), settings.ClientId);
        if (settings.Login is { } login && new Uri(login.Endpoint) == endpoint)
            return (endpoint, new LoginCredential(login.TenantId), login.UserName);
        return settings.RunFile("clientSecret") is { } own ? (endpoint, new ClientCredential(settings.TenantId, settings.ClientId, own), settings.ClientId)
            : throw new UsageException("nobody is signed in: cpctl login --device-code, set CONTROLPLANE_CLIENT_SECRET or CONTROLPLANE_FEDERATED_TOKEN_FILE, or start a stack with ./dev up");
    }
}

/// <summary>An option wins over the environment, the environment over the run file that `./dev up` writes, and that over what was set when somebody signed in.</summary>
internal sealed class Settings(Func<string, string?> option)
{
    private readonly JsonObject? run = ReadRunFile();

    /// <summary>Who signed in on this machine.</summary>
    public Login? Login { get; } = LoginFile.Read();

    public Uri Endpoint => EndpointOf(Required("endpoint", "ENDPOINT", "endpoint"));

    public string? CaFile => Optional("ca", "CA_FILE", "caFile");

    public string TenantId => Required("tenant-id", "TENANT_ID", "tenantId");

    public string ClientId => Required("client-id", "CLIENT_ID", "clientId");

    public string? SubscriptionId => Optional("subscription", "SUBSCRIPTION_ID", "subscriptionId");

    public string Location => Optional("location", "LOCATION", "location") ?? "westeurope";

    public string Required(string name, string variable, string property) => Optional(name, variable, property)
        ?? throw new UsageException($"there is no {property}: give --{name}, set CONTROLPLANE_{variable}, or start a stack with ./dev up");

    public string? RunFile(string property) => run.Text(property);

    private string? Optional(string name, string variable, string property) =>
        option("--" + name) ?? Environment.GetEnvironmentVariable("CONTROLPLANE_" + variable) ?? RunFile(property) ?? Login?.Setting(property);

    private static Uri EndpointOf(string text) =>
        Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out var uri) && uri.Scheme is "https"
            ? uri
            : throw new UsageException($"'{text}' is not an https address");

    private static JsonObject? ReadRunFile()
    {
        var path = Environment.GetEnvironmentVariable("CONTROLPLANE_RUN") ?? FindRunFile();
        if (path is null || !File.Exists(path))
            return null;
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new UsageException($"cannot read {path}: {e.Message}");
        }
    }

    private static string? FindRunFile()
    {
        for (var folder = new DirectoryInfo(Directory.GetCurrentDirectory()); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, ".local", "run.json");
            if (File.Exists(candidate))
                return candidate;
        }

        return null;
    }
}

/// <summary>The SDK's client, and the connection that it was made from.</summary>
internal sealed class Client(Connection connection, TimeProvider time) : ArmClient(connection.Endpoint, connection.Credential, connection.CaFile, time)
{
    public Connection Connection => connection;
}
