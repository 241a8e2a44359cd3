using ControlPlane.Worker.Fleets;
using Xunit;

namespace ControlPlane.Tests.Fleets;

public sealed class LookSlotsTests
{
    private const int Size = 4;

    [Fact]
    public async Task A_cluster_that_as_many_others_as_there_are_slots_have_overtaken_gives_its_slot_to_the_next()
    {
        using var slots = new LookSlots(Size);
        Assert.Equal(Size, await slots.TakeAsync(10, CancellationToken.None));
        var silent = slots.Begin();
        slots.GiveBack(Size - 1);

        for (var other = 1; other < Size; other++)
            await FinishAsync(slots);
        Assert.Equal(Size - 1, await FreeAsync(slots));
        await FinishAsync(slots);
        Assert.Equal(Size, await FreeAsync(slots));

        slots.End(silent);
        Assert.Equal(Size, await FreeAsync(slots));
    }

    [Fact]
    public async Task However_many_are_silent_those_who_answer_go_on_until_four_times_as_many_are_waited_for()
    {
        using var slots = new LookSlots(Size);
        var silent = 0;
        for (var turn = 0; turn < 1000 && silent < 5 * Size; turn++)
        {
            // Of two clusters one does not answer, until only one slot is left.
            if (turn % 2 == 0 && await FreeAsync(slots) > 1)
            {
                Assert.Equal(1, await slots.TakeAsync(1, CancellationToken.None));
                slots.Begin();
                silent++;
            }

            await FinishAsync(slots);
        }

        Assert.Equal((4 * Size) + Size - 1, silent);
        Assert.Equal(1, await FreeAsync(slots));
    }

    [Fact]
    public async Task Closing_waits_for_those_with_a_slot_and_for_those_without()
    {
        using var slots = new LookSlots(Size);
        await slots.TakeAsync(2, CancellationToken.None);
        var (aside, slow) = (slots.Begin(), slots.Begin());
        for (var other = 0; other < Size; other++)
            await FinishAsync(slots);
        var closing = slots.CloseAsync();
        slots.End(slow);
        Assert.False(closing.IsCompleted);
        slots.End(aside);
        await closing;
    }

    private static async Task FinishAsync(LookSlots slots)
    {
        await slots.TakeAsync(1, CancellationToken.None);
        slots.End(slots.Begin());
    }

    private static async Task<int> FreeAsync(LookSlots slots)
    {
        var free = await slots.TakeAsync(int.MaxValue, CancellationToken.None);
        slots.GiveBack(free);
        return free;
    }
}
