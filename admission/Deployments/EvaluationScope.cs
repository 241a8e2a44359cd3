namespace ControlPlane.Admission.Deployments;

/// <summary>Where and for whom a deployment runs: what the functions about its surroundings answer.</summary>
internal sealed record DeploymentContext
{
    public required string Name { get; init; }
    public required string Subscription { get; init; }
    public required string Tenant { get; init; }
    public string? ResourceGroup { get; init; }

    /// <summary>Of the resource group, or of a deployment to a subscription.</summary>
    public string? Location { get; init; }

    public TemplateObject GroupTags { get; init; } = TemplateObject.Empty;
    public string Mode { get; init; } = "Incremental";
    public string ContentVersion { get; init; } = "1.0.0.0";
    public required DateTimeOffset Now { get; init; }
    public string GroupId => $"/subscriptions/{Subscription}/resourceGroups/{ResourceGroup}";
}

/// <summary>One round of a copy loop.</summary>
internal sealed record CopyRound(string Name, int Index, CopyRound? Outer);

/// <summary>A parameter of a lambda while its body is evaluated.</summary>
internal sealed record LambdaVariable(string Name, object? Value, LambdaVariable? Outer);

/// <summary>A function that the template itself defines: it sees its parameters and nothing else.</summary>
internal sealed record UserFunction(IReadOnlyList<string> Parameters, object? Output);

/// <summary>A <c>lambda(…)</c> that waits to be called by map, filter and the like.</summary>
internal sealed record Lambda(IReadOnlyList<string> Names, Expression Body, EvaluationScope Scope)
{
    public object? Call(params ReadOnlySpan<object?> values)
    {
        var frame = Scope.Lambdas;
        for (var at = 0; at < Names.Count && at < values.Length; at++)
            frame = new(Names[at], values[at], frame);
        return Evaluator.Evaluate(Body, Scope with { Lambdas = frame });
    }
}

/// <summary>What an expression can see.</summary>
internal sealed record EvaluationScope
{
    public required TemplateBudget Budget { get; init; }
    public required DeploymentContext Context { get; init; }

    /// <summary>Null where parameters cannot be used.</summary>
    public Func<string, object?>? Parameter { get; init; }

    public Func<string, object?>? Variable { get; init; }
    public IReadOnlyDictionary<string, UserFunction> Functions { get; init; } = new Dictionary<string, UserFunction>(StringComparer.OrdinalIgnoreCase);
    public CopyRound? Copy { get; init; }
    public LambdaVariable? Lambdas { get; init; }

    /// <summary>The state of a resource by name or id; null as long as nothing has been deployed.</summary>
    public Func<string, bool, object?>? Reference { get; init; }

    /// <summary>The full id of a resource of the template by its symbolic name; null when there is none.</summary>
    public Func<string, string?>? Symbol { get; init; }

    /// <summary>utcNow() and newGuid() differ at every evaluation: only the default of a parameter, which is evaluated once, may use them.</summary>
    public Func<Guid>? NewGuid { get; init; }

    /// <summary>Expressions that were read before, by their text.</summary>
    public Dictionary<string, Expression> Parsed { get; init; } = new(StringComparer.Ordinal);

    public Expression Parse(string text)
    {
        if (Parsed.TryGetValue(text, out var known))
            return known;
        return Parsed[text] = ExpressionParser.Parse(text);
    }
}
