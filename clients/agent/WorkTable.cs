using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;

namespace ControlPlane.Agent;

/// <summary>One thing to do, how it stands, and what was last said of it.</summary>
internal sealed class WorkEntry(AgentWorkItem item, BindingState state, DateTimeOffset dueAt)
{
    public AgentWorkItem Item { get; } = item;
    public BindingState State { get; set; } = state;

    /// <summary>When to look next; null when there is nothing left to do.</summary>
    public DateTimeOffset? DueAt { get; set; } = dueAt;

    public bool IsListed { get; set; } = true;

    /// <summary>Nothing is to be done; it is looked once whether it still is so.</summary>
    public bool IsLook { get; set; }

    /// <summary>Its content, once it was fetched.</summary>
    public MemberContent? Content { get; set; }

    /// <summary>What the control plane does not know yet.</summary>
    public AgentOutcome? News { get; set; }

    /// <summary>What it was last told.</summary>
    public AgentOutcome? Told { get; set; }
}

/// <summary>What is to be done, by placement, and when. The control plane's list replaces it; of a placement that is wanted differently the old way is forgotten. Every member may be called from anywhere.</summary>
internal sealed class WorkTable(TimeProvider time, int seed)
{
    private readonly Lock gate = new();
    private readonly Dictionary<int, WorkEntry> entries = [];

    /// <summary>Placements that are being looked at: one look at a time, or an old one could end after a new one.</summary>
    private readonly HashSet<int> looking = [];

    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done when there may be more to look at than before.</summary>
    public Task Changed
    {
        get
        {
            lock (gate)
                return changed.Task;
        }
    }

    /// <summary>Done when there is something to report.</summary>
    public Task News
    {
        get
        {
            lock (gate)
                return news.Task;
        }
    }

    public void Replace(IReadOnlyList<AgentWorkItem> items)
    {
        lock (gate)
        {
            foreach (var entry in entries.Values)
                entry.IsListed = false;
            foreach (var item in items)
            {
                if (entries.TryGetValue(item.Placement, out var known) && known.Item.Generation == item.Generation && known.Item.IsUnscheduled == item.IsUnscheduled && known.Item.Bundle == item.Bundle)
                    Keep(known);
                else
                    entries[item.Placement] = Entry(item);
            }

            Forget();
            changed.TrySetResult();
        }
    }

    /// <summary>What is settled is looked at once; what is listed is looked at anyhow.</summary>
    public void Look(IReadOnlyList<AgentWorkItem> settled)
    {
        lock (gate)
        {
            foreach (var item in settled.Where(item => !entries.ContainsKey(item.Placement)))
            {
                var entry = entries[item.Placement] = Entry(item);
                (entry.IsListed, entry.IsLook) = (false, true);
            }

            changed.TrySetResult();
        }
    }

    /// <summary>At most so many that are due, each of which is being looked at until <see cref="Note"/> or <see cref="PutBack"/>.</summary>
    public IReadOnlyList<WorkEntry> Take(int most)
    {
        lock (gate)
        {
            changed = changed.Task.IsCompleted ? new(TaskCreationOptions.RunContinuationsAsynchronously) : changed;
            var due = entries.Values.Where(entry => !looking.Contains(entry.Item.Placement) && entry.DueAt <= time.GetUtcNow()).OrderBy(entry => entry.DueAt).Take(most).ToList();
            foreach (var entry in due)
                looking.Add(entry.Item.Placement);
            return due;
        }
    }

    /// <summary>How long until something is due; null when nothing will be.</summary>
    public TimeSpan? UntilDue()
    {
        lock (gate)
        {
            var next = entries.Values.Where(entry => !looking.Contains(entry.Item.Placement)).Min(entry => entry.DueAt);
            return next is { } at ? at > time.GetUtcNow() ? at - time.GetUtcNow() : TimeSpan.Zero : null;
        }
    }

    public void Note(WorkEntry entry, BindingOutcome outcome)
    {
        lock (gate)
        {
            looking.Remove(entry.Item.Placement);
            var isDrifted = outcome.Differences is { } found ? found.Any(one => one.Kind is DifferenceKind.Drift) : entry.State.IsDrifted;
            entry.State = entry.State with { ObservedGeneration = outcome.ObservedGeneration, Health = outcome.Health, Attempts = outcome.Attempts, ErrorCode = outcome.ErrorCode, IsDrifted = isDrifted };
            entry.DueAt = outcome.Again is { } again ? time.GetUtcNow() + again : null;
            changed.TrySetResult();
            // What belongs to an older wish is of no interest any more.
            if (entries.GetValueOrDefault(entry.Item.Placement) != entry)
                return;
            var isQuiet = entry is { IsLook: true, IsListed: false } && !outcome.IsNews(entry.Item.Health, entry.Item.ErrorCode, entry.Item.HasDifferences);
            entry.IsLook = false;
            if (Said(entry, outcome) is var said && !isQuiet && !IsSame(said, entry.Told))
            {
                entry.News = said;
                news.TrySetResult();
            }

            Forget();
        }
    }

    /// <summary>Nothing was seen; look again later, or, at what is settled, with the next round.</summary>
    public void PutBack(WorkEntry entry, TimeSpan after)
    {
        lock (gate)
        {
            looking.Remove(entry.Item.Placement);
            entry.IsLook = false;
            entry.DueAt = time.GetUtcNow() + after;
            Forget();
            changed.TrySetResult();
        }
    }

    public IReadOnlyList<AgentOutcome> Untold(int most)
    {
        lock (gate)
        {
            news = news.Task.IsCompleted ? new(TaskCreationOptions.RunContinuationsAsynchronously) : news;
            return [.. entries.Values.Where(entry => entry.News is not null).Take(most).Select(entry => entry.News!)];
        }
    }

    /// <summary>The control plane knows these now.</summary>
    public void Told(IEnumerable<AgentOutcome> outcomes)
    {
        lock (gate)
        {
            foreach (var outcome in outcomes)
            {
                if (entries.TryGetValue(outcome.Placement, out var entry) && entry.News is not null && entry.Item.Generation == outcome.Generation)
                    (entry.Told, entry.News) = (outcome, entry.News == outcome ? null : entry.News);
            }

            Forget();
            if (entries.Values.Any(entry => entry.News is not null))
                news.TrySetResult();
        }
    }

    private WorkEntry Entry(AgentWorkItem item) => new(item, new(item.Generation, item.ObservedGeneration, item.Health, Attempts: 0, seed, item.ErrorCode, item.IsDrifted), time.GetUtcNow());

    /// <summary>What was found and is not told yet is told with what was found since.</summary>
    private AgentOutcome Said(WorkEntry entry, BindingOutcome outcome) => new()
    {
        Placement = entry.Item.Placement, Generation = entry.Item.Generation, Health = outcome.Health, ObservedGeneration = outcome.ObservedGeneration, IsOpen = outcome.Again is not null, IsClean = outcome.IsClean, IsGone = outcome.IsGone,
        IsUntracked = outcome.IsUntracked, ErrorCode = outcome.ErrorCode, Error = outcome.Error, Differences = outcome.Differences ?? entry.News?.Differences, Repaired = outcome.Repaired ?? entry.News?.Repaired, RepairedAt = outcome.Repaired is null ? entry.News?.RepairedAt : time.GetUtcNow(),
    };

    private static bool IsSame(AgentOutcome said, AgentOutcome? told) =>
        told is not null && said with { Differences = told.Differences } == told && (said.Differences is null || (told.Differences is not null && said.Differences.SequenceEqual(told.Differences)));

    /// <summary>What was done and is wanted again, or was told and did not arrive, is done and told once more.</summary>
    private void Keep(WorkEntry entry)
    {
        entry.IsListed = true;
        if (entry is { DueAt: null, News: null } && !looking.Contains(entry.Item.Placement))
            (entry.DueAt, entry.Told) = (time.GetUtcNow(), null);
    }

    private void Forget()
    {
        foreach (var (placement, _) in entries.Where(one => one.Value is { IsListed: false, IsLook: false, News: null } && !looking.Contains(one.Key)).ToList())
            entries.Remove(placement);
    }
}
