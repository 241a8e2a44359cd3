using System.Text.Encodings.Web;
using System.Text.Json;

namespace ControlPlane.Bench;

/// <summary>One figure: what was measured, what it was compared with in the same run, and whether that is good enough.</summary>
internal sealed record Measure
{
    public required string Name { get; init; }
    public required double Value { get; init; }
    public required string Unit { get; init; }

    /// <summary>The same figure of the reference, in the same unit.</summary>
    public double? Reference { get; init; }

    /// <summary><see cref="Value"/> over <see cref="Reference"/>.</summary>
    public double? Ratio { get; init; }

    /// <summary>Such as <c>ratio >= 0.5</c>; null for a figure that only explains others.</summary>
    public string? Goal { get; init; }

    public bool? Met { get; init; }

    /// <summary>A figure without a goal.</summary>
    public static Measure Fact(string name, double value, string unit) => new() { Name = name, Value = value, Unit = unit };

    /// <param name="name">What was measured.</param>
    /// <param name="value">The figure.</param>
    /// <param name="unit">Of the figure, the limit and the reference.</param>
    /// <param name="limit">The most that is good enough.</param>
    /// <param name="reference">What the machine makes of it at that hour without us.</param>
    public static Measure AtMost(string name, double value, string unit, double limit, double? reference = null) =>
        new() { Name = name, Value = value, Unit = unit, Reference = reference, Ratio = value / reference, Goal = $"<= {limit} {unit}", Met = value <= limit };

    public static Measure RatioAtLeast(string name, double value, string unit, double reference, double least) =>
        new() { Name = name, Value = value, Unit = unit, Reference = reference, Ratio = value / reference, Goal = $"ratio >= {least}", Met = value / reference >= least };

    public static Measure RatioAtMost(string name, double value, string unit, double reference, double most) =>
        new() { Name = name, Value = value, Unit = unit, Reference = reference, Ratio = value / reference, Goal = $"ratio <= {most}", Met = value / reference <= most };
}

/// <summary>Prints each measure as soon as it is known: a row of a table, or one JSON object per line.</summary>
internal sealed class Report(bool json)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private bool begun;

    public void Add(Measure measure)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(measure, Options));
            return;
        }

        if (!begun)
            Console.WriteLine($"{"measure",-28} {"value",12} {"unit",-12} {"reference",12} {"ratio",7}  {"goal",-14} met");
        begun = true;
        Console.WriteLine($"{measure.Name,-28} {Number(measure.Value),12} {measure.Unit,-12} {Number(measure.Reference),12} {Number(measure.Ratio),7}  {measure.Goal ?? "-",-14} {Word(measure.Met)}");
    }

    private static string Word(bool? met) => met switch { true => "yes", false => "NO", null => "-" };

    private static string Number(double? value) => value switch
    {
        null => "-",
        >= 100 => value.Value.ToString("F0"),
        >= 10 => value.Value.ToString("F1"),
        _ => value.Value.ToString("F2"),
    };
}

/// <summary>Order statistics.</summary>
internal static class Statistics
{
    public static double Median(this IEnumerable<double> values) => Percentile([.. values.Order()], 50);

    /// <summary>Nearest rank of values in ascending order; NaN when there are none.</summary>
    public static double Percentile(IReadOnlyList<double> ascending, double percent) =>
        ascending.Count == 0 ? double.NaN : ascending[Math.Clamp((int)Math.Ceiling(percent / 100 * ascending.Count) - 1, 0, ascending.Count - 1)];
}
