using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Agent;

/// <summary>What the control plane does not know yet of updates and cordons.</summary>
/// <param name="HasEnded">An update has ended, so the cluster is another than it was.</param>
internal sealed record UpkeepNews(IReadOnlyList<AgentUpdateOutcome> Updates, long? SettledCordon, bool HasEnded)
{
    public bool IsEmpty => Updates.Count == 0 && SettledCordon is null;
}

/// <summary>What is to be done with the cluster itself: the updates of runs and cordoned nodes, one look at a time, with the code with which a worker does it. The control plane's list replaces what is to be done.</summary>
internal sealed partial class Upkeep(MemberApi member, TimeProvider time, ILogger logger)
{
    /// <summary>For one look.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>While a cluster is cordoned nodes may join it; they are cordoned at the next look.</summary>
    private static readonly TimeSpan NodesAgain = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AfterFault = TimeSpan.FromSeconds(10);

    private readonly Lock gate = new();
    private readonly Dictionary<(long Run, int Claim), UpdateEntry> updates = [];
    private CordonEntry? cordon;
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done when there is something to report.</summary>
    public Task News
    {
        get
        {
            lock (gate)
                return news.Task;
        }
    }

    /// <summary>What is listed no more is forgotten, and what a look at it still finds is of no interest. What was done and is listed all the same is done and told once more.</summary>
    public void Replace(IReadOnlyList<AgentUpdate> wanted, AgentCordon? cordons)
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            var listed = wanted.DistinctBy(update => (update.Run, update.Claim)).ToDictionary(update => (update.Run, update.Claim));
            foreach (var gone in updates.Keys.Where(key => !listed.ContainsKey(key)).ToList())
                updates.Remove(gone);
            foreach (var (key, update) in listed)
            {
                if (!updates.TryGetValue(key, out var known))
                    updates[key] = new(update, now);
                else if (known is { DueAt: null, News: null })
                    (known.DueAt, known.Told) = (now, null);
            }

            if (cordon?.Wanted.Generation != cordons?.Generation)
                cordon = cordons is null ? null : new(cordons, now);
            else if (cordon is { DueAt: null, IsNews: false })
                cordon.DueAt = now;
            changed.TrySetResult();
        }
    }

    /// <summary>Looks at whatever is due, for ever.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (true)
        {
            var (update, nodes, signal, wait) = Next();
            if (update is not null)
                await UpdateAsync(update, stop);
            if (nodes is not null)
                await CordonAsync(nodes, stop);
            if (update is null && nodes is null)
                await HappensAsync(signal, wait, stop);
        }
    }

    public UpkeepNews Untold()
    {
        lock (gate)
        {
            news = news.Task.IsCompleted ? new(TaskCreationOptions.RunContinuationsAsynchronously) : news;
            var said = updates.Values.Where(entry => entry.News is not null).Select(entry => entry.News!).ToList();
            return new(said, cordon is { IsNews: true } ? cordon.Wanted.Generation : null, said.Any(one => one.State is RolloutMemberState.Healthy or RolloutMemberState.Failed));
        }
    }

    /// <summary>The control plane knows this now.</summary>
    public void Told(UpkeepNews known)
    {
        lock (gate)
        {
            foreach (var outcome in known.Updates)
            {
                if (updates.TryGetValue((outcome.Run, outcome.Claim), out var entry))
                    (entry.Told, entry.News) = (outcome, entry.News == outcome ? null : entry.News);
            }

            if (cordon is not null && cordon.Wanted.Generation == known.SettledCordon)
                cordon.IsNews = false;
            if (updates.Values.Any(entry => entry.News is not null))
                news.TrySetResult();
        }
    }

    private (UpdateEntry? Update, CordonEntry? Cordon, Task Signal, TimeSpan Wait) Next()
    {
        lock (gate)
        {
            var now = time.GetUtcNow();
            changed = changed.Task.IsCompleted ? new(TaskCreationOptions.RunContinuationsAsynchronously) : changed;
            var (update, nodes) = (updates.Values.Where(entry => entry.DueAt <= now).MinBy(entry => entry.DueAt), cordon?.DueAt <= now ? cordon : null);
            var next = updates.Values.Select(entry => entry.DueAt).Append(cordon?.DueAt).Min();
            return (update, nodes, changed.Task, next is { } at ? at > now ? at - now : TimeSpan.Zero : Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Until it happens, or the time has passed.</summary>
    private async Task HappensAsync(Task signal, TimeSpan upTo, CancellationToken stop)
    {
        try
        {
            await signal.WaitAsync(upTo, time, stop);
        }
        catch (TimeoutException)
        {
        }
    }

    private async Task UpdateAsync(UpdateEntry entry, CancellationToken stop)
    {
        UpdateOutcome outcome;
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
            patience.CancelAfter(Patience);
            outcome = await MemberUpdate.LookAsync(member, new() { Update = entry.Wanted.Update, NodeImages = entry.Wanted.NodeImages, Attempts = entry.Attempts }, patience.Token);
        }
        catch (Exception failure) when (!stop.IsCancellationRequested)
        {
            LogFailed(failure);
            outcome = new(RolloutMemberState.Updating, "A look at the cluster failed; the agent's log has the reason.", AfterFault, entry.Attempts);
        }

        lock (gate)
        {
            (entry.Attempts, entry.DueAt) = (outcome.Attempts, outcome.Again is { } again ? time.GetUtcNow() + again : null);
            var said = new AgentUpdateOutcome { Run = entry.Wanted.Run, Claim = entry.Wanted.Claim, State = outcome.State, Message = outcome.Message };
            if (said == entry.Told)
                return;
            entry.News = said;
            news.TrySetResult();
        }
    }

    private async Task CordonAsync(CordonEntry entry, CancellationToken stop)
    {
        var isSettled = false;
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
            patience.CancelAfter(Patience);
            isSettled = await NodeCordon.SettleAsync(member, entry.Wanted.Owners, patience.Token);
            entry.Faults = 0;
        }
        catch (Exception failure) when (!stop.IsCancellationRequested)
        {
            if (entry.Faults++ == 0)
                LogUnsettled(failure.Message);
        }

        lock (gate)
        {
            var isOver = isSettled && entry.Wanted.Owners.Count == 0;
            entry.DueAt = isOver ? null : time.GetUtcNow() + (isSettled ? NodesAgain : entry.Faults > 0 ? AfterFault : SoonAgain);
            if (!isOver || entry != cordon)
                return;
            entry.IsNews = true;
            news.TrySetResult();
        }
    }

    private sealed class UpdateEntry(AgentUpdate wanted, DateTimeOffset dueAt)
    {
        public AgentUpdate Wanted { get; } = wanted;

        /// <summary>When to look next; null when it has ended.</summary>
        public DateTimeOffset? DueAt { get; set; } = dueAt;

        /// <summary>Looks in a row that did not reach the cluster.</summary>
        public int Attempts { get; set; }

        public AgentUpdateOutcome? News { get; set; }
        public AgentUpdateOutcome? Told { get; set; }
    }

    private sealed class CordonEntry(AgentCordon wanted, DateTimeOffset dueAt)
    {
        public AgentCordon Wanted { get; } = wanted;
        public DateTimeOffset? DueAt { get; set; } = dueAt;
        public int Faults { get; set; }

        /// <summary>The nodes are uncordoned, and the control plane does not know it yet.</summary>
        public bool IsNews { get; set; }
    }

    [LoggerMessage(LogLevel.Error, "A look at the cluster for an update run failed; another look is taken")]
    private partial void LogFailed(Exception failure);

    [LoggerMessage(LogLevel.Warning, "The nodes could not be cordoned or uncordoned; they are tried again: {Failure}")]
    private partial void LogUnsettled(string failure);
}
