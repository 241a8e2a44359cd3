using ControlPlane.Contracts.Fleets;
using ControlPlane.Persistence.Fleets;
using ControlPlane.Worker.Fleets;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Whatever members do, a run keeps its limits and ends.</summary>
public sealed class RolloutPlannerTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly Gen<string> AnyShare = Gen.OneOf(Gen.Int[1, 12].Select(number => $"{number}"), Gen.Int[1, 100].Select(number => $"{number}%"));

    private static readonly Gen<string> AnyShareOrNone = Gen.OneOf(Gen.Const("0"), AnyShare);

    private static readonly Gen<DisruptionBudget> AnyBudget = Gen.Select(Gen.Bool, AnyShareOrNone, (isMost, share) => isMost ? new DisruptionBudget { MaxUnavailable = share } : new DisruptionBudget { MinAvailable = share });

    private static readonly Gen<RolloutStrategy> AnyStrategy = Gen.Select(AnyShare, Gen.OneOf(Gen.Const((string?)null), AnyShare.Select(share => (string?)share)), Gen.Int[0, 30], Gen.Int[0, 3], Gen.Bool, AnyShareOrNone,
        (concurrency, pause, failures, stages, back, healthy) => new RolloutStrategy
        {
            MaxConcurrency = concurrency, MinHealthy = healthy, PauseAfterHealthyClusters = pause, MaxFailures = $"{failures}", OnFailure = back ? RolloutFailureAction.Rollback : RolloutFailureAction.Stop,
            Stages = [.. Enumerable.Range(0, stages).Select(number => new RolloutStage { Name = $"s{number}" })],
        });

    /// <summary>Where each member's stage is, and what becomes of it once it is started: 2 healthy, 3 failed, 4 deferred.</summary>
    private static readonly Gen<(int Stage, int Fate)[]> AnyMembers = Gen.Select(Gen.Int[0, 2], Gen.Frequency((8, Gen.Const(2)), (1, Gen.Const(3)), (1, Gen.Const(4)))).Array[0, 60];

    [Fact]
    public void No_limit_is_ever_exceeded_and_every_run_ends() => Gen.Select(AnyStrategy, AnyMembers, Gen.Int[0, 1000]).Sample((strategy, given, seed) =>
    {
        var stages = RolloutPlanner.Stages(strategy).Count;
        var members = given.Select(member => (Stage: member.Stage % stages, member.Fate, State: 0)).ToArray();
        var dice = new Random(seed);
        var (state, stage, phase, resumed) = (RolloutState.Running, 0, StagePhase.Before, 0);
        for (var turn = 0; ; turn++)
        {
            Assert.True(turn < 2000, "It does not end.");
            var counts = Counts(members.Select(member => member.State));
            var ofStage = Counts(members.Where(member => member.Stage == stage).Select(member => member.State));
            var decision = RolloutPlanner.Decide(strategy, new(RolloutKind.Rollout, state, stage, phase, Now, resumed, [], PreviousRevision: 1, counts, ofStage), Now);
            if (!decision.State.IsActive())
            {
                var isTooMany = counts.Failed > Share.RoundedUp(strategy.MaxFailures, members.Length);
                var isTooFew = counts.Healthy < Math.Min(members.Length, Share.RoundedUp(strategy.MinHealthy, members.Length));
                Assert.Equal(isTooMany || isTooFew ? RolloutState.Failed : RolloutState.Succeeded, decision.State);
                Assert.Equal((isTooMany || isTooFew) && strategy.OnFailure is RolloutFailureAction.Rollback, decision.GoBack);
                Assert.True(isTooMany || counts.Pending + counts.Updating == 0);
                return;
            }

            (state, stage, phase) = (decision.State, decision.Stage, decision.Phase);
            foreach (var at in Enumerable.Range(0, members.Length).Where(at => members[at].Stage == stage && members[at].State == 0).Take(decision.Start))
                members[at].State = 1;
            Assert.True(decision.Start == 0 || phase is StagePhase.Members);
            Assert.All(members.Where(member => member.State == 1), member => Assert.Equal(stage, member.Stage));
            Assert.True(members.Count(member => member.State == 1) <= Share.RoundedDown(strategy.MaxConcurrency, Math.Max(1, members.Count(member => member.Stage == stage))));
            if (strategy.PauseAfterHealthyClusters is { } pause)
                Assert.True(members.Count(member => member.State is 1 or 2) - resumed <= Share.RoundedUp(pause, members.Length), "More could become healthy than the run may reach.");
            if (state is RolloutState.HealthyHold)
            {
                Assert.Equal(Share.RoundedUp(strategy.PauseAfterHealthyClusters!, members.Length), counts.Healthy - resumed);
                (state, resumed) = (RolloutState.Running, counts.Healthy);
            }

            // Any one that is under way comes to its end.
            if (members.Select((member, at) => (member, at)).Where(one => one.member.State == 1).ToList() is { Count: > 0 } running)
            {
                var next = running[dice.Next(running.Count)].at;
                members[next].State = members[next].Fate;
            }
        }
    });

    /// <summary>Besides: members that shall have the placement, are not in the run, and have it or not.</summary>
    [Fact]
    public void No_run_takes_from_a_member_when_the_budget_lets_none_go_and_every_run_ends_once_members_come_back() =>
        Gen.Select(AnyStrategy, AnyBudget, Gen.Select(Gen.Int[0, 2], Gen.Frequency((8, Gen.Const(2)), (1, Gen.Const(3)), (2, Gen.Const(4))), Gen.Bool).Array[0, 40], Gen.Int[0, 5], Gen.Int[0, 5], Gen.Int[0, 1000]).Sample((strategy, budget, given, with, without, seed) =>
        {
            var stages = RolloutPlanner.Stages(strategy).Count;
            var members = given.Select(member => (Stage: member.Item1 % stages, Fate: member.Item2, State: 0, HasIt: member.Item3)).ToArray();
            var expected = members.Length + with + without;
            var mustStay = budget.MinAvailable is { } least ? Share.RoundedUp(least, expected) : expected - Share.RoundedUp(budget.MaxUnavailable!, expected);
            var dice = new Random(seed);
            int Available() => with + members.Count(member => member.HasIt && member.State != 1);
            var (state, stage, phase, resumed) = (RolloutState.Running, 0, StagePhase.Before, 0);
            for (var turn = 0; ; turn++)
            {
                Assert.True(turn < 2000, "It does not end.");
                var counts = Counts(members.Select(member => member.State));
                var pending = Enumerable.Range(0, members.Length).Where(at => members[at].Stage == stage && members[at].State == 0).ToList();
                var position = new BudgetPosition(budget, expected, Available(), pending.Count(at => members[at].HasIt));
                var ofStage = Counts(members.Where(member => member.Stage == stage).Select(member => member.State));
                var decision = RolloutPlanner.Decide(strategy, new(RolloutKind.Rollout, state, stage, phase, Now, resumed, [], PreviousRevision: 1, counts, ofStage) { Budget = position }, Now);
                if (!decision.State.IsActive())
                    return;
                (state, stage, phase) = (decision.State, decision.Stage, decision.Phase);
                if (state is RolloutState.HealthyHold)
                    (state, resumed) = (RolloutState.Running, counts.Healthy);
                var (started, disrupted) = (0, 0);
                foreach (var at in pending.Where(_ => decision.Start > 0))
                {
                    if (started == decision.Start || (members[at].HasIt && disrupted == decision.MostDisrupted))
                        continue;
                    (started, disrupted) = (started + 1, disrupted + (members[at].HasIt ? 1 : 0));
                    (members[at].State, members[at].HasIt) = (1, false);
                }

                Assert.Equal(decision.Start, started);
                Assert.True(disrupted == 0 || Available() >= mustStay, "It took from a member that had to stay.");
                if (decision.Reason is RolloutPlanner.BudgetExhausted)
                {
                    Assert.True(counts.Updating == 0 && pending.TrueForAll(at => members[at].HasIt) && Available() <= mustStay, "There was something to start.");
                    // Who was away comes back with what it shall have; when all are there, the budget simply allows none.
                    if (Array.FindIndex(members, member => member.State is 3 or 4 && !member.HasIt) is >= 0 and var back)
                        members[back].HasIt = true;
                    else if (without > 0)
                        (with, without) = (with + 1, without - 1);
                    else
                        return;
                }

                if (members.Select((member, at) => (member, at)).Where(one => one.member.State == 1).ToList() is { Count: > 0 } running)
                {
                    var next = running[dice.Next(running.Count)].at;
                    (members[next].State, members[next].HasIt) = (members[next].Fate, members[next].Fate == 2);
                }
            }
        });

    [Fact]
    public void A_rollback_is_held_up_by_no_budget()
    {
        var counts = new RolloutCounts(10, 10, 0, 0, 0, 0, 0);
        var budget = new BudgetPosition(new() { MaxUnavailable = "0" }, Expected: 10, Available: 10, Pending: 10);
        RolloutDecision Of(RolloutKind kind) => RolloutPlanner.Decide(new() { MaxConcurrency = "100%" }, new(kind, kind is RolloutKind.Rollback ? RolloutState.RollingBack : RolloutState.Running, 0, StagePhase.Members, Now, 0, [], null, counts, counts) { Budget = budget }, Now);
        Assert.Equal((10, null), (Of(RolloutKind.Rollback).Start, Of(RolloutKind.Rollback).Reason));
        Assert.Equal((0, RolloutPlanner.BudgetExhausted), (Of(RolloutKind.Rollout).Start, Of(RolloutKind.Rollout).Reason));
    }

    [Fact]
    public void Groups_keep_their_own_paces_and_together_that_of_their_stage() => Gen.Select(AnyShare, Gen.Select(AnyShare, Gen.Bool, Gen.Int[0, 20], Gen.Int[0, 20]).Array[1, 8]).Sample((pace, given) =>
    {
        var groups = given.Select(group => new RolloutGroup(group.Item1, group.Item2, new(group.Item3 + group.Item4, group.Item3, group.Item4, 0, 0, 0, 0))).ToList();
        var all = new RolloutCounts(groups.Sum(group => group.Counts.Total), groups.Sum(group => group.Counts.Pending), groups.Sum(group => group.Counts.Updating), 0, 0, 0, 0);
        if (all.Total == 0)
            return;
        var strategy = new RolloutStrategy { Stages = [new() { Name = "all", MaxConcurrency = pace }] };
        var decision = RolloutPlanner.Decide(strategy, new(RolloutKind.Remediation, RolloutState.Running, 0, StagePhase.Members, Now, 0, [], PreviousRevision: null, all, all) { Groups = groups }, Now);
        Assert.Equal(decision.Start, decision.GroupStarts.Sum());
        var room = Math.Max(0, Share.RoundedDown(pace, all.Total) - all.Updating);
        Assert.True(decision.Start <= room, "The stage has no room for so many.");
        var free = groups.ConvertAll(group => group.IsHeld ? 0 : Math.Clamp(Share.RoundedDown(group.MaxConcurrency, group.Counts.Total) - group.Counts.Updating, 0, group.Counts.Pending));
        Assert.All(decision.GroupStarts.Zip(free), pair => Assert.True(pair.First <= pair.Second, "A group has no room for so many."));
        Assert.Equal(Math.Min(room, free.Sum()), decision.Start);
    });

    [Fact]
    public void A_gate_is_waited_for_before_and_after_a_stage()
    {
        var strategy = new RolloutStrategy { Stages = [new() { Name = "canary", BeforeStageTasks = [new() { Type = StageTaskType.Approval }], AfterStageTasks = [new() { Type = StageTaskType.TimedWait, WaitSeconds = 60 }] }, new() { Name = "rest" }] };
        var before = Decide(strategy, RolloutState.Running, 0, StagePhase.Before, [], pending: 3, now: Now);
        Assert.Equal((RolloutState.WaitingGate, StagePhase.Before, 0), (before.State, before.Phase, before.Start));
        Assert.Equal(StagePhase.Members, Decide(strategy, RolloutState.WaitingGate, 0, StagePhase.Before, ["0/Before"], pending: 3, now: Now).Phase);
        var after = Decide(strategy, RolloutState.Running, 0, StagePhase.After, [], pending: 0, now: Now.AddSeconds(59));
        Assert.Equal((RolloutState.WaitingTimer, StagePhase.After), (after.State, after.Phase));
        var next = Decide(strategy, RolloutState.WaitingTimer, 0, StagePhase.After, [], pending: 0, now: Now.AddSeconds(60));
        Assert.Equal((RolloutState.Running, 1, StagePhase.Before), (next.State, next.Stage, next.Phase));
    }

    [Fact]
    public void A_rollback_goes_on_though_members_fail_and_says_so_at_its_end()
    {
        var counts = new RolloutCounts(10, 0, 0, 7, 3, 0, 0);
        var end = RolloutPlanner.Decide(new() { MaxFailures = "0" }, new(RolloutKind.Rollback, RolloutState.RollingBack, 0, StagePhase.After, Now, 0, [], null, counts, counts), Now);
        Assert.Equal(RolloutState.Failed, end.State);
        Assert.False(end.GoBack);
        Assert.Contains("7 of 10", end.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Percentages_are_rounded_down_for_what_is_under_way_and_up_for_what_may_fail()
    {
        Assert.Equal((1, 2, 7), (Share.RoundedDown("10%", 5), Share.RoundedDown("50%", 5), Share.RoundedDown("7", 5)));
        Assert.Equal((0, 1, 3), (Share.RoundedUp("0%", 5), Share.RoundedUp("10%", 5), Share.RoundedUp("50%", 5)));
        Assert.All(["0", "101%", "-1", "1.5", "x", "", "%"], text => Assert.False(Share.IsValid(text, least: 1)));
    }

    private static RolloutDecision Decide(RolloutStrategy strategy, RolloutState state, int stage, StagePhase phase, string[] approvals, int pending, DateTimeOffset now)
    {
        var counts = new RolloutCounts(3, pending, 0, 3 - pending, 0, 0, 0);
        return RolloutPlanner.Decide(strategy, new(RolloutKind.Rollout, state, stage, phase, Now, 0, approvals, null, counts, counts), now);
    }

    private static RolloutCounts Counts(IEnumerable<int> states)
    {
        var counts = new int[6];
        foreach (var state in states)
            counts[state]++;
        return RolloutRuns.Counts(counts);
    }
}
