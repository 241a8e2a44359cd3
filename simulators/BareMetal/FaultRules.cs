using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>What a fault does to a matching request.</summary>
internal enum FaultAction
{
    /// <summary>Answers with <c>status</c> and <c>messageId</c> instead of doing anything.</summary>
    Status,

    /// <summary>Waits <c>delayMilliseconds</c> (wall clock), then serves normally.</summary>
    Delay,

    /// <summary>Breaks the connection before anything is done.</summary>
    Drop,

    /// <summary>Does what was asked and breaks the connection before answering.</summary>
    DropAfter,

    /// <summary>GET shows the resource as it was at the rule's first match.</summary>
    Stale,

    /// <summary>200 with something that is not JSON.</summary>
    Garbage,

    /// <summary>Sends the first half of the answer, then breaks the connection.</summary>
    Partial,

    /// <summary>Accepts a change and does not carry it out.</summary>
    Lying200,
}

/// <summary>An injected fault, as the control API takes it.</summary>
internal sealed record FaultRule
{
    public string? Id { get; init; }

    /// <summary>Where: <c>bmc</c> (default), <c>cluster</c> or <c>images</c>.</summary>
    public string Source { get; init; } = "bmc";

    /// <summary>Slots; empty = every machine.</summary>
    public IReadOnlyList<int> Machines { get; init; } = [];

    /// <summary>HTTP method; null = any.</summary>
    public string? Method { get; init; }

    /// <summary>Regular expression on the path; null = any.</summary>
    public string? Path { get; init; }

    public required FaultAction Action { get; init; }
    public int Status { get; init; } = 503;
    public string MessageId { get; init; } = "Base.1.18.ServiceTemporarilyUnavailable";
    public int DelayMilliseconds { get; init; }

    /// <summary>How often it still strikes; null = for ever.</summary>
    public int? Remaining { get; init; }

    /// <summary>Chance that a matching request is struck; dice are seeded.</summary>
    public double Probability { get; init; } = 1;
}

/// <summary>A rule in force.</summary>
internal sealed class ActiveFault(FaultRule rule, string id)
{
    private static readonly TimeSpan matchTimeout = TimeSpan.FromSeconds(1);

    private readonly Regex? path = rule.Path is null ? null : new Regex(rule.Path, RegexOptions.CultureInvariant, matchTimeout);

    public string Id => id;
    public FaultRule Rule => rule;
    public int? Remaining { get; set; } = rule.Remaining;
    public int Struck { get; set; }

    /// <summary>What stale answers show, by machine and path.</summary>
    public Dictionary<string, JsonObject> Snapshots { get; } = new(StringComparer.Ordinal);

    public bool Matches(string source, int machine, string method, string requestPath) =>
        Remaining is not 0
        && string.Equals(rule.Source, source, StringComparison.Ordinal)
        && (rule.Machines.Count == 0 || rule.Machines.Contains(machine))
        && (rule.Method is null || string.Equals(rule.Method, method, StringComparison.OrdinalIgnoreCase))
        && (path is null || path.IsMatch(requestPath));
}

/// <summary>All faults in force; the first one that matches and wins its dice strikes.</summary>
internal sealed class FaultRules(int seed)
{
    private readonly Lock gate = new();
    private readonly List<ActiveFault> rules = [];
    private readonly Random dice = new(seed);
    private int number;
    private volatile bool any;

    public IReadOnlyList<ActiveFault> All
    {
        get
        {
            lock (gate) return [.. rules];
        }
    }

    /// <exception cref="ArgumentException">The path is not a regular expression.</exception>
    public ActiveFault Add(FaultRule rule)
    {
        lock (gate)
        {
            var fault = new ActiveFault(rule, rule.Id ?? $"fault-{++number}");
            rules.RemoveAll(existing => existing.Id == fault.Id);
            rules.Add(fault);
            any = true;
            return fault;
        }
    }

    /// <summary>Removes one rule, or all when no id is given.</summary>
    public int Remove(string? id)
    {
        lock (gate)
        {
            var removed = rules.RemoveAll(rule => id is null || rule.Id == id);
            any = rules.Count > 0;
            return removed;
        }
    }

    public ActiveFault? Strike(string source, int machine, string method, string path)
    {
        if (!any) return null;
        lock (gate)
        {
            var fault = rules.Find(rule => rule.Matches(source, machine, method, path) && (rule.Rule.Probability >= 1 || dice.NextDouble() < rule.Rule.Probability));
            if (fault is null) return null;
            fault.Struck++;
            if (fault.Remaining is not null) fault.Remaining--;
            return fault;
        }
    }
}
