using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Clusters;
using ControlPlane.Contracts.Fleets;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Where a placement goes follows from policy and members alone.</summary>
public sealed class PlacementSchedulerTests
{
    private static readonly string[] Regions = ["southeastasia", "westeurope", "westus"];
    private static readonly string[] Environments = ["prod", "canary"];

    private static readonly Gen<SchedulableMember> AnyMember = Gen.Select(Gen.Int[0, Regions.Length - 1], Gen.Int[0, 1], Gen.Int[1, 64], Gen.Frequency((8, Gen.Const(0)), (1, Gen.Const(1)), (1, Gen.Const(2))), Gen.Frequency((9, Gen.Const(false)), (1, Gen.Const(true))),
        (region, environment, cores, taint, leaving) => Member(0, Regions[region], Environments[environment], cores) with
        {
            Taints = taint == 0 ? [] : [new() { Key = "maintenance", Effect = taint == 1 ? TaintEffect.NoSchedule : TaintEffect.NoExecute }], IsLeaving = leaving,
        });

    private static readonly Gen<List<SchedulableMember>> AnyMembers = AnyMember.List[0, 40].Select(members => members.Select((member, at) => member with { Id = at + 1, Name = $"m{at:00}" }).ToList());

    private static readonly Gen<PlacementPolicy> AnyPolicy = Gen.Select(Gen.Int[0, 20], Gen.Int[1, 3], Gen.Bool, Gen.Bool, Gen.Bool, (count, skew, spread, selected, preferred) => new PlacementPolicy
    {
        PlacementType = PlacementType.PickN, NumberOfClusters = count, MemberSelector = selected ? "env=prod" : null,
        TopologySpreadConstraints = spread ? [new() { TopologyKey = MemberLabels.Location, MaxSkew = skew }] : [],
        Affinity = preferred ? new() { ClusterAffinity = new() { PreferredDuringSchedulingIgnoredDuringExecution = [new() { Weight = 50, Preference = new() { PropertySorter = new() { Name = "cores" } } }] } } : null,
    });

    [Fact]
    public void The_order_of_the_members_does_not_matter() => Gen.Select(AnyPolicy, AnyMembers, Gen.Int[0, 1000]).Sample((policy, members, seed) =>
    {
        var shuffled = members.ToArray();
        new Random(seed).Shuffle(shuffled);
        Assert.Equal(Decide(policy, members, new HashSet<int>()).Chosen, Decide(policy, shuffled, new HashSet<int>()).Chosen);
    });

    [Fact]
    public void As_many_are_chosen_as_fit_and_none_that_is_not_selected_leaves_or_is_tainted() => Gen.Select(AnyPolicy, AnyMembers).Sample((policy, members) =>
    {
        var schedule = Decide(policy, members, new HashSet<int>());
        var fit = members.Where(member => !member.IsLeaving && member.Taints.Count == 0 && (policy.MemberSelector is null || member.Labels["env"] == "prod")).ToList();
        Assert.All(schedule.Chosen, id => Assert.Contains(fit, member => member.Id == id));
        Assert.True(schedule.Chosen.Count <= policy.NumberOfClusters);
        if (policy.TopologySpreadConstraints.Count == 0)
            Assert.Equal(Math.Min(policy.NumberOfClusters!.Value, fit.Count), schedule.Chosen.Count);
        Assert.Equal(schedule.Chosen.Count == policy.NumberOfClusters, schedule.Shortage is null);
    });

    [Fact]
    public void The_spread_stays_within_the_skew() => Gen.Select(AnyPolicy, AnyMembers).Where((policy, _) => policy.TopologySpreadConstraints.Count > 0).Sample((policy, members) =>
    {
        var chosen = Decide(policy, members, new HashSet<int>()).Chosen.ToHashSet();
        var fit = members.Where(member => !member.IsLeaving && member.Taints.Count == 0 && (policy.MemberSelector is null || member.Labels["env"] == "prod")).ToList();
        var counts = fit.GroupBy(member => member.Labels[MemberLabels.Location], StringComparer.Ordinal).Select(region => region.Count(member => chosen.Contains(member.Id))).ToList();
        if (counts.Count > 0)
            Assert.True(counts.Max() - counts.Min() <= policy.TopologySpreadConstraints[0].MaxSkew);
    });

    [Fact]
    public void What_was_chosen_is_chosen_again() => Gen.Select(AnyPolicy, AnyMembers).Sample((policy, members) =>
    {
        var first = Decide(policy, members, new HashSet<int>());
        Assert.Equal(first.Chosen, Decide(policy, members, first.Chosen.ToHashSet()).Chosen);
    });

    [Fact]
    public void A_NoSchedule_taint_keeps_away_what_is_not_there_and_NoExecute_also_what_is()
    {
        List<SchedulableMember> members = [Member(1, "westus", "prod", 4) with { Taints = [new() { Key = "a" }] }, Member(2, "westus", "prod", 4) with { Taints = [new() { Key = "a", Effect = TaintEffect.NoExecute }] }, Member(3, "westus", "prod", 4)];
        var all = new PlacementPolicy();
        Assert.Equal([3], Decide(all, members, new HashSet<int>()).Chosen);
        Assert.Equal([1, 3], Decide(all, members, new HashSet<int> { 1, 2 }).Chosen);
        Assert.Equal([1, 2, 3], Decide(all with { Tolerations = [new() { Operator = TolerationOperator.Exists }] }, members, new HashSet<int>()).Chosen);
        Assert.Equal([1, 3], Decide(all with { Tolerations = [new() { Key = "a", Effect = TaintEffect.NoSchedule }] }, members, new HashSet<int>()).Chosen);
    }

    [Fact]
    public void An_evicted_member_is_not_chosen_and_still_expected_unless_it_is_named()
    {
        List<SchedulableMember> members = [.. Enumerable.Range(1, 4).Select(id => Member(id, "westus", "prod", 4))];
        var bound = new HashSet<int> { 1, 2 };
        var all = Decide(new(), members, bound, "M02");
        var two = Decide(new() { PlacementType = PlacementType.PickN, NumberOfClusters = 2 }, members, bound, "m02");
        var four = Decide(new() { PlacementType = PlacementType.PickN, NumberOfClusters = 4 }, members, bound, "m02");
        Assert.Equal([1, 3, 4], all.Chosen);
        Assert.Equal([1, 3], two.Chosen);
        Assert.Equal([1, 3, 4], four.Chosen);
        Assert.Equal((4, 2, 4), (all.Expected, two.Expected, four.Expected));
        Assert.Equal([2], Decide(new() { PlacementType = PlacementType.PickFixed, ClusterNames = ["m02"] }, members, bound, "m02").Chosen);
    }

    [Fact]
    public void Terms_are_alternatives_and_all_of_a_term_must_hold()
    {
        List<SchedulableMember> members = [Member(1, "westus", "prod", 4), Member(2, "westeurope", "prod", 32), Member(3, "southeastasia", "canary", 64)];
        PlacementPolicy Policy(params ClusterSelectorTerm[] terms) => new() { Affinity = new() { ClusterAffinity = new() { RequiredDuringSchedulingIgnoredDuringExecution = new() { ClusterSelectorTerms = terms } } } };
        var prod = new LabelSelector { MatchLabels = new Dictionary<string, string>(StringComparer.Ordinal) { ["env"] = "prod" } };
        var large = new PropertySelector { MatchExpressions = [new() { Name = "cores", Operator = PropertyOperator.Ge, Values = ["16"] }] };
        Assert.Equal([2], Decide(Policy(new ClusterSelectorTerm { LabelSelector = prod, PropertySelector = large }), members, new HashSet<int>()).Chosen);
        Assert.Equal([1, 2, 3], Decide(Policy(new() { LabelSelector = prod }, new() { PropertySelector = large }), members, new HashSet<int>()).Chosen);
    }

    [Theory]
    [InlineData("env=prod", "env:prod", true)]
    [InlineData("env==prod,tier!=test", "env:prod", true)]
    [InlineData("env!=prod", "env:prod", false)]
    [InlineData("env in (prod, canary),region notin (westus)", "env:canary region:westeurope", true)]
    [InlineData("env in (prod),region notin (westus)", "env:prod region:westus", false)]
    [InlineData("canary", "canary:", true)]
    [InlineData("!canary", "canary:", false)]
    [InlineData("", "", true)]
    public void The_short_form_selects_as_Kubernetes_does(string selector, string labels, bool selected)
    {
        Assert.True(LabelSelector.TryParse(selector, out var parsed, out _));
        Assert.Equal(selected, parsed.Matches(labels.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(label => label.Split(':')).ToDictionary(label => label[0], label => label[1], StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("env=")]
    [InlineData("env in prod")]
    [InlineData("a b")]
    [InlineData("=x")]
    [InlineData("x in (a")]
    [InlineData("x > 5")]
    public void What_is_no_selector_says_so(string selector)
    {
        var isOne = LabelSelector.TryParse(selector, out _, out var fault);
        Assert.Equal(selector == "env=", isOne);
        Assert.Equal(isOne, fault is null);
    }

    [Theory]
    [InlineData("16", 16)]
    [InlineData("500m", 0.5)]
    [InlineData("64Gi", 68719476736)]
    [InlineData("1e3", 1000)]
    [InlineData("1.5k", 1500)]
    public void Quantities_are_read_as_Kubernetes_writes_them(string text, double value)
    {
        Assert.True(Quantity.TryParse(text, out var read));
        Assert.Equal((decimal)value, read);
    }

    private static Schedule Decide(PlacementPolicy policy, IReadOnlyList<SchedulableMember> members, IReadOnlySet<int> bound, params string[] evicted) =>
        PlacementScheduler.Decide(policy, members, new(bound, evicted.ToHashSet(StringComparer.OrdinalIgnoreCase)));

    private static SchedulableMember Member(int id, string region, string environment, int cores) => new()
    {
        Id = id, Name = $"m{id:00}", Taints = [],
        Labels = new Dictionary<string, string>(StringComparer.Ordinal) { [MemberLabels.Location] = region, ["env"] = environment },
        Properties = new Dictionary<string, string>(StringComparer.Ordinal) { ["cores"] = $"{cores}" },
    };
}
