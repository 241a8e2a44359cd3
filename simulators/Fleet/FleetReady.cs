namespace ControlPlane.Simulators.Fleet;

/// <summary>What a test needs to know of a running fleet.</summary>
internal sealed record FleetReady
{
    /// <summary>Base address of the control API.</summary>
    public required string Control { get; init; }

    public required IReadOnlyList<FleetCluster> Clusters { get; init; }
}

/// <summary>How a cluster is reached, and what it is said to be.</summary>
internal sealed record FleetCluster
{
    public required string Name { get; init; }

    /// <summary><c>https://127.1.0.1:PORT</c>: every cluster has an address of its own.</summary>
    public required string Url { get; init; }

    /// <summary>PEM of the authority of the server's certificate; the same for all.</summary>
    public required string Ca { get; init; }

    /// <summary>May do anything.</summary>
    public required string Token { get; init; }

    /// <summary>May read everything but secrets.</summary>
    public required string ReaderToken { get; init; }

    public required string Region { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }

    /// <summary>As <c>kubectl --kubeconfig</c> takes it.</summary>
    public string Kubeconfig(bool reader = false) => $"""
        apiVersion: v1
        kind: Config
        clusters:
        - name: {Name}
          cluster:
            server: {Url}
            certificate-authority-data: {Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(Ca))}
        users:
        - name: {Name}
          user:
            token: {(reader ? ReaderToken : Token)}
        contexts:
        - name: {Name}
          context:
            cluster: {Name}
            user: {Name}
        current-context: {Name}

        """;
}
