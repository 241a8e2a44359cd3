using System.Globalization;
using System.Text.RegularExpressions;
using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Identity;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Arm;

/// <summary>The activity log (Microsoft.Insights eventtypes, 2015-04-01): who wrote what, when, and how it ended, newest first.</summary>
internal static partial class ActivityLogEndpoints
{
    private const string Path = "/providers/Microsoft.Insights/eventtypes/management/values";
    private const string Action = "Microsoft.Insights/eventtypes/values/read";
    private const int PageSize = 200;

    private const string Select = """
        select id, at, subscription, resource_id, action, status, principal, correlation_id, operation_id, error_code, http_status from activities
        where subscription = $1 and id < $2 and at >= $3 and at <= $4 and ($5 is null or lower(resource_id) = lower($5) or starts_with(lower(resource_id), lower($5) || '/'))
            and ($6 is null or correlation_id = $6) and ($7 is null or lower(split_part(action, '/', 1)) = lower($7)) and ($8 is null or lower(principal) = lower($8)) and ($9 is null or lower(status) = lower($9))
            and exists (select from unnest($10) scope where scope = '/' or lower(resource_id) = scope or starts_with(lower(resource_id), scope || '/'))
        order by id desc limit $11
        """;

    public static void Map(IEndpointRouteBuilder app)
    {
        var route = new ArmRoute("ActivityLogs_List", Action, "Who wrote what in the subscription, newest first; at most 90 days back.")
        {
            IsPaged = true,
            IsFiltered = true,
            Query = [new("$filter", "eventTimestamp ge and le '{time}', resourceGroupName, resourceUri, correlationId, resourceProvider, caller and status with eq; joined by and."), new("$select", "Names of properties; every one is sent.")],
            Answers = [new(200, "A page.", typeof(Page<EventData>))],
        };
        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}" + Path, route, ListAsync);
        app.MapArm(HttpMethod.Get, Path, route with { OperationId = "TenantActivityLogs_List", IsTenantLevel = true, Summary = "Who wrote what at the tenant, newest first." }, ListAsync);
    }

    private static async Task ListAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var subscription = (http.Request.RouteValues["subscription"] as string ?? "").ToLowerInvariant();
        if (subscription.Length > 0)
            await SubscriptionEndpoints.FindAsync(http);
        var filter = Filter.Parse(http.Request.Query["$filter"].ToString());
        var before = http.Request.Query["$skipToken"].ToString() is { Length: > 0 } token ? long.TryParse(token, CultureInfo.InvariantCulture, out var id) ? id : throw ArmErrors.InvalidQuery("$skipToken", "is not one that a nextLink carried.") : long.MaxValue;
        var within = filter.Group is { } group ? ResourceId.Group(subscription, group).Text : filter.Resource;
        var scopes = http.Grants().Where(Action, subscription.Length > 0 ? $"/subscriptions/{subscription}" : Grants.Everywhere);
        await using var command = Sql.Command(http.RequestServices.GetRequiredService<NpgsqlDataSource>(), Select, subscription, before, filter.From, filter.To,
            within, filter.Correlation, filter.Provider, filter.Caller, filter.Status, scopes.ToArray(), PageSize);
        var (events, last) = (new List<EventData>(), 0L);
        await using (var reader = await command.ExecuteReaderAsync(http.RequestAborted))
        {
            while (await reader.ReadAsync(http.RequestAborted))
            {
                last = reader.GetInt64(0);
                events.Add(Read(reader, http.Principal().TenantId));
            }
        }

        await http.AnswerAsync(new Page<EventData>(events, events.Count < PageSize ? null : http.NextLink(last.ToString(CultureInfo.InvariantCulture))));
    }

    private static EventData Read(NpgsqlDataReader row, string tenant)
    {
        var (id, at, resource, action, status) = (row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), row.GetString(3), row.GetString(4), row.GetString(5));
        var scope = ResourceId.TryParse(resource, out var parsed) ? parsed : null;
        var (code, http) = (row.IsDBNull(9) ? null : row.GetString(9), row.IsDBNull(10) ? (int?)null : row.GetInt32(10));
        return new()
        {
            Id = $"{resource}/events/{id}/ticks/{at.UtcTicks}",
            EventDataId = id.ToString(CultureInfo.InvariantCulture),
            EventTimestamp = at,
            SubmissionTimestamp = at,
            Authorization = new(action, resource),
            Caller = row.GetString(6),
            CorrelationId = row.GetString(7),
            OperationId = row.IsDBNull(8) ? row.GetString(7) : row.GetGuid(8).ToString(),
            OperationName = new(action),
            EventName = new(status is "Accepted" or "Running" ? "BeginRequest" : "EndRequest"),
            Category = new("Administrative"),
            Level = status is "Failed" or "Canceled" ? "Error" : "Informational",
            ResourceGroupName = scope?.ResourceGroup,
            ResourceId = resource,
            ResourceProviderName = new(action[..action.IndexOf('/')]),
            ResourceType = new(scope?.Type.ToString() ?? ""),
            Status = new(status),
            SubStatus = new(http is { } answered ? $"{code} (HTTP Status Code: {answered})" : ""),
            SubscriptionId = row.GetString(2),
            TenantId = tenant,
        };
    }

    /// <summary>The subset of OData that clients of the activity log send.</summary>
    private sealed record Filter(DateTimeOffset From, DateTimeOffset To, string? Group, string? Resource, string? Correlation, string? Provider, string? Caller, string? Status)
    {
        public static Filter Parse(string text)
        {
            var filter = new Filter(DateTimeOffset.MinValue, DateTimeOffset.MaxValue, null, null, null, null, null, null);
            for (var at = 0; at < text.Length;)
            {
                var match = Term().Match(text, at);
                if (!match.Success || text.Contains('\0', StringComparison.Ordinal))
                    throw ArmErrors.InvalidFilter(text.Replace('\0', '?'), $"at character {at + 1}: expected {{name}} eq '{{value}}' or eventTimestamp ge '{{time}}', joined by 'and'.");
                filter = filter.With(text, match.Groups["name"].Value, match.Groups["op"].Value.ToLowerInvariant(), (match.Groups["quoted"].Success ? match.Groups["quoted"] : match.Groups["bare"]).Value.Replace("''", "'", StringComparison.Ordinal));
                at = match.Index + match.Length;
            }

            return filter;
        }

        private Filter With(string text, string name, string op, string value) => (name.ToLowerInvariant(), op) switch
        {
            ("eventtimestamp", "ge") => this with { From = Time(text, value) },
            ("eventtimestamp", "le") => this with { To = Time(text, value) },
            ("resourcegroupname", "eq") => this with { Group = value },
            ("resourceuri" or "resourceid", "eq") => this with { Resource = value },
            ("correlationid", "eq") => this with { Correlation = value },
            ("resourceprovider", "eq") => this with { Provider = value },
            ("caller", "eq") => this with { Caller = value },
            ("status", "eq") => this with { Status = value },
            ("eventchannels", "eq") => this,
            _ => throw ArmErrors.InvalidFilter(text, $"'{name} {op}' is not one of eventTimestamp ge, eventTimestamp le, resourceGroupName, resourceUri, correlationId, resourceProvider, caller or status eq."),
        };

        private static DateTimeOffset Time(string text, string value) => DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time : throw ArmErrors.InvalidFilter(text, $"'{value}' is not a time such as 2026-06-01T00:00:00Z.");
    }

    [GeneratedRegex(@"\G\s*(?<name>\w+)\s+(?<op>eq|ge|le)\s+(?:'(?<quoted>(?:[^']|'')*)'|(?<bare>[^\s']+))\s*(?:and\s+|$)", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();

    /// <summary>An event (Microsoft.Insights EventData).</summary>
    internal sealed record EventData
    {
        public required string Id { get; init; }
        public required string EventDataId { get; init; }
        public required DateTimeOffset EventTimestamp { get; init; }
        public required DateTimeOffset SubmissionTimestamp { get; init; }
        public required EventAuthorization Authorization { get; init; }

        /// <summary>Object id of the principal.</summary>
        public required string Caller { get; init; }

        public required string CorrelationId { get; init; }
        public required string OperationId { get; init; }
        public required LocalizableString OperationName { get; init; }
        public required LocalizableString EventName { get; init; }
        public required LocalizableString Category { get; init; }
        public required string Level { get; init; }
        public string? ResourceGroupName { get; init; }
        public required string ResourceId { get; init; }
        public required LocalizableString ResourceProviderName { get; init; }
        public required LocalizableString ResourceType { get; init; }

        /// <summary>Accepted, Succeeded, Failed or Canceled.</summary>
        public required LocalizableString Status { get; init; }

        /// <summary>Of a refusal the error's code and the answer's status.</summary>
        public required LocalizableString SubStatus { get; init; }

        public required string SubscriptionId { get; init; }
        public required string TenantId { get; init; }
    }

    internal sealed record EventAuthorization(string Action, string Scope);

    internal sealed record LocalizableString(string Value)
    {
        public string LocalizedValue => Value;
    }
}
