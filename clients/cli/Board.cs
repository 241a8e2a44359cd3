using Spectre.Console;
using Spectre.Console.Rendering;

namespace ControlPlane.Cli;

/// <summary>A rack on the screen: a live table on a terminal, one line for each change anywhere else.</summary>
internal sealed class Board
{
    /// <summary>After this long without a change a reader of the log wants to know that something still watches.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);

    private readonly Dictionary<string, string> shown = new(StringComparer.Ordinal);
    private readonly LiveDisplayContext? live;

    private TimeSpan lastWritten;

    private Board(LiveDisplayContext? live) => this.live = live;

    public static Task<T> ShowAsync<T>(Func<Board, CancellationToken, Task<T>> run, CancellationToken cancel)
    {
        if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
            return run(new Board(null), cancel);
        return AnsiConsole.Live(new Markup("…"))
            .Overflow(VerticalOverflow.Ellipsis).Cropping(VerticalOverflowCropping.Bottom)
            .StartAsync(context => run(new Board(context), cancel));
    }

    public void Update(RackProgress rack)
    {
        if (live is not null)
            live.UpdateTarget(Draw(rack));
        else
            WriteChanges(rack);
    }

    private void WriteChanges(RackProgress rack)
    {
        foreach (var machine in rack.Machines)
        {
            var line = $"{machine.Name}  {machine.Status}  {machine.Step}{(machine.Failed ? "  " + machine.Message : "")}".TrimEnd();
            if (string.Equals(shown.GetValueOrDefault(machine.Name), line, StringComparison.Ordinal))
                continue;
            shown[machine.Name] = line;
            Write(rack.Elapsed, line);
        }

        if (rack.Elapsed - lastWritten >= Silence)
            Write(rack.Elapsed, rack.Headline);
    }

    private void Write(TimeSpan elapsed, string line)
    {
        lastWritten = elapsed;
        Console.WriteLine($"{elapsed.TotalSeconds,5:0} s  {line}");
    }

    // What needs a look comes first, so that a small terminal crops only what is done.
    private static Rows Draw(RackProgress rack)
    {
        var table = new Table { Border = TableBorder.Simple, Expand = true };
        table.AddColumns("machine", "status", "step", "", "message");
        foreach (var machine in rack.Machines.OrderBy(machine => machine.Failed ? 0 : machine.Joined ? 2 : 1).ThenBy(machine => machine.Slot))
        {
            var color = machine.Failed ? "red" : machine.Joined ? "green" : "yellow";
            table.AddRow(
                new Markup(Markup.Escape(machine.Name)), new Markup($"[{color}]{Markup.Escape(machine.Status)}[/]"),
                new Markup(Markup.Escape(machine.Step)), Bar(machine), new Markup(Markup.Escape(machine.Message)).Overflow(Overflow.Ellipsis));
        }

        var headline = new Markup($"[bold]{Markup.Escape(rack.Headline)}[/]");
        var overall = new BreakdownChart().Width(60).HideTags()
            .AddItem("joined", rack.Joined, Color.Green).AddItem("failed", rack.Failed, Color.Red)
            .AddItem("under way", rack.Machines.Count - rack.Joined - rack.Failed, Color.Grey);
        return new Rows(headline, overall, table);
    }

    private static Markup Bar(MachineProgress machine)
    {
        const int width = 20;
        var percent = machine.Joined ? 100 : Math.Clamp(machine.Percent ?? 0, 0, 100);
        var full = (int)(width * percent / 100);
        return new Markup($"[blue]{new string('█', full)}[/][grey]{new string('░', width - full)}[/] {percent,3:0}%");
    }
}
