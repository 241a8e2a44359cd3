using ControlPlane.Api.Clusters;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Clusters;

/// <summary>Who asks at the same time is answered together; what happens when such an answer fails.</summary>
public sealed class TogetherTests
{
    private readonly TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<int[]> calls = [];

    /// <summary>The first question is held until the others have gathered behind it.</summary>
    private async Task<(Task<int> First, Task<int>[] Others)> AskAsync(Exception? failure)
    {
        var together = new Together<int, int>(200, async questions =>
        {
            calls.Add([.. questions]);
            if (calls.Count == 1)
            {
                begun.SetResult();
                await goOn.Task;
            }

            return failure is not null && questions.Contains(13) ? throw failure : [.. questions.Select(question => question * 2)];
        });

        var first = together.AskAsync(1);
        await begun.Task;
        Task<int>[] others = [together.AskAsync(2), together.AskAsync(13), together.AskAsync(3)];
        goOn.SetResult();
        await Task.WhenAll([first, .. others]).ContinueWith(_ => { }, TaskScheduler.Default);
        return (first, others);
    }

    [Fact]
    public async Task They_are_answered_with_one_statement_while_the_one_before_was_under_way()
    {
        var (first, others) = await AskAsync(failure: null);
        int[] answers = [await first, .. await Task.WhenAll(others)];
        Assert.Equal([2, 4, 26, 6], answers);
        Assert.Equal([[1], [2, 13, 3]], calls);
    }

    [Fact]
    public async Task A_question_that_the_store_refuses_fails_alone()
    {
        var refused = new PostgresException("invalid byte sequence", "ERROR", "ERROR", PostgresErrorCodes.CharacterNotInRepertoire);
        var (first, others) = await AskAsync(refused);
        int[] answers = [await first, await others[0], await others[2]];
        Assert.Equal([2, 4, 6], answers);
        Assert.Same(refused, await Assert.ThrowsAsync<PostgresException>(() => others[1]));
        Assert.Equal([[1], [2, 13, 3], [2], [13], [3]], calls);
    }

    [Fact]
    public async Task When_the_store_is_away_all_are_told_at_once()
    {
        var (first, others) = await AskAsync(new NpgsqlException("away"));
        Assert.Equal(2, await first);
        foreach (var other in others)
            await Assert.ThrowsAsync<NpgsqlException>(() => other);
        Assert.Equal([[1], [2, 13, 3]], calls);
    }
}
