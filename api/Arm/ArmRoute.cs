namespace ControlPlane.Api.Arm;

/// <summary>
/// What a route is, said once: the permission that it asks for, which <c>/providers/{namespace}/operations</c> lists, and what the OpenAPI document says of it.
/// A route without one is refused to everybody unless it is marked <see cref="OpenRoute"/>.
/// </summary>
/// <param name="OperationId">Such as <c>Racks_CreateOrUpdate</c>: a noun in the plural, an underscore, a verb.</param>
/// <param name="Action">Such as <c>ControlPlane.BareMetal/racks/write</c>, judged at the scope that the path names; null for what every signed-in principal may ask.</param>
/// <param name="Summary">One sentence for people.</param>
internal sealed record ArmRoute(string OperationId, string? Action, string Summary)
{
    /// <summary>True for an action on data rather than on the resource (<c>dataActions</c> of a role).</summary>
    public bool IsDataAction { get; init; }

    /// <summary>True for a list that shows each row to those who may read it.</summary>
    public bool IsFiltered { get; init; }

    /// <summary>True for what describes a subscription: whoever has any role in it may read it.</summary>
    public bool IsForAllWhoSee { get; init; }

    /// <summary>True when the action must be allowed at the tenant, whatever the path names.</summary>
    public bool IsTenantLevel { get; init; }

    /// <summary>The shape of the request's body; null when it has none.</summary>
    public Type? Body { get; init; }

    /// <summary>The answers that are not errors, by status.</summary>
    public IReadOnlyList<RouteAnswer> Answers { get; init; } = [];

    /// <summary>Query parameters besides <c>api-version</c>.</summary>
    public IReadOnlyList<QueryParameter> Query { get; init; } = [];

    /// <summary>For a long-running operation where the final state is read (<c>x-ms-long-running-operation-options</c>): azure-async-operation, location or original-uri.</summary>
    public string? FinalStateVia { get; init; }

    /// <summary>True when the answer is a page with a <c>nextLink</c>.</summary>
    public bool IsPaged { get; init; }
}

/// <summary>An answer: its status, what it means, and the shape of its body, null when it has none.</summary>
internal sealed record RouteAnswer(int Status, string Description, Type? Body = null);

/// <summary>A parameter in the query.</summary>
internal sealed record QueryParameter(string Name, string Description, bool IsRequired = false);

/// <summary>A page of a list (ARM RPC, pagination).</summary>
internal sealed record Page<T>(IReadOnlyList<T> Value, string? NextLink);

/// <summary>Marks a route that needs no token: health, discovery, and doors whose addresses carry their own credential.</summary>
internal sealed class OpenRoute
{
    public static OpenRoute Instance { get; } = new();
}

internal static class ArmRoutes
{
    public static IEndpointConventionBuilder MapArm(this IEndpointRouteBuilder app, HttpMethod method, string pattern, ArmRoute route, RequestDelegate handler) =>
        app.MapMethods(pattern, [method.Method], handler).WithMetadata(route);
}
