using ControlPlane.Tests.Fixtures;

namespace ControlPlane.Tests.Engine;

/// <summary>
/// Does to the processes of a stack what happens to processes: kills workers and starts others, pauses them past their lease, takes RabbitMQ away for a while. What it
/// does and in which order is decided by a seed; when exactly, by the machine it runs on.
/// </summary>
internal sealed class ChaosMonkey(ProcessStack stack, int seed, TimeSpan lease, Action<string> report)
{
    private readonly Random dice = new(seed);
    private Task outage = Task.CompletedTask;

    public int Kills { get; private set; }
    public int Pauses { get; private set; }
    public int Outages { get; private set; }

    /// <summary>Does each kind of harm once and goes on until <paramref name="stop"/>; leaves everything running.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var plan = new Queue<Func<Task>>(Shuffled([KillAsync, PauseAsync, StopBusAsync]));
        while (plan.Count > 0 || !stop.IsCancellationRequested)
        {
            var harm = plan.TryDequeue(out var planned) ? planned : dice.Next(100) switch
            {
                < 45 => KillAsync,
                < 90 => PauseAsync,
                _ => (Func<Task>)StopBusAsync,
            };
            await harm();
            await PassAsync(TimeSpan.FromMilliseconds(dice.Next(500, 2500)));
        }

        await outage;
    }

    private async Task KillAsync()
    {
        var victim = Pick();
        report($"SIGKILL {victim.Name} ({victim.Id})");
        await stack.KillAsync(victim);
        stack.BeginWorker();
        Kills++;
    }

    private async Task PauseAsync()
    {
        var victim = Pick();
        var time = lease + TimeSpan.FromMilliseconds(dice.Next(200, 2500));
        report($"SIGSTOP {victim.Name} ({victim.Id}) for {time.TotalSeconds:0.0} s");
        await victim.PauseAsync();
        await PassAsync(time);
        await victim.ResumeAsync();
        Pauses++;
    }

    private async Task StopBusAsync()
    {
        if (outage.IsCompleted)
            await outage;
        else
            return;
        var time = TimeSpan.FromMilliseconds(dice.Next(1000, 4000));
        report($"RabbitMQ is away for {time.TotalSeconds:0.0} s and its start");
        await stack.Rabbit!.CrashAsync();
        Outages++;
        outage = ComeBackAsync();

        // Other harm goes on meanwhile.
        async Task ComeBackAsync()
        {
            await PassAsync(time);
            await stack.Rabbit.ResumeAsync();
        }
    }

    private ServerProcess Pick() => stack.Workers[dice.Next(stack.Workers.Count)];

    private IEnumerable<Func<Task>> Shuffled(Func<Task>[] harms)
    {
        dice.Shuffle(harms);
        return harms;
    }

    /// <summary>Nothing is waited for here: time itself is what the harm is made of.</summary>
    private static async Task PassAsync(TimeSpan time)
    {
        using var timer = new PeriodicTimer(time);
        await timer.WaitForNextTickAsync();
    }
}
