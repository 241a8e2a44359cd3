using Microsoft.Extensions.Configuration;

namespace ControlPlane.Agent;

/// <summary>What the agent must be told (<c>Agent</c>); each can be an environment variable, such as <c>Agent__Endpoint</c>, or stand in the JSON file that <c>Agent__ConfigurationFile</c> names.</summary>
internal sealed record AgentSettings
{
    /// <summary>The cluster's name where there are several in this process.</summary>
    public string? Name { get; init; }

    /// <summary>The control plane's address, such as https://controlplane.example.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>PEM of the authorities that its certificate may come from; the system's when absent.</summary>
    public string? EndpointCa { get; init; }

    /// <summary>The token of <c>issueOnboardingToken</c> as it is now; asked for when there is no certificate that is good.</summary>
    public required Func<string?> OnboardingToken { get; init; }

    /// <summary>The file that it is in.</summary>
    public required string OnboardingTokenAt { get; init; }

    /// <summary>Where key and certificate are kept.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>The longest that a request for work waits at the control plane.</summary>
    public TimeSpan Wait { get; init; } = TimeSpan.FromSeconds(55);

    /// <summary>How often the cluster is looked at as a whole.</summary>
    public TimeSpan InventoryEvery { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How often it is looked whether what was applied is still so.</summary>
    public TimeSpan DriftInterval { get; init; } = TimeSpan.FromMinutes(10);

    public KubernetesSettings Kubernetes { get; init; } = new();

    public static AgentSettings From(IConfiguration configuration)
    {
        var agent = configuration.GetSection("Agent");
        string Required(string name) => agent[name] is { Length: > 0 } value ? value : throw new InvalidOperationException($"Agent:{name} is not set (Agent__{name} in the environment).");
        var token = Required("OnboardingTokenFile");
        if (!Uri.TryCreate(Required("Endpoint"), UriKind.Absolute, out var endpoint) || endpoint.Scheme != Uri.UriSchemeHttps)
            throw new InvalidOperationException("Agent:Endpoint must be an https address.");
        return new AgentSettings
        {
            Endpoint = endpoint,
            EndpointCa = agent["EndpointCaFile"] is { } file ? File.ReadAllText(file) : null,
            OnboardingToken = () => File.Exists(token) ? File.ReadAllText(token) : null,
            OnboardingTokenAt = token,
            StateDirectory = Required("StateDirectory"),
            Kubernetes = agent.GetSection("Kubernetes").Get<KubernetesSettings>() ?? new(),
        }.Paced(configuration);
    }

    /// <summary>What is the same for all agents of a process.</summary>
    public AgentSettings Paced(IConfiguration configuration) => this with
    {
        Wait = configuration.GetValue<TimeSpan?>("Agent:Wait") ?? Wait, InventoryEvery = configuration.GetValue<TimeSpan?>("Agent:InventoryEvery") ?? InventoryEvery,
        DriftInterval = configuration.GetValue<TimeSpan?>("Agent:DriftInterval") is not { } drift ? DriftInterval : drift >= TimeSpan.FromSeconds(1) ? drift : throw new InvalidOperationException("Agent:DriftInterval must be at least 1 s."),
    };
}

/// <summary>How the agent reaches its cluster (<c>Agent:Kubernetes</c>): a kubeconfig with a token, or server and files; with none of them the service account of its pod.</summary>
internal sealed record KubernetesSettings
{
    public string? Kubeconfig { get; init; }
    public Uri? Server { get; init; }
    public string? TokenFile { get; init; }
    public string? CaFile { get; init; }

    /// <summary>In place of a file.</summary>
    public string? Token { get; init; }

    /// <summary>PEM, in place of a file.</summary>
    public string? Ca { get; init; }
}
