namespace ControlPlane.Admission.Deployments.Functions;

/// <summary>Comparison and logic; <c>if</c>, <c>and</c>, <c>or</c> and <c>coalesce</c> evaluate no more than they need.</summary>
internal static class LogicFunctions
{
    public static IReadOnlyList<Function> All { get; } =
    [
        new("if", 3, 3, call => call.Truth(call.Evaluate(0), 0) ? call.Evaluate(1) : call.Evaluate(2), IsLazy: true),
        new("and", 2, Function.Any, call => Enumerable.Range(0, call.Count).All(at => call.Truth(call.Evaluate(at), at)), IsLazy: true),
        new("or", 2, Function.Any, call => Enumerable.Range(0, call.Count).Any(at => call.Truth(call.Evaluate(at), at)), IsLazy: true),
        new("coalesce", 1, Function.Any, call => Enumerable.Range(0, call.Count).Select(call.Evaluate).FirstOrDefault(value => value is not null), IsLazy: true),
        new("not", 1, 1, call => !call.Bool(0)),
        new("true", 0, 0, _ => true),
        new("false", 0, 0, _ => false),
        new("null", 0, 0, _ => null),
        new("bool", 1, 1, Bool),
        new("equals", 2, 2, call => AreEqual(call[0], call[1])),
        new("less", 2, 2, call => Compare(call) < 0),
        new("lessOrEquals", 2, 2, call => Compare(call) <= 0),
        new("greater", 2, 2, call => Compare(call) > 0),
        new("greaterOrEquals", 2, 2, call => Compare(call) >= 0),
    ];

    private static bool AreEqual(object? left, object? right) => TemplateValue.AreEqual(left, right);

    private static object? Bool(Arguments call) => call[0] switch
    {
        bool yes => yes,
        long number => number != 0,
        string text when bool.TryParse(text, out var yes) => yes,
        "1" => true,
        "0" => false,
        _ => throw call.Wrong(0, "'true', 'false', 1 or 0"),
    };

    private static int Compare(Arguments call) => (call[0], call[1]) switch
    {
        (long a, long b) => a.CompareTo(b),
        (string a, string b) => string.CompareOrdinal(a, b),
        (long or double, long or double) => Convert.ToDouble(call[0], null).CompareTo(Convert.ToDouble(call[1], null)),
        _ => throw call.Fault($"compares two integers or two strings, not {TemplateValue.Kind(call[0])} and {TemplateValue.Kind(call[1])}"),
    };
}
