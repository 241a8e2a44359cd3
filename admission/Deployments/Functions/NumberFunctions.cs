using System.Globalization;

namespace ControlPlane.Admission.Deployments.Functions;

internal static class NumberFunctions
{
    private const int LongestRange = 10_000;

    public static IReadOnlyList<Function> All { get; } =
    [
        new("add", 2, 2, call => Whole(call, (a, b) => (Int128)a + b)),
        new("sub", 2, 2, call => Whole(call, (a, b) => (Int128)a - b)),
        new("mul", 2, 2, call => Whole(call, (a, b) => (Int128)a * b)),
        new("div", 2, 2, call => call.Integer(1) == 0 ? throw call.Fault("cannot divide by zero") : Whole(call, (a, b) => (Int128)a / b)),
        new("mod", 2, 2, call => call.Integer(1) == 0 ? throw call.Fault("cannot divide by zero") : Whole(call, (a, b) => (Int128)a % b)),
        new("min", 1, Function.Any, call => Numbers(call).Min()),
        new("max", 1, Function.Any, call => Numbers(call).Max()),
        new("int", 1, 1, Int),
        new("float", 1, 1, call => call[0] is long whole ? whole : call[0] is double number ? number
            : call[0] is string text && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var read) && double.IsFinite(read) ? read : throw call.Wrong(0, "a number or the text of one")),
        new("range", 2, 2, Range),
        new("copyIndex", 0, 2, CopyIndex),
    ];

    private static object Whole(Arguments call, Func<long, long, Int128> act)
    {
        var result = act(call.Integer(0), call.Integer(1));
        return result >= long.MinValue && result <= long.MaxValue ? (long)result : throw call.Fault("has a result that is no 64-bit integer");
    }

    private static List<long> Numbers(Arguments call)
    {
        var given = call is { Count: 1 } && call[0] is TemplateArray array ? array.Items : call.Values;
        var numbers = given.OfType<long>().ToList();
        return numbers.Count == given.Count && numbers.Count > 0 ? numbers : throw call.Fault("needs one or more integers, or an array of them");
    }

    private static object? Int(Arguments call) => call[0] switch
    {
        long whole => whole,
        double number when Math.Abs(number) < 9e15 => (long)number,
        string text when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
        _ => throw call.Wrong(0, "an integer or the text of one"),
    };

    private static object? Range(Arguments call)
    {
        var (start, count) = (call.Integer(0), call.Integer(1));
        if (count is < 0 or > LongestRange || start is < -2_147_483_648 or > 2_147_483_647)
            throw call.Fault($"makes 0 to {LongestRange} integers of 32 bits");
        return new TemplateArray([.. Enumerable.Range(0, (int)count).Select(at => (object?)(start + at))]);
    }

    private static object? CopyIndex(Arguments call)
    {
        var name = call.Has(0) ? call[0] as string : null;
        var round = call.Scope.Copy;
        while (name is not null && round is not null && !round.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            round = round.Outer;
        if (round is null)
            throw call.Fault(name is null ? "is only known inside of a copy loop" : $"names the loop '{name}', which is not around it");
        var offset = call.Has(1) ? call.Integer(1) : call.Has(0) && name is null ? call.Integer(0) : 0;
        return round.Index + Math.Clamp(offset, int.MinValue, int.MaxValue);
    }
}
