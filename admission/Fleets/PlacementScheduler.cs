using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;

namespace ControlPlane.Admission.Fleets;

/// <summary>A member as the scheduler sees it.</summary>
internal sealed record SchedulableMember
{
    public required int Id { get; init; }
    public required string Name { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }
    public required IReadOnlyDictionary<string, string> Properties { get; init; }
    public required IReadOnlyList<Taint> Taints { get; init; }
    public bool IsLeaving { get; init; }
    public bool IsUnreachable { get; init; }
}

/// <summary>Where a placement goes, and what could not be met.</summary>
/// <param name="Chosen">Ids of members, in the order of their names.</param>
/// <param name="Shortage">What the policy asks for and does not get; null when all is met.</param>
/// <param name="Expected">On how many members it should be: more than are chosen when members are missing, or it was evicted from some.</param>
internal sealed record Schedule(IReadOnlyList<int> Chosen, string? Shortage, int Expected);

/// <summary>Where a placement is, and from where it was evicted.</summary>
/// <param name="Bound">Members on which the placement is: they are kept where that is as good, and a NoSchedule taint does not take them away.</param>
/// <param name="Evicted">Members, by name, from which it stays away as long as its eviction is there. PickFixed names its members, and that counts for more.</param>
/// <param name="IsLeaving">Its objects are still to go from other members.</param>
internal sealed record PlacementPlaces(IReadOnlySet<int> Bound, IReadOnlySet<string> Evicted, bool IsLeaving = false);

/// <summary>Decides on which members a placement shall be. Pure: the same members and policy give the same answer, whatever their order.</summary>
internal static class PlacementScheduler
{
    public static Schedule Decide(PlacementPolicy policy, IReadOnlyList<SchedulableMember> members, PlacementPlaces places)
    {
        var bound = places.Bound;
        var selector = policy.MemberSelector is { } text && LabelSelector.TryParse(text, out var parsed, out _) ? parsed : null;
        var terms = policy.Affinity?.ClusterAffinity?.RequiredDuringSchedulingIgnoredDuringExecution?.ClusterSelectorTerms ?? [];
        var fit = InOrder(members).Where(member => !member.IsLeaving && IsTolerated(policy, member, bound.Contains(member.Id)));
        if (policy.PlacementType is PlacementType.PickFixed)
            return Fixed(policy, [.. fit]);
        var selected = fit.Where(member => (selector is null || selector.Matches(member.Labels)) && (terms.Count == 0 || terms.Any(term => Matches(term, member)))).ToList();
        var free = selected.Where(member => !places.Evicted.Contains(member.Name)).ToList();
        return policy.PlacementType is PlacementType.PickAll
            ? new([.. free.Select(member => member.Id)], selected.Count == 0 ? "No member of the fleet is selected." : null, selected.Count)
            : Pick(policy, [.. free.Where(member => !member.IsUnreachable || bound.Contains(member.Id))], bound);
    }

    /// <summary>By name. They are read in that order for many placements at once, and are not sorted again for each.</summary>
    private static IEnumerable<SchedulableMember> InOrder(IReadOnlyList<SchedulableMember> members)
    {
        for (var at = 1; at < members.Count; at++)
        {
            if (string.CompareOrdinal(members[at - 1].Name, members[at].Name) > 0)
                return members.OrderBy(member => member.Name, StringComparer.Ordinal);
        }

        return members;
    }

    private static Schedule Fixed(PlacementPolicy policy, IReadOnlyList<SchedulableMember> fit)
    {
        var wanted = policy.ClusterNames.ToHashSet(StringComparer.OrdinalIgnoreCase);
        var chosen = fit.Where(member => wanted.Contains(member.Name)).ToList();
        wanted.ExceptWith(chosen.Select(member => member.Name));
        return new([.. chosen.Select(member => member.Id)], wanted.Count == 0 ? null : $"{wanted.Count} of the named members are not there or have a taint: {string.Join(", ", wanted.Order(StringComparer.Ordinal).Take(5))}.", chosen.Count);
    }

    /// <summary>
    /// One after the other: the member that spreads best, then is preferred most, then has the placement already, then comes first by name. Members with the same topology differ in
    /// nothing but the rest, so that only the best one of each topology is looked at.
    /// </summary>
    private static Schedule Pick(PlacementPolicy policy, IReadOnlyList<SchedulableMember> fit, IReadOnlySet<int> bound)
    {
        var wanted = policy.NumberOfClusters ?? 0;
        var score = Scores(policy, fit);
        var constraints = policy.TopologySpreadConstraints;
        var spread = constraints.Select(constraint => new Spread(constraint, fit)).ToList();
        var groups = fit.GroupBy(member => string.Join('\n', constraints.Select(constraint => member.Labels.GetValueOrDefault(constraint.TopologyKey) ?? "\0")), StringComparer.Ordinal)
            .Select(group => new Queue<SchedulableMember>(group.OrderByDescending(member => score[member.Id]).ThenByDescending(member => bound.Contains(member.Id)).ThenBy(member => member.Name, StringComparer.Ordinal)))
            .ToList();
        var chosen = new List<SchedulableMember>(Math.Min(wanted, fit.Count));
        while (chosen.Count < wanted)
        {
            var best = groups.Where(group => group.Count > 0 && spread.TrueForAll(one => one.Allows(group.Peek())))
                .OrderBy(group => spread.Sum(one => one.SkewWith(group.Peek()))).ThenByDescending(group => score[group.Peek().Id]).ThenByDescending(group => bound.Contains(group.Peek().Id))
                .ThenBy(group => group.Peek().Name, StringComparer.Ordinal).FirstOrDefault();
            if (best is null)
                break;
            var next = best.Dequeue();
            chosen.Add(next);
            spread.ForEach(one => one.Take(next));
        }

        return new([.. chosen.OrderBy(member => member.Name, StringComparer.Ordinal).Select(member => member.Id)],
            chosen.Count == wanted ? null : $"{wanted} members are wanted and {chosen.Count} fit: {fit.Count} are selected and can be reached{(constraints.Count > 0 ? ", and the topology spread allows no more" : "")}.", wanted);
    }

    /// <summary>A NoSchedule taint keeps new placements away; NoExecute takes away those that are there.</summary>
    private static bool IsTolerated(PlacementPolicy policy, SchedulableMember member, bool isBound) =>
        member.Taints.Count == 0 || member.Taints.All(taint => (isBound && taint.Effect is TaintEffect.NoSchedule) || policy.Tolerations.Any(toleration => toleration.Tolerates(taint)));

    private static bool Matches(ClusterSelectorTerm term, SchedulableMember member) =>
        term.LabelSelector?.Matches(member.Labels) is not false && (term.PropertySelector?.MatchExpressions.All(one => one.Matches(member.Properties)) is not false);

    /// <summary>The sum of the weights of the preferences that a member matches; with a sorter the share of the weight by its place between the least and the most.</summary>
    private static Dictionary<int, decimal> Scores(PlacementPolicy policy, IReadOnlyList<SchedulableMember> fit)
    {
        var scores = fit.ToDictionary(member => member.Id, _ => 0m);
        foreach (var preferred in policy.Affinity?.ClusterAffinity?.PreferredDuringSchedulingIgnoredDuringExecution ?? [])
        {
            var matching = fit.Where(member => Matches(preferred.Preference, member)).ToList();
            if (preferred.Preference.PropertySorter is not { } sorter)
            {
                matching.ForEach(member => scores[member.Id] += preferred.Weight);
                continue;
            }

            var values = matching.Select(member => (member.Id, Value: member.Properties.TryGetValue(sorter.Name, out var text) && Quantity.TryParse(text, out var value) ? value : (decimal?)null)).Where(one => one.Value is not null).ToList();
            if (values.Count == 0)
                continue;
            var (least, most) = (values.Min(one => one.Value!.Value), values.Max(one => one.Value!.Value));
            foreach (var (id, value) in values)
            {
                var share = most == least ? 1 : (value!.Value - least) / (most - least);
                scores[id] += preferred.Weight * (sorter.SortOrder is SortOrder.Descending ? share : 1 - share);
            }
        }

        return scores;
    }

    /// <summary>How many members were chosen for each value of a topology label.</summary>
    private sealed class Spread
    {
        private readonly TopologySpreadConstraint constraint;
        private readonly Dictionary<string, int> counts;

        public Spread(TopologySpreadConstraint constraint, IReadOnlyList<SchedulableMember> fit)
        {
            this.constraint = constraint;
            counts = fit.Select(member => member.Labels.GetValueOrDefault(constraint.TopologyKey)).OfType<string>().Distinct(StringComparer.Ordinal).ToDictionary(value => value, _ => 0, StringComparer.Ordinal);
        }

        /// <summary>A member without the label is in no topology, and is not chosen where the spread must hold (Kubernetes, topology spread constraints).</summary>
        public bool Allows(SchedulableMember member) =>
            constraint.WhenUnsatisfiable is WhenUnsatisfiable.ScheduleAnyway || (member.Labels.ContainsKey(constraint.TopologyKey) && SkewWith(member) <= constraint.MaxSkew);

        /// <summary>By how much the value of the member would then exceed the emptiest one.</summary>
        public int SkewWith(SchedulableMember member) => member.Labels.TryGetValue(constraint.TopologyKey, out var value) ? counts[value] + 1 - counts.Values.Min() : 0;

        public void Take(SchedulableMember member)
        {
            if (member.Labels.TryGetValue(constraint.TopologyKey, out var value))
                counts[value]++;
        }
    }
}
