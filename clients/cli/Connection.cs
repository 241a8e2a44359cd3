using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>Where the control plane is and who asks.</summary>
internal sealed record Connection
{
    public required Uri Endpoint { get; init; }

    /// <summary>PEM of the only trusted root; null trusts the system's roots.</summary>
    public string? CaFile { get; init; }

    public required string TenantId { get; init; }
    public required string ClientId { get; init; }
    public required string ClientSecret { get; init; }
    public required string SubscriptionId { get; init; }
    public required string Location { get; init; }

    /// <summary>An option wins over the environment, the environment over the run file that `./dev up` writes.</summary>
    public static Connection Resolve(Func<string, string?> option)
    {
        var run = ReadRunFile();
        return new Connection
        {
            Endpoint = EndpointOf(Required("endpoint", "ENDPOINT", "endpoint")),
            CaFile = Optional("ca", "CA_FILE", "caFile"),
            TenantId = Required("tenant-id", "TENANT_ID", "tenantId"),
            ClientId = Required("client-id", "CLIENT_ID", "clientId"),
            ClientSecret = Environment.GetEnvironmentVariable("CONTROLPLANE_CLIENT_SECRET") ?? Text(run, "clientSecret")
                ?? throw new UsageException("there is no client secret: set CONTROLPLANE_CLIENT_SECRET, or start a stack with ./dev up"),
            SubscriptionId = Required("subscription", "SUBSCRIPTION_ID", "subscriptionId"),
            Location = Optional("location", "LOCATION", "location") ?? "westeurope",
        };

        string? Optional(string name, string variable, string property) =>
            option("--" + name) ?? Environment.GetEnvironmentVariable("CONTROLPLANE_" + variable) ?? Text(run, property);

        string Required(string name, string variable, string property) => Optional(name, variable, property)
            ?? throw new UsageException($"there is no {property}: give --{name}, set CONTROLPLANE_{variable}, or start a stack with ./dev up");
    }

    private static Uri EndpointOf(string text) =>
        Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out var uri) && uri.Scheme is "https"
            ? uri
            : throw new UsageException($"'{text}' is not an https address");

    private static string? Text(JsonObject? run, string property) => run?[property]?.GetValue<string>();

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
internal sealed class Client(Connection connection, TimeProvider time)
    : ArmClient(connection.Endpoint, new(connection.TenantId, connection.ClientId, connection.ClientSecret), connection.CaFile, time)
{
    public Connection Connection => connection;
}
