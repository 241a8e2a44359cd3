using System.Text.Json.Serialization;

namespace ControlPlane.Api.ResourceGraph;

/// <summary>A query over all resources that the caller may read.</summary>
internal sealed record GraphRequest
{
    /// <summary>Only these; all that the caller sees when absent.</summary>
    public IReadOnlyList<string>? Subscriptions { get; init; }

    public IReadOnlyList<string>? ManagementGroups { get; init; }

    /// <summary>In the Kusto query language, such as <c>resources | where type =~ 'ControlPlane.BareMetal/racks' | summarize count() by location</c>.</summary>
    public required string Query { get; init; }

    public GraphOptions? Options { get; init; }

    public IReadOnlyList<System.Text.Json.JsonElement>? Facets { get; init; }
}

/// <summary>Which page, and how it is written.</summary>
internal sealed record GraphOptions
{
    [JsonPropertyName("$top")]
    public int? Top { get; init; }

    [JsonPropertyName("$skip")]
    public int? Skip { get; init; }

    [JsonPropertyName("$skipToken")]
    public string? SkipToken { get; init; }

    public ResultFormat ResultFormat { get; init; } = ResultFormat.ObjectArray;
    public bool? AllowPartialScopes { get; init; }
    public string? AuthorizationScopeFilter { get; init; }
}

/// <summary>An array of objects, or columns and rows.</summary>
internal enum ResultFormat
{
    [JsonStringEnumMemberName("objectArray")] ObjectArray,
    [JsonStringEnumMemberName("table")] Table,
}
