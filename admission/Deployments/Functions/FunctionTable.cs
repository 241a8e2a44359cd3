using System.Collections.Frozen;
using ControlPlane.Admission.Arm;

namespace ControlPlane.Admission.Deployments.Functions;

/// <summary>A built-in function: how many arguments it takes and what it does. A lazy one evaluates its arguments itself.</summary>
internal sealed record Function(string Name, int Least, int Most, Func<Arguments, object?> Run, bool IsLazy = false)
{
    public const int Any = 10_000;
}

/// <summary>Every built-in function by its name, which differs in more than case.</summary>
internal static class FunctionTable
{
    private static readonly FrozenDictionary<string, Function> All = new[] { LogicFunctions.All, TextFunctions.All, EncodingFunctions.All, NumberFunctions.All, CollectionFunctions.All, ObjectFunctions.All, LambdaFunctions.All, ScopeFunctions.All, TimeFunctions.All }
        .SelectMany(group => group).ToFrozenDictionary(function => function.Name, StringComparer.OrdinalIgnoreCase);

    public static IEnumerable<string> Names => All.Keys.Order(StringComparer.Ordinal);

    /// <summary>Functions whose value is known only once resources are there.</summary>
    public static bool IsDeferred(Expression expression) => expression.All.Any(part => part is Expression.Call call && call.Is("reference"));

    public static object? Call(Expression.Call call, EvaluationScope scope)
    {
        if (call.Name.Contains('.', StringComparison.Ordinal))
            return CallOwn(call, scope);
        var function = Find(call);
        if (call.Arguments.Count < function.Least || call.Arguments.Count > function.Most)
            throw At(call, $"takes {Count(function)}, not {call.Arguments.Count}");
        if (function.IsLazy)
            return function.Run(new(call, [], scope));
        var values = new object?[call.Arguments.Count];
        long size = 0;
        for (var at = 0; at < values.Length; at++)
        {
            values[at] = Evaluator.Evaluate(call.Arguments[at], scope);
            size += TemplateValue.Size(values[at]);
        }

        // A function may look at all that it is given.
        scope.Budget.Step(1 + (size / 256));
        return scope.Budget.Made(function.Run(new(call, values, scope)));
    }

    /// <summary>What is wrong with the names and argument counts of an expression, without evaluating it.</summary>
    public static void Check(Expression expression, EvaluationScope scope)
    {
        foreach (var call in expression.All.OfType<Expression.Call>())
        {
            if (call.Name.Contains('.', StringComparison.Ordinal))
            {
                Own(call, scope);
                continue;
            }

            var function = Find(call);
            if (call.Arguments.Count < function.Least || call.Arguments.Count > function.Most)
                throw At(call, $"takes {Count(function)}, not {call.Arguments.Count}");
        }
    }

    public static TemplateException At(Expression.Call call, string what) => new($"the function '{call.Name}' at column {call.At + 1} {what}");

    private static Function Find(Expression.Call call)
    {
        if (All.TryGetValue(call.Name, out var function))
            return function;
        if (call.Name.StartsWith("list", StringComparison.OrdinalIgnoreCase))
            throw new TemplateException(TemplateFault.Unsupported, $"the function '{call.Name}' at column {call.At + 1} is not served: secrets are not read into templates; pass them as a secureString parameter");
        var near = All.Keys.Where(known => Shape.Distance(known, call.Name) <= 2).Order(StringComparer.Ordinal).Take(3).ToList();
        throw At(call, near.Count > 0 ? $"is not known; did you mean {string.Join(" or ", near.Select(name => $"'{name}'"))}?" : "is not known; docs/deployments.md lists all functions");
    }

    private static UserFunction Own(Expression.Call call, EvaluationScope scope)
    {
        if (!scope.Functions.TryGetValue(call.Name, out var function))
            throw At(call, scope.Functions.Count == 0 ? "is not known: the template defines no functions that can be used here" : $"is not known; the template defines {string.Join(", ", scope.Functions.Keys)}");
        return call.Arguments.Count == function.Parameters.Count ? function
            : throw At(call, $"takes {function.Parameters.Count} arguments, not {call.Arguments.Count}");
    }

    /// <summary>A function of the template sees its parameters only: no variables, no other functions of the template, so there is no recursion.</summary>
    private static object? CallOwn(Expression.Call call, EvaluationScope scope)
    {
        var function = Own(call, scope);
        var values = function.Parameters.Zip(call.Arguments.Select(argument => Evaluator.Evaluate(argument, scope)).ToList()).ToDictionary(pair => pair.First, pair => pair.Second, StringComparer.OrdinalIgnoreCase);
        var inside = scope with
        {
            Parameter = name => values.TryGetValue(name, out var value) ? value : throw new TemplateException($"the function '{call.Name}' has no parameter '{name}'"),
            Variable = null,
            Functions = new Dictionary<string, UserFunction>(StringComparer.OrdinalIgnoreCase),
            Copy = null,
            Lambdas = null,
            Reference = null,
        };
        var faults = new TemplateFaults();
        var result = Evaluator.Expand(function.Output, inside, "", faults);
        return faults.All.Count == 0 ? result : throw At(call, $"cannot be evaluated: {faults.All[0].Message}");
    }

    private static string Count(Function function) =>
        function.Most == Function.Any ? $"at least {function.Least} arguments" : function.Least == function.Most ? $"{function.Least} arguments" : $"{function.Least} to {function.Most} arguments";
}

/// <summary>The arguments of one call, read as what the function needs.</summary>
internal readonly struct Arguments(Expression.Call call, object?[] values, EvaluationScope scope)
{
    public int Count => values.Length == 0 ? call.Arguments.Count : values.Length;
    public EvaluationScope Scope => scope;
    public IReadOnlyList<object?> Values => values;
    public object? this[int at] => values[at];

    public bool Has(int at) => at < values.Length;

    /// <summary>For lazy functions: the value of one argument now.</summary>
    public object? Evaluate(int at) => Evaluator.Evaluate(call.Arguments[at], scope);

    public Expression Written(int at) => call.Arguments[at];

    public string Text(int at) => values[at] as string ?? throw Wrong(at, "a string");

    public long Integer(int at) => values[at] is long whole ? whole : throw Wrong(at, "an integer");

    /// <summary>An integer that a size or place must be.</summary>
    public int Place(int at) => Integer(at) is var whole and >= 0 and <= int.MaxValue ? (int)whole : throw Fault($"needs an integer from 0 on as argument {at + 1}");

    public bool Bool(int at) => Truth(values[at], at);

    public bool Truth(object? value, int at) => value is bool yes ? yes : throw Fault($"needs a boolean as argument {at + 1}, not {TemplateValue.Kind(value)}");

    public TemplateArray Array(int at) => values[at] as TemplateArray ?? throw Wrong(at, "an array");

    public TemplateObject Object(int at) => values[at] as TemplateObject ?? throw Wrong(at, "an object");

    public Lambda Lambda(int at, int least, int most) => values[at] is Lambda lambda && lambda.Names.Count >= least && lambda.Names.Count <= most ? lambda
        : throw Fault($"needs a lambda with {(least == most ? $"{least}" : $"{least} or {most}")} variables as argument {at + 1}");

    public TemplateException Wrong(int at, string wanted) => Fault($"needs {wanted} as argument {at + 1}, not {TemplateValue.Kind(values[at])}");

    public TemplateException Fault(string what) => FunctionTable.At(call, what);
}
