using System.Text.Json;
using ControlPlane.Contracts.Arm;
using Microsoft.Extensions.Configuration;

namespace ControlPlane.Agent;

/// <summary>
/// Clusters whose agents run in one process (<c>--members FILE</c>), as <c>cpctl fleet join --agents-file</c> writes it. It has their tokens, so it is its owner's alone. A token that is put into it while
/// the process runs is found.
/// </summary>
internal sealed class MembersFile
{
    private readonly string path;
    private readonly Lock gate = new();
    private (DateTime WrittenAt, Content Content) read;

    private MembersFile(string path)
    {
        this.path = path;
        read = (File.GetLastWriteTimeUtc(path), Parse(path));
    }

    /// <exception cref="InvalidOperationException">It is not there, or not such a file; the message says what is wrong.</exception>
    public static MembersFile Read(string path) => new(Path.GetFullPath(path));

    public IReadOnlyList<AgentSettings> Settings(IConfiguration configuration) => [.. read.Content.Members.Select(member => new AgentSettings
    {
        Name = member.Name,
        Endpoint = read.Content.Endpoint,
        EndpointCa = read.Content.EndpointCa,
        OnboardingToken = () => TokenOf(member.Name),
        OnboardingTokenAt = path,
        StateDirectory = Path.Combine(read.Content.StateDirectory, member.Name),
        Kubernetes = new() { Server = member.Server, Token = member.Token, Ca = member.Ca },
    }.Paced(configuration))];

    /// <summary>Null when there is none now.</summary>
    private string? TokenOf(string name)
    {
        lock (gate)
        {
            try
            {
                if (File.GetLastWriteTimeUtc(path) is var at && at != read.WrittenAt)
                    read = (at, Parse(path));
            }
            catch (InvalidOperationException)
            {
                // Half of a new one: what was read before stays good until the rest is there.
            }

            return read.Content.TokenOf(name);
        }
    }

    private static Content Parse(string path)
    {
        try
        {
            var content = JsonSerializer.Deserialize<Content>(File.ReadAllBytes(path), Json.Options) ?? throw new InvalidOperationException($"{path} is empty.");
            if (content.Endpoint.Scheme != Uri.UriSchemeHttps)
                throw new InvalidOperationException($"{path}: endpoint must be an https address.");
            var wrong = content.Members.FirstOrDefault(member => member.Name is "" or "." or ".." || member.Name.AsSpan().IndexOfAny('/', '\\') >= 0)
                ?? content.Members.GroupBy(member => member.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1)?.First();
            return wrong is null ? content : throw new InvalidOperationException($"{path}: '{wrong.Name}' is no name of a member, or that of two: it names a directory of its own.");
        }
        catch (Exception failure) when (failure is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException($"{path} is no file of members: {failure.Message}", failure);
        }
    }

    private sealed record Content
    {
        private readonly Lazy<Dictionary<string, string?>> tokens;

        public Content() => tokens = new(() => Members!.ToDictionary(member => member.Name, member => member.OnboardingToken, StringComparer.Ordinal));

        public required Uri Endpoint { get; init; }

        /// <summary>PEM of the authorities of the control plane's certificate; the system's when absent.</summary>
        public string? EndpointCa { get; init; }

        /// <summary>Each agent has a directory in it.</summary>
        public required string StateDirectory { get; init; }

        public required IReadOnlyList<Member> Members { get; init; }

        public string? TokenOf(string name) => tokens.Value.GetValueOrDefault(name);
    }

    /// <summary>A cluster: its API server, the token that is good there and the PEM of its authority, and what its agent registers with.</summary>
    private sealed record Member(string Name, Uri Server, string Token, string? Ca = null, string? OnboardingToken = null);
}
