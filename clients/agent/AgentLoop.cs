using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Agent;

/// <summary>
/// The agent's life: become known, then ask what is to be done, do it, and say how it stands, and look again and again whether it still stands so, all at once and none waiting for another. While the control plane is away it goes on with what
/// it knows.
/// </summary>
internal sealed partial class AgentLoop(
    AgentSettings settings, Membership membership, Hub hub, MemberApi member, MemberApplier applier, WorkTable table, Upkeep upkeep, Pauses pauses, SemaphoreSlim slots, TimeProvider time, ILogger logger) : IDisposable
{
    private const int MostAtOnce = 4;
    private const int MostOutcomes = 200;
    private const int MostBundles = 50;

    /// <summary>For one look at everything that a placement has.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, AgentBundle> bundles = new(StringComparer.Ordinal);

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
                await LiveAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }

        LogStopped();
    }

    public void Dispose() => hub.Dispose();

    /// <summary>One identity long. Whatever goes wrong, such as a disk that is full, it begins again: others may run in the same process.</summary>
    private async Task LiveAsync(CancellationToken stop)
    {
        try
        {
            await ServeAsync(await membership.EnsureAsync(stop), stop);
        }
        catch (Exception failure) when (!stop.IsCancellationRequested)
        {
            LogFailed(failure);
            await Task.Delay(pauses.Next(4), time, stop);
        }
    }

    /// <summary>Until the certificate is renewed, or is refused.</summary>
    private async Task ServeAsync(AgentIdentity identity, CancellationToken stop)
    {
        using var served = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task[] parts = [membership.RenewAsync(identity, served.Token), PollAsync(identity, served.Token), ApplyAsync(identity, served.Token), upkeep.RunAsync(served.Token), ReportAsync(identity, served.Token), LookAgainAsync(identity, served.Token)];
        var first = await Task.WhenAny(parts);
        await served.CancelAsync();
        try
        {
            await Task.WhenAll(parts);
        }
        catch (OperationCanceledException) when (!first.IsFaulted)
        {
        }
        catch (Exception) when (first.Exception?.InnerException is HubRefusedException { IsOfAgent: true } refused)
        {
            membership.Refuse(refused);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            LogFailed(failure);
            await Task.Delay(pauses.Next(2), time, stop);
        }
    }

    private async Task PollAsync(AgentIdentity identity, CancellationToken stop)
    {
        // 0 at first: whatever there is to do, this life of the agent knows nothing of it.
        long cursor = 0;
        for (var attempt = 0; ;)
        {
            try
            {
                var work = await hub.WorkAsync(identity, cursor, settings.Wait, stop);
                (cursor, attempt) = (work.Cursor, 0);
                table.Replace(work.Items);
                upkeep.Replace(work.Updates, work.Cordon);
            }
            catch (HubUnreachableException failure)
            {
                if (attempt == 0)
                    LogUnreachable(failure.Message);
                await Task.Delay(pauses.After(failure.RetryAfter, attempt++), time, stop);
            }
        }
    }

    /// <summary>The control plane says each time what is to be as it was applied: what it has given up meanwhile is nobody's, and stays as it is.</summary>
    private async Task LookAgainAsync(AgentIdentity identity, CancellationToken stop)
    {
        var wait = pauses.Within(settings.DriftInterval);
        while (true)
        {
            await Task.Delay(wait, time, stop);
            wait = settings.DriftInterval;
            try
            {
                table.Look(await hub.SettledAsync(identity, stop));
            }
            catch (HubUnreachableException failure)
            {
                LogUnreachable(failure.Message);
            }
        }
    }

    private async Task ApplyAsync(AgentIdentity identity, CancellationToken stop)
    {
        while (true)
        {
            await slots.WaitAsync(stop);
            slots.Release();
            foreach (var entry in table.Take(Math.Clamp(slots.CurrentCount, 1, MostAtOnce)))
            {
                await slots.WaitAsync(CancellationToken.None);
                _ = LookAsync(identity, entry, stop);
            }

            var wait = table.UntilDue() ?? settings.InventoryEvery;
            if (wait > TimeSpan.Zero)
                await HappensAsync(table.Changed, wait, stop);
        }
    }

    private async Task LookAsync(AgentIdentity identity, WorkEntry entry, CancellationToken stop)
    {
        await Task.Yield();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        try
        {
            var outcome = entry.Item.Fault is { } fault
                ? BindingOutcome.Refused(entry.State, fault.Code, fault.Message)
                : await applier.LookAsync(entry.Content ??= await ContentAsync(identity, entry.Item, patience.Token), entry.State, member, patience.Token);
            table.Note(entry, outcome);
            LogLooked(entry.Item.Placement, entry.Item.DesiredRevision, outcome.Health, outcome.ErrorCode);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            table.PutBack(entry, TimeSpan.Zero);
        }
        catch (OperationCanceledException)
        {
            table.Note(entry, BindingOutcome.Unchanged(entry.State, TimeSpan.FromSeconds(1), "MemberSlow", $"The cluster did not take everything within {Patience.TotalSeconds:0} s."));
        }
        catch (Exception failure) when (failure is HubUnreachableException or HubRefusedException)
        {
            // Without its content nothing can be done; if something else is wanted by now, the next list says so.
            LogUnreachable(failure.Message);
            table.PutBack(entry, pauses.Next(1));
        }
        catch (Exception failure)
        {
            LogFailed(failure);
            table.Note(entry, BindingOutcome.Unchanged(entry.State, TimeSpan.FromSeconds(10), "AgentFailed", "The agent failed; its log has the reason."));
        }
        finally
        {
            slots.Release();
        }
    }

    private async Task<MemberContent> ContentAsync(AgentIdentity identity, AgentWorkItem item, CancellationToken stop)
    {
        var touched = item.Touched.Select(thing => new ObjectReference(thing.ApiVersion, thing.Kind, thing.Namespace, thing.Name)).ToList();
        if (item.IsUnscheduled)
            return new() { Owner = item.Owner, Apply = new(), IsUnscheduled = true, Wanted = [], Touched = touched };
        var hash = item.Bundle ?? throw new HubUnreachableException("An item of work came without its bundle.");
        if (bundles.Count > MostBundles)
            bundles.Clear();
        if (!bundles.TryGetValue(hash, out var bundle))
            bundles[hash] = bundle = await hub.BundleAsync(identity, hash, stop);
        return new()
        {
            Owner = bundle.Owner, Apply = bundle.ApplyStrategy, IsUnscheduled = false, Touched = touched, Wanted = [.. bundle.Manifests.Select(manifest => PreparedObject.Of(JsonNode.Parse(manifest.GetRawText())!.AsObject()))],
        };
    }

    private async Task ReportAsync(AgentIdentity identity, CancellationToken stop)
    {
        var inventoryAt = time.GetUtcNow();
        for (var attempt = 0; ;)
        {
            var outcomes = table.Untold(MostOutcomes);
            var others = upkeep.Untold();
            var isInventoryDue = others.HasEnded || time.GetUtcNow() >= inventoryAt;
            var inventory = isInventoryDue ? await InventoryAsync(stop) : null;
            try
            {
                if (outcomes.Count > 0 || !others.IsEmpty || inventory is not null)
                    await hub.ReportAsync(identity, new() { Items = outcomes, Updates = others.Updates, SettledCordon = others.SettledCordon, Inventory = inventory, AgentVersion = Hub.AgentVersion }, stop);
                table.Told(outcomes);
                upkeep.Told(others);
                inventoryAt = isInventoryDue ? time.GetUtcNow() + settings.InventoryEvery : inventoryAt;
                attempt = 0;
                await HappensAsync(Task.WhenAny(table.News, upkeep.News), inventoryAt - time.GetUtcNow(), stop);
            }
            catch (HubUnreachableException failure)
            {
                if (attempt == 0)
                    LogUnreachable(failure.Message);
                await Task.Delay(pauses.After(failure.RetryAfter, attempt++), time, stop);
            }
        }
    }

    /// <summary>Null when it cannot be seen now.</summary>
    private async Task<AgentInventory?> InventoryAsync(CancellationToken stop)
    {
        try
        {
            var seen = await ClusterLook.LookAsync(member.LookAsync, stop);
            return new()
            {
                KubernetesVersion = seen.KubernetesVersion, Distribution = seen.Distribution, NodeCount = seen.Nodes, ReadyNodeCount = seen.ReadyNodes, CoreCount = seen.Cores, MemoryBytes = seen.MemoryBytes,
                AllocatableMilliCpu = seen.AllocatableMilliCpu, AllocatableMemoryBytes = seen.AllocatableMemoryBytes, NodeImages = seen.NodeImages, AddOns = seen.AddOns,
            };
        }
        catch (Exception failure) when (failure is MemberUnreachableException or MemberRefusedException)
        {
            LogInventory(failure.Message);
            return null;
        }
    }

    /// <summary>Until it happens, or the time has passed.</summary>
    private async Task HappensAsync(Task signal, TimeSpan upTo, CancellationToken stop)
    {
        try
        {
            await signal.WaitAsync(upTo > TimeSpan.Zero ? upTo : TimeSpan.Zero, time, stop);
        }
        catch (TimeoutException)
        {
        }
    }

    [LoggerMessage(LogLevel.Debug, "Placement {Placement} at revision {Revision} is {Health} {Code}")]
    private partial void LogLooked(int placement, int revision, BindingHealth health, string? code);

    [LoggerMessage(LogLevel.Warning, "{Failure} The agent tries again; what is applied stays as it is")]
    private partial void LogUnreachable(string failure);

    [LoggerMessage(LogLevel.Warning, "The cluster's inventory cannot be read: {Failure}")]
    private partial void LogInventory(string failure);

    [LoggerMessage(LogLevel.Error, "The agent failed; it begins again")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(LogLevel.Information, "The agent stops; what is applied stays as it is")]
    private partial void LogStopped();
}
