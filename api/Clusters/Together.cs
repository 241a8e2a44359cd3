using Npgsql;

namespace ControlPlane.Api.Clusters;

/// <summary>
/// Answers those who ask at the same time together: while one answer is on its way the others gather for the next. Nobody waits for company, and a thousand agents that come at once cost the store a few statements. When the
/// store refuses a statement for several, each is answered alone, so that none suffers from another's question; when it cannot be reached, all are told so at once.
/// </summary>
internal sealed class Together<TQuestion, TAnswer>(int most, Func<IReadOnlyList<TQuestion>, Task<IReadOnlyList<TAnswer>>> answer)
{
    private readonly Lock gate = new();
    private readonly Queue<Asked> waiting = [];
    private bool isAnswering;

    public Task<TAnswer> AskAsync(TQuestion question)
    {
        var asked = new Asked(question);
        lock (gate)
        {
            waiting.Enqueue(asked);
            if (isAnswering)
                return asked.Answer.Task;
            isAnswering = true;
        }

        _ = AnswerAllAsync();
        return asked.Answer.Task;
    }

    private async Task AnswerAllAsync()
    {
        while (Next() is { Count: > 0 } all)
        {
            if (await TryAnswerAsync(all))
                continue;
            foreach (var asked in all)
                await TryAnswerAsync([asked]);
        }
    }

    private List<Asked> Next()
    {
        lock (gate)
        {
            var next = new List<Asked>();
            while (next.Count < most && waiting.TryDequeue(out var asked))
                next.Add(asked);
            isAnswering = next.Count > 0;
            return next;
        }
    }

    private async Task<bool> TryAnswerAsync(List<Asked> all)
    {
        try
        {
            foreach (var (asked, one) in all.Zip(await answer([.. all.Select(asked => asked.Question)])))
                asked.Answer.TrySetResult(one);
        }
        catch (PostgresException) when (all.Count > 1)
        {
            return false;
        }
        catch (Exception failure)
        {
            all.ForEach(asked => asked.Answer.TrySetException(failure));
        }

        return true;
    }

    private sealed class Asked(TQuestion question)
    {
        public TQuestion Question { get; } = question;
        public TaskCompletionSource<TAnswer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
