using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ControlPlane.Admission.Authorization;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Api.Identity.Directory;

/// <summary>What every endpoint in Microsoft Graph's shape does alike: reading bodies and queries, pages, errors.</summary>
internal static partial class Graph
{
    public const string Root = "/v1.0";

    private const int DefaultTop = 100;
    private const int MaxTop = 999;

    public static Task<ControlPlaneDb> DatabaseAsync(HttpContext http) =>
        http.RequestServices.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContextAsync(http.RequestAborted);

    public static DateTimeOffset Now(HttpContext http) => http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();

    /// <summary>The id in the path, in the form in which ids are stored.</summary>
    public static string Id(HttpContext http, string name = "id") => ((string)http.Request.RouteValues[name]!).ToLowerInvariant();

    public static string NewId() => Guid.NewGuid().ToString("D");

    /// <summary>The body as a <typeparamref name="T"/>, or every fault of its shape by name.</summary>
    public static async Task<T> ReadAsync<T>(HttpContext http)
    {
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        var faults = Shape.Faults(body.RootElement, typeof(T), "body");
        return faults.Count == 0 ? body.RootElement.Deserialize<T>(Json.Options)! : throw ArmErrors.Invalid([.. faults.Select(WithoutRoot)]);
    }

    /// <summary>Refuses the request when there is a fault in what it says.</summary>
    public static void Demand(params ReadOnlySpan<(bool IsGood, string Target, string Fault)> rules)
    {
        var faults = new List<ErrorBody>();
        foreach (var (isGood, target, fault) in rules)
        {
            if (!isGood)
                faults.Add(Shape.Fault(target, fault));
        }

        if (faults.Count > 0)
            throw ArmErrors.Invalid(faults);
    }

    /// <summary>A name that people read.</summary>
    public static bool IsName(string? name) => name is null || (name.Length is > 0 and <= 256 && !name.Any(char.IsControl));

    public static ArmException NotFound(string what, string id) =>
        new(404, new("Request_ResourceNotFound", $"Resource '{id}' does not exist: there is no {what} of this id."));

    /// <summary>Saves, and says whose fault it is when something of that name or id is there already.</summary>
    public static async Task SaveAsync(this ControlPlaneDb db, string target, CancellationToken cancel)
    {
        try
        {
            await db.SaveChangesAsync(cancel);
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            throw new ArmException(409, new("Request_MultipleObjectsWithSameKeyValue", $"Another object with the same value for property {target} already exists.", target));
        }
        catch (DbUpdateException failure) when (failure.InnerException is PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation })
        {
            throw new ArmException(404, new("Request_ResourceNotFound", $"What '{target}' refers to was deleted meanwhile.", target));
        }
    }

    public static Task AnswerAsync(HttpContext http, object body, int status = StatusCodes.Status200OK)
    {
        http.Response.StatusCode = status;
        return SubscriptionEndpoints.AnswerAsync(http, body);
    }

    /// <summary>Of what changes who may do what: this replica knows at once, others within the seconds for which they remember.</summary>
    public static Task NoContentForgetAsync(HttpContext http)
    {
        http.RequestServices.GetRequiredService<Authorizer>().Forget();
        return NoContentAsync(http);
    }

    public static Task NoContentAsync(HttpContext http)
    {
        http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    /// <summary>A page of directory objects that <c>$filter</c> and <c>$skiptoken</c> leave over.</summary>
    public static async Task PageAsync<TRow>(HttpContext http, IQueryable<TRow> rows, IReadOnlyDictionary<string, Func<IQueryable<TRow>, string, IQueryable<TRow>>> filters, string entity)
        where TRow : DirectoryObjectRow
    {
        var (top, after) = (Top(http.Request.Query), After(http.Request.Query));
        rows = Filter(http.Request.Query, rows, filters).Where(row => string.Compare(row.ObjectId, after) > 0).OrderBy(row => row.ObjectId);
        var page = await rows.Take(top + 1).ToListAsync(http.RequestAborted);
        await AnswerPageAsync(http, entity, [.. page.Take(top).Select(Shown)], page.Count > top ? page[top - 1].ObjectId : null);
    }

    public static Task AnswerPageAsync<T>(HttpContext http, string entity, IReadOnlyList<T> shown, string? last)
    {
        var query = http.Request.Query.Where(pair => !pair.Key.Equals("$skiptoken", StringComparison.OrdinalIgnoreCase)).Select(pair => $"{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value.ToString())}");
        var next = last is null ? null : $"{http.BaseAddress()}{http.Request.Path.ToUriComponent()}?{string.Join('&', query.Append($"%24skiptoken={last}"))}";
        return AnswerAsync(http, new GraphPage<T>($"{http.BaseAddress()}{Root}/$metadata#{entity}", next, shown));
    }

    public static IQueryable<T> Filter<T>(IQueryCollection query, IQueryable<T> rows, IReadOnlyDictionary<string, Func<IQueryable<T>, string, IQueryable<T>>> filters)
    {
        if (!query.TryGetValue("$filter", out var text) || string.IsNullOrWhiteSpace(text))
            return rows;
        var term = Term().Match(text!);
        if (!term.Success || text.ToString().Contains('\0', StringComparison.Ordinal))
            throw ArmErrors.InvalidFilter(text.ToString().Replace('\0', '?'), "expected {name} eq '{value}'.");
        return filters.TryGetValue(term.Groups["name"].Value, out var filter)
            ? filter(rows, term.Groups["value"].Value.Replace("''", "'", StringComparison.Ordinal))
            : throw ArmErrors.InvalidFilter(text!, $"'{term.Groups["name"].Value}' cannot be filtered on; {string.Join(" and ", filters.Keys)} can.");
    }

    public static int Top(IQueryCollection query)
    {
        if (!query.TryGetValue("$top", out var text))
            return DefaultTop;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var top) && top is > 0 and <= MaxTop ? top : throw ArmErrors.InvalidQuery("$top", $"must be a number from 1 to {MaxTop}.");
    }

    /// <summary>The id that the page before ended with.</summary>
    public static string After(IQueryCollection query)
    {
        if (!query.TryGetValue("$skiptoken", out var token))
            return "";
        return Guid.TryParse(token, out var id) ? id.ToString("D") : throw ArmErrors.InvalidQuery("$skiptoken", "is not one that a nextLink carried.");
    }

    public static GraphObject Shown(DirectoryObjectRow row) => row switch
    {
        UserRow user => new GraphUser(user.ObjectId, user.DisplayName, user.CreatedAt, user.UserPrincipalName, user.IsEnabled),
        GroupRow group => new GraphGroup(group.ObjectId, group.DisplayName, group.CreatedAt, group.Description),
        ServicePrincipalRow principal => new GraphServicePrincipal(principal.ObjectId, principal.DisplayName, principal.CreatedAt, principal.AppId, principal.IsEnabled),
        _ => throw new InvalidOperationException($"{row.GetType().Name} is shown nowhere."),
    };

    private static ErrorBody WithoutRoot(ErrorBody fault) => fault with { Target = fault.Target?["body.".Length..], Message = fault.Message.Replace("'body.", "'", StringComparison.Ordinal) };

    [GeneratedRegex(@"^\s*(?<name>\w+)\s+eq\s+'(?<value>(?:[^']|'')*)'\s*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();
}
