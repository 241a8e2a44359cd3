using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Persistence;
using ControlPlane.Persistence.BareMetal;
using ControlPlane.Persistence.Metering;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.Clusters;
using Microsoft.Extensions.Options;
using Npgsql;
using MachineContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.BareMetal.BareMetalMachine, ControlPlane.Contracts.BareMetal.BareMetalMachineStatus>;

namespace ControlPlane.Worker.BareMetal;

/// <summary>The machine as a node of its cluster: joining, cordoning, draining, leaving, and the meter that runs in between.</summary>
internal sealed class NodeSteps(ClusterApis clusters, Attempts attempts, NpgsqlDataSource source, SecretBox secrets, IOptions<MachineTimeouts> timeouts)
{
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Before anything is written: the node's name must be free in the cluster. What an earlier life of this machine left under it is removed, or a Ready node of yesterday
    /// would be taken for the one that is about to join. The machine is off.
    /// </summary>
    public async Task ClaimNameAsync(MachineContext context, CancellationToken stop)
    {
        var cluster = await ClusterApis.FindAsync(context, context.Wanted.ClusterId!, stop);
        var api = clusters.Connect(context, cluster, timeouts.Value.ClusterPatience);
        var name = NodeName(context);
        if (await api.FindNodeAsync(name, stop) is not { } node)
            return;
        if (node.ProviderId != ProviderId(context))
            throw NameTaken(name, node);
        await api.DeleteNodeAsync(name, stop);
    }

    /// <summary>One bootstrap token per attempt. It is sealed into the attempt first, so that a repetition of this step creates the same token in the cluster.</summary>
    public async Task CreateJoinTokenAsync(MachineContext context, CancellationToken stop)
    {
        var cluster = await ClusterApis.FindAsync(context, context.Wanted.ClusterId!, stop);
        var attempt = context.Status.Attempt!.Id;
        if (!(await attempts.LookAsync(attempt, stop)).HasJoinCredentials)
        {
            var offered = new JoinCredentials
            {
                ApiServer = cluster.ApiServer,
                CaCertificate = cluster.CaCertificate,
                CaHash = CaHash(cluster.CaCertificate),
                Token = $"{RandomText(6)}.{RandomText(16)}",
                NodeName = NodeName(context),
                ProviderId = ProviderId(context),
            };
            await context.InTransactionAsync((transaction, cancel) => attempts.GiveJoinCredentialsAsync(transaction.Connection, attempt, Json.Write(offered), cancel), stop);
        }

        var credentials = await ReadAsync(attempt, stop);
        var parts = credentials.Token.Split('.');
        await clusters.Connect(context, cluster, timeouts.Value.ClusterPatience).CreateBootstrapTokenAsync(
            new(parts[0], parts[1], context.Clock.GetUtcNow() + TokenLifetime, $"{context.Resource.Id}, attempt {attempt}"), stop);
        context.Remember("bootstrapToken", parts[0]);
        context.Status = context.Status with { KubernetesNodeName = credentials.NodeName, ProviderId = credentials.ProviderId };
    }

    /// <summary>Joined = the node is Ready, its provider id is this machine, and the cluster signed a certificate for exactly that node.</summary>
    public async Task<StepResult> AwaitNodeAsync(MachineContext context, CancellationToken stop)
    {
        var cluster = await ClusterApis.FindAsync(context, context.Wanted.ClusterId!, stop);
        var seen = await clusters.SnapshotAsync(cluster, timeouts.Value.ClusterPatience, stop);
        var name = context.Status.KubernetesNodeName!;
        var node = seen.Nodes.GetValueOrDefault(name);
        if (node is { Ready: true } && node.ProviderId == context.Status.ProviderId && seen.SignedNodes.Contains(name))
            return StepResult.Done;
        if (node is not null && node.ProviderId is not null && node.ProviderId != context.Status.ProviderId)
            throw NameTaken(name, node);
        if (context.InStepFor > timeouts.Value.Join)
            throw new OperationFailedException("JoinTimeout", $"The machine was started from its disk and did not become a Ready node '{name}' within {timeouts.Value.Join}. Look at its console.", evidence: node);
        context.Message = node is null ? $"Waiting for node '{name}'." : $"Node '{name}' is there, not Ready yet.";
        return StepResult.WaitFor(Look);
    }

    /// <summary>The token is of no more use, the labels are set, and from this transaction on the machine is Provisioned and metered.</summary>
    public async Task CompleteAsync(MachineContext context, CancellationToken stop)
    {
        var cluster = await ClusterApis.FindAsync(context, context.Wanted.ClusterId!, stop);
        var api = clusters.Connect(context, cluster, timeouts.Value.ClusterPatience);
        if (context.Recall<string>("bootstrapToken") is { } id)
            await api.DeleteBootstrapTokenAsync(id, stop);
        context.Status = context.Status with
        {
            DetailedStatus = DetailedStatus.Provisioned,
            Attempt = context.Status.Attempt! with { Phase = "joined", PercentComplete = 100, Message = null },
            DetailedStatusMessage = null,
            CordonStatus = CordonStatus.Uncordoned,
            ReadyState = true,
            Drift = [],
            ProvisionedAt = context.Clock.GetUtcNow(),
        };
        context.Also((transaction, cancel) => Meters.StartAsync(transaction.Connection, context.Id, context.Resource.Location!, Meters.PhysicalNode, context.Status.HardwareValidation?.Model ?? context.Wanted.SkuFamily, cancel));
    }

    public async Task LabelAsync(MachineContext context, CancellationToken stop)
    {
        if (context.Wanted.NodeLabels.Count > 0 && await NodeAsync(context, stop) is { } node)
            await node.Api.SetLabelsAsync(node.Node.Name, context.Wanted.NodeLabels, stop);
    }

    /// <summary>The name of <see cref="LabelAsync"/> as a step.</summary>
    public const string Label = "Label";

    public async Task CordonAsync(MachineContext context, CancellationToken stop)
    {
        if (await NodeAsync(context, stop) is { } node)
            await node.Api.SetUnschedulableAsync(node.Node.Name, true, stop);
        context.Status = context.Status with { CordonStatus = CordonStatus.Cordoned };
    }

    public async Task UncordonAsync(MachineContext context, CancellationToken stop)
    {
        if (await NodeAsync(context, stop) is { } node)
            await node.Api.SetUnschedulableAsync(node.Node.Name, false, stop);
        context.Status = context.Status with { CordonStatus = CordonStatus.Uncordoned };
    }

    /// <summary>Evicts pods, honouring disruption budgets, until none is left.</summary>
    public async Task<StepResult> DrainAsync(MachineContext context, CancellationToken stop)
    {
        if (context.Operation.Request == "cordon" && !context.Parameters<CordonParameters>().Evacuate)
            return StepResult.Done;
        if (await NodeAsync(context, stop) is not { } node)
            return StepResult.Done;
        var left = await node.Api.EvictPodsAsync(node.Node.Name, stop);
        if (left == 0)
            return StepResult.Done;
        if (context.InStepFor > timeouts.Value.Drain)
            throw new OperationFailedException("DrainTimeout", $"{left} pods are still on node '{node.Node.Name}' after {timeouts.Value.Drain}; a disruption budget may forbid their eviction.");
        context.Message = $"{left} pods left on the node.";
        return StepResult.WaitFor(Look);
    }

    /// <summary>From this transaction on the machine is no node any more and not metered.</summary>
    public async Task LeaveAsync(MachineContext context, CancellationToken stop)
    {
        if (await NodeAsync(context, stop) is { } node)
            await node.Api.DeleteNodeAsync(node.Node.Name, stop);
        context.Also((transaction, cancel) => Meters.StopAsync(transaction.Connection, context.Resource.Key, cancel));
        context.Status = context.Status with { DetailedStatus = DetailedStatus.Deprovisioning, DetailedStatusMessage = "Taken out of its cluster.", ReadyState = false, CordonStatus = null, ProvisionedAt = null };
    }

    /// <summary>Off means that the node is not Ready, whatever the cluster still believes.</summary>
    public static Task NoteDownAsync(MachineContext context, CancellationToken stop)
    {
        if (context.Status.DetailedStatus is DetailedStatus.Provisioned)
            context.Status = context.Status with { ReadyState = false };
        return Task.CompletedTask;
    }

    /// <summary>A machine that is a node is up when its node is Ready.</summary>
    public async Task<StepResult> AwaitReadyAsync(MachineContext context, CancellationToken stop)
    {
        if (context.Status.DetailedStatus is not DetailedStatus.Provisioned)
            return StepResult.Done;
        var node = await NodeAsync(context, stop);
        context.Status = context.Status with { ReadyState = node?.Node.Ready is true };
        if (node?.Node.Ready is true)
            return StepResult.Done;
        if (context.InStepFor > timeouts.Value.Join)
            throw new OperationFailedException("NodeNotReady", $"The machine was started and its node '{context.Status.KubernetesNodeName}' is not Ready after {timeouts.Value.Join}. Look at its console.", evidence: node?.Node);
        context.Message = $"Waiting for node '{context.Status.KubernetesNodeName}' to be Ready.";
        return StepResult.WaitFor(Look);
    }

    /// <summary>The node of this machine, if the cluster has one: known by name, and ours by its provider id.</summary>
    private async Task<(ClusterApi Api, ClusterNode Node)?> NodeAsync(MachineContext context, CancellationToken stop)
    {
        if (context.Status.KubernetesNodeName is not { } name || context.Wanted.ClusterId is not { } clusterId)
            return null;
        var cluster = await ClusterApis.FindAsync(context, clusterId, stop);
        var api = clusters.Connect(context, cluster, timeouts.Value.ClusterPatience);
        return await api.FindNodeAsync(name, stop) is { } node && node.ProviderId == context.Status.ProviderId ? (api, node) : null;
    }

    private static OperationFailedException NameTaken(string name, ClusterNode node) =>
        new("NodeNameTaken", $"The cluster already has a node '{name}' that is not this machine ({node.ProviderId ?? "without provider id"}). Choose another kubernetesNodeName.", evidence: node);

    private async Task<JoinCredentials> ReadAsync(Guid attempt, CancellationToken stop)
    {
        await using var command = Sql.Command(source, "select join_ciphertext, join_wrapped_key, join_key_version from provisioning_attempts where id = $1", attempt);
        await using var row = await command.ExecuteReaderAsync(stop);
        await row.ReadAsync(stop);
        return Json.Read<JoinCredentials>(secrets.Open(AttemptRow.JoinPlace(attempt), new(row.GetFieldValue<byte[]>(0), row.GetFieldValue<byte[]>(1), row.GetString(2))));
    }

    private static string NodeName(MachineContext context) => context.Wanted.KubernetesNodeName ?? NodeNameOf(context.Resource.Name);

    /// <summary>A resource name as a DNS-1123 subdomain: lower case, what is not allowed becomes a dash. Pure.</summary>
    public static string NodeNameOf(string resourceName)
    {
        var allowed = string.Concat(resourceName.ToLowerInvariant().Select(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' ? c : '-'));
        var name = string.Join('.', allowed.Split('.').Select(label => label.Trim('-')).Where(label => label.Length > 0));
        return name.Length is 0 ? "machine" : name.Length <= 253 ? name : name[..253].TrimEnd('-', '.');
    }

    private static string ProviderId(MachineContext context) => $"controlplane://{context.Resource.Id}";

    /// <summary>kubeadm's discovery-token-ca-cert-hash: SHA-256 of the CA's SubjectPublicKeyInfo.</summary>
    private static string? CaHash(string? pem)
    {
        if (pem is null)
            return null;
        using var ca = X509Certificate2.CreateFromPem(pem);
        return $"sha256:{Convert.ToHexStringLower(SHA256.HashData(ca.PublicKey.ExportSubjectPublicKeyInfo()))}";
    }

    private static string RandomText(int length) => RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", length);

    private sealed record JoinCredentials
    {
        public required Uri ApiServer { get; init; }
        public string? CaCertificate { get; init; }
        public string? CaHash { get; init; }
        public required string Token { get; init; }
        public required string NodeName { get; init; }
        public required string ProviderId { get; init; }
    }
}
