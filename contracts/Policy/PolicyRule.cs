using System.Text.Json;

namespace ControlPlane.Contracts.Policy;

/// <summary>A rule, read: when <paramref name="If"/> holds of a resource, <paramref name="Effect"/> happens to it.</summary>
public sealed record PolicyRule(PolicyCondition If, PolicyExpression Effect, PolicyDetails Details);

/// <summary>What holds of a resource or does not.</summary>
public abstract record PolicyCondition
{
    public sealed record All(IReadOnlyList<PolicyCondition> Of) : PolicyCondition;

    public sealed record Any(IReadOnlyList<PolicyCondition> Of) : PolicyCondition;

    public sealed record Not(PolicyCondition Of) : PolicyCondition;

    /// <summary>A field, named by a text or by an expression, compared.</summary>
    public sealed record OfField(PolicyExpression Name, PolicyTest Test) : PolicyCondition;

    /// <summary>A computed value, compared.</summary>
    public sealed record OfValue(PolicyExpression Value, PolicyTest Test) : PolicyCondition;

    /// <summary>How many items of an array satisfy a condition, compared. <paramref name="Name"/> is the array's alias, or what <c>current()</c> calls the item of <paramref name="Values"/>.</summary>
    public sealed record OfCount(string Name, PolicyExpression? Values, PolicyCondition? Where, PolicyTest Test) : PolicyCondition;
}

/// <summary>How two values are compared.</summary>
public enum PolicyOperator
{
    Equals, NotEquals, Like, NotLike, Match, NotMatch, MatchInsensitively, NotMatchInsensitively, Contains, NotContains, In, NotIn, ContainsKey, NotContainsKey,
    Less, LessOrEquals, Greater, GreaterOrEquals, Exists,
}

/// <summary>The right side of a comparison.</summary>
public sealed record PolicyTest(PolicyOperator Operator, PolicyExpression Operand);

/// <summary>What happens to a resource of which a rule's condition holds.</summary>
public enum PolicyEffect { Disabled, Modify, Append, Deny, Audit, AuditIfNotExists }

/// <summary>What an effect needs to know besides its name.</summary>
public sealed record PolicyDetails
{
    /// <summary>Of modify, in order.</summary>
    public IReadOnlyList<PolicyOperation> Operations { get; init; } = [];

    /// <summary>Of append: fields and the values they get.</summary>
    public IReadOnlyList<PolicyOperation> Additions { get; init; } = [];

    /// <summary>Of modify, when another policy gives a field another value.</summary>
    public PolicyEffect ConflictEffect { get; init; } = PolicyEffect.Deny;

    /// <summary>Of auditIfNotExists: the type of what must exist.</summary>
    public string? RelatedType { get; init; }

    /// <summary>Of auditIfNotExists: its name, if only one will do.</summary>
    public PolicyExpression? RelatedName { get; init; }

    /// <summary>Of auditIfNotExists: what must hold of it.</summary>
    public PolicyCondition? ExistenceCondition { get; init; }
}

/// <summary>What modify does to a field.</summary>
public enum PolicyOperationKind { AddOrReplace, Add, Remove }

/// <summary>One change of a field, made when <paramref name="Condition"/> is absent or true.</summary>
public sealed record PolicyOperation(PolicyOperationKind Kind, PolicyExpression Field, PolicyExpression? Value, PolicyExpression? Condition);

/// <summary>A parameter of a definition.</summary>
public sealed record PolicyParameter
{
    public required PolicyParameterType Type { get; init; }
    public JsonElement? DefaultValue { get; init; }
    public IReadOnlyList<JsonElement>? AllowedValues { get; init; }

    /// <summary>For people: displayName, description and whatever else.</summary>
    public JsonElement? Metadata { get; init; }
}

/// <summary>The types of parameters.</summary>
public enum PolicyParameterType { String, Array, Object, Boolean, Integer, Float, DateTime }
