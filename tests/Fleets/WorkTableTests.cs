using ControlPlane.Agent;
using ControlPlane.Api.Fleets;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>What an agent makes of the list of what is to be done.</summary>
public sealed class WorkTableTests
{
    private readonly WorkTable table = new(TimeProvider.System, seed: 1);

    [Fact]
    public void A_look_that_began_before_something_else_was_wanted_says_nothing_and_is_waited_for()
    {
        table.Replace([Item(1)]);
        var old = Assert.Single(table.Take(4));
        table.Replace([Item(2)]);
        Assert.Empty(table.Take(4));
        table.Note(old, new(BindingHealth.Available, 1));
        Assert.Empty(table.Untold(10));
        var newer = Assert.Single(table.Take(4));
        table.Note(newer, new(BindingHealth.Available, 2));
        Assert.Equal(2, Assert.Single(table.Untold(10)).Generation);
    }

    [Fact]
    public void What_is_done_is_told_once_and_done_again_only_when_it_is_asked_for_again()
    {
        table.Replace([Item(1)]);
        table.Note(table.Take(4)[0], new(BindingHealth.Available, 1));
        Assert.Empty(table.Take(4));
        table.Told(table.Untold(10));
        Assert.Empty(table.Untold(10));
        table.Replace([Item(1)]);
        table.Note(Assert.Single(table.Take(4)), new(BindingHealth.Available, 1));
        table.Told(Assert.Single(table.Untold(10)) is var said ? [said] : []);
        table.Replace([]);
        Assert.Empty(table.Take(4));
        Assert.Null(table.UntilDue());
    }

    [Fact]
    public void What_was_not_told_yet_is_told_although_it_is_on_the_list_no_more()
    {
        table.Replace([Item(1)]);
        table.Note(table.Take(4)[0], new(BindingHealth.Progressing, 1, TimeSpan.FromMinutes(1)));
        table.Replace([]);
        Assert.Single(table.Untold(10));
        table.Told(table.Untold(10));
        Assert.Null(table.UntilDue());
    }

    [Fact]
    public void What_is_settled_is_looked_at_once_and_only_what_has_changed_is_told()
    {
        AgentWorkItem Settled(bool hasDifferences = false) => Item(1) with { Health = BindingHealth.Available, ObservedGeneration = 1, HasDifferences = hasDifferences };
        var same = new BindingOutcome(BindingHealth.Available, 1) { Differences = [] };
        table.Look([Settled()]);
        table.Note(Assert.Single(table.Take(10)), same);
        Assert.Empty(table.Untold(10));
        Assert.Null(table.UntilDue());

        table.Look([Settled()]);
        table.Note(Assert.Single(table.Take(10)), same with { Repaired = "replicas" });
        Assert.NotNull(Assert.Single(table.Untold(10)).RepairedAt);
        table.Told(table.Untold(10));
        table.Look([Settled(hasDifferences: true)]);
        table.Note(Assert.Single(table.Take(10)), same);
        Assert.Empty(Assert.Single(table.Untold(10)).Differences!);
        table.Told(table.Untold(10));

        // A look that could not be made is given up; what is wanted anew comes before it.
        table.Look([Settled()]);
        table.PutBack(Assert.Single(table.Take(10)), TimeSpan.Zero);
        Assert.Null(table.UntilDue());
        table.Look([Settled()]);
        table.Replace([Item(2)]);
        table.Look([Settled()]);
        Assert.Equal(2, Assert.Single(table.Take(10)).Item.Generation);
    }

    [Fact]
    public void The_cursor_stands_for_what_is_to_be_done_in_whatever_order()
    {
        WorkPart[] parts = [new(WorkKind.Placement, 1, 1), new(WorkKind.Placement, 2, 7), new(WorkKind.Removal, 3, 1), new(WorkKind.Update, 1, 1), new(WorkKind.Cordon, 0, 1)];
        Assert.Equal(WorkCursor.Of(parts), WorkCursor.Of(parts.Reverse()));
        Assert.Equal(0, WorkCursor.Of([]));
        Assert.All<WorkPart>([new(WorkKind.Placement, 1, 2), new(WorkKind.Placement, 2, 1), new(WorkKind.Removal, 1, 1), new(WorkKind.Update, 1, 1), new(WorkKind.Cordon, 1, 1)], part => Assert.NotEqual(WorkCursor.Of([new(WorkKind.Placement, 1, 1)]), WorkCursor.Of([part])));
    }

    private static AgentWorkItem Item(long generation) => new() { Placement = 1, Generation = generation, DesiredRevision = 1, IsUnscheduled = false, Bundle = "b", Touched = [], Health = BindingHealth.Pending, ObservedGeneration = 0 };
}
