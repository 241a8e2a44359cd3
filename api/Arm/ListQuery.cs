using System.Buffers.Text;
using System.Text;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Api.Arm;

/// <summary><c>$top</c>, <c>$skipToken</c> and the subset of OData's <c>$filter</c> that ARM lists know: comparisons by <c>eq</c> and <c>substringof</c>, joined by <c>and</c>.</summary>
internal static partial class ListQuery
{
    private const int DefaultTop = 100;
    private const int MaxTop = 1000;

    /// <summary>Null when nothing can fit: the filter names another group or type than the list is of.</summary>
    public static ResourcePage? Parse(IQueryCollection query, string subscription, string? group, string? type)
    {
        var page = new ResourcePage { Subscription = subscription.ToLowerInvariant(), ResourceGroup = group?.ToLowerInvariant(), Type = type, Size = Top(query), After = After(query) };
        return query.TryGetValue("$filter", out var filter) && !string.IsNullOrWhiteSpace(filter) ? Filter(page, filter!) : page;
    }

    /// <summary>The same request from the next item on; null at the end.</summary>
    public static string? NextLink(HttpContext http, IReadOnlyList<ResourceRow> rows, int size)
    {
        if (rows.Count < size)
            return null;
        var token = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(rows[^1].Key));
        var query = http.Request.Query.Where(p => !p.Key.Equals("$skipToken", StringComparison.OrdinalIgnoreCase)).Select(p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value.ToString())}");
        return $"{http.BaseAddress()}{http.Request.Path.ToUriComponent()}?{string.Join('&', query)}&%24skipToken={token}";
    }

    private static int Top(IQueryCollection query)
    {
        if (!query.TryGetValue("$top", out var text))
            return DefaultTop;
        return int.TryParse(text, out var top) && top is > 0 and <= MaxTop ? top : throw ArmErrors.InvalidQuery("$top", $"must be a number from 1 to {MaxTop}.");
    }

    private static string? After(IQueryCollection query)
    {
        if (!query.TryGetValue("$skipToken", out var token))
            return null;
        try
        {
            var key = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token.ToString()));
            return key.StartsWith('/') && !key.Contains('\0', StringComparison.Ordinal) ? key : throw new FormatException();
        }
        catch (FormatException)
        {
            throw ArmErrors.InvalidQuery("$skipToken", "is not one that a nextLink carried.");
        }
    }

    private static ResourcePage? Filter(ResourcePage list, string filter)
    {
        if (filter.Contains('\0', StringComparison.Ordinal))
            throw ArmErrors.InvalidFilter(filter.Replace('\0', '?'), "it holds U+0000.");
        var (page, at, names) = (list, 0, new HashSet<string>(StringComparer.OrdinalIgnoreCase));
        while (true)
        {
            var match = Term().Match(filter, at);
            if (!match.Success)
                throw ArmErrors.InvalidFilter(filter, $"at character {at + 1}: expected {{name}} eq '{{value}}' or substringof('{{text}}', name).");
            if (!names.Add(match.Groups["part"].Success ? "substringof" : match.Groups["name"].Value))
                throw ArmErrors.InvalidFilter(filter, $"at character {at + 1}: a name may be compared once.");
            page = match.Groups["part"].Success
                ? page with { NameContains = Unquote(match.Groups["part"].Value) }
                : With(page, filter, match.Groups["name"].Value, Unquote(match.Groups["value"].Value));
            at = match.Index + match.Length;
            if (at == filter.Length)
                break;
            var and = And().Match(filter, at);
            if (!and.Success)
                throw ArmErrors.InvalidFilter(filter, $"at character {at + 1}: terms are joined by 'and' only.");
            at += and.Length;
        }

        if (page is { TagValue: not null, TagName: null })
            throw ArmErrors.InvalidFilter(filter, "tagValue is compared together with tagName.");
        return IsWithin(page.ResourceGroup, list.ResourceGroup) && IsWithin(page.Type, list.Type) ? page : null;
    }

    private static bool IsWithin(string? wanted, string? list) => list is null || list.Equals(wanted, StringComparison.OrdinalIgnoreCase);

    private static ResourcePage With(ResourcePage page, string filter, string name, string value) => name.ToLowerInvariant() switch
    {
        "resourcetype" => page with { Type = Canonical(value) },
        "resourcegroup" => page with { ResourceGroup = value.ToLowerInvariant() },
        "location" => page with { Location = Locations.Normalise(value) },
        "name" => page with { Name = value },
        "tagname" => page with { TagName = value },
        "tagvalue" => page with { TagValue = value },
        _ => throw ArmErrors.InvalidFilter(filter, $"'{name}' cannot be filtered on; resourceType, resourceGroup, location, name, tagName and tagValue can."),
    };

    /// <summary>Types are stored in the case of their declaration.</summary>
    private static string Canonical(string type) =>
        ResourceTypes.All.Select(known => known.Type.ToString()).FirstOrDefault(known => known.Equals(type, StringComparison.OrdinalIgnoreCase)) ?? type;

    private static string Unquote(string text) => text.Replace("''", "'", StringComparison.Ordinal);

    [GeneratedRegex(@"\G\s*(?:(?<name>\w+)\s+eq\s+'(?<value>(?:[^']|'')*)'|substringof\(\s*'(?<part>(?:[^']|'')*)'\s*,\s*name\s*\))\s*", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();

    [GeneratedRegex(@"\Gand\b", RegexOptions.IgnoreCase, 1000)]
    private static partial Regex And();
}
