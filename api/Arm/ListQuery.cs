using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Api.Arm;

/// <summary><c>$top</c>, <c>$skipToken</c> and the subset of OData's <c>$filter</c> that ARM lists know: comparisons by <c>eq</c> and <c>substringof</c>, joined by <c>and</c>.</summary>
internal static partial class ListQuery
{
    private const int DefaultTop = 100;
    private const int MaxTop = 1000;

    /// <summary>Of one type, or of all tracked resources; null when nothing can fit, for the filter names another group or type than the list is of.</summary>
    public static ResourcePage? Parse(IQueryCollection query, ResourceId? within, RegisteredType? type)
    {
        var page = new ResourcePage
        {
            Within = within,
            Types = type is null ? Tracked : [type.Type.ToString()],
            Inherited = type is { IsExtension: true } ? [.. within?.WithAncestors().Select(scope => scope.Key) ?? []] : null,
            Size = Top(query),
            After = After(query),
        };
        return query.TryGetValue("$filter", out var filter) && !string.IsNullOrWhiteSpace(filter) ? Filter(page, type, filter!) : page;
    }

    /// <summary>The built-in resources that a list of their type begins with.</summary>
    public static IEnumerable<ResourceRow> BuiltIns(RegisteredType type, ResourcePage page) => type.BuiltInNames.Order(StringComparer.Ordinal).Select(name => type.BuiltIn(name)!)
        .Where(row => page is { Location: null, TagName: null } && (page.Name is null || page.Name.Equals(row.Name, StringComparison.OrdinalIgnoreCase))
            && page.Properties.All(wanted => ReadText(row, wanted.Key)?.Equals(wanted.Value, StringComparison.OrdinalIgnoreCase) is true));

    private static string? ReadText(ResourceRow row, string property) => Json.Read<Dictionary<string, JsonElement>>(row.Properties).GetValueOrDefault(property) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>The same request from the next item on; null at the end.</summary>
    public static string? NextLink(HttpContext http, IReadOnlyList<ResourceRow> rows, int size) =>
        rows.Count < size ? null : http.NextLink(Base64Url.EncodeToString(Encoding.UTF8.GetBytes(rows[^1].Key)));

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

    private static IReadOnlyList<string> Tracked { get; } = [.. ResourceTypes.All.Where(type => type.IsTracked && type.Type != ResourceType.ResourceGroup).Select(type => type.Type.ToString())];

    private static ResourcePage? Filter(ResourcePage list, RegisteredType? type, string filter)
    {
        if (filter.Contains('\0', StringComparison.Ordinal))
            throw ArmErrors.InvalidFilter(filter.Replace('\0', '?'), "it holds U+0000.");
        var (page, at, names) = (list, 0, new HashSet<string>(StringComparer.OrdinalIgnoreCase));
        while (true)
        {
            var match = Term().Match(filter, at);
            if (!match.Success)
                throw ArmErrors.InvalidFilter(filter, $"at character {at + 1}: expected {{name}} eq '{{value}}' or substringof('{{text}}', name).");
            if (!names.Add(match.Groups["part"].Success ? "substringof" : match.Groups["scope"].Success ? "atScope" : match.Groups["name"].Value))
                throw ArmErrors.InvalidFilter(filter, $"at character {at + 1}: a name may be compared once.");
            page = match.Groups["part"].Success ? page with { NameContains = Unquote(match.Groups["part"].Value) }
                : match.Groups["scope"].Success ? AtScope(page, filter, match.Groups["scope"].Value)
                : With(page, type, filter, match.Groups["name"].Value, Unquote(match.Groups["value"].Value));
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
        if (page.Types is [])
            return null;
        // A list of a group, or of what is in one, stays what it is or becomes empty: a filter narrows.
        return list.Within?.GroupId is not { } given ? page : given.Equals(page.Within?.GroupId) ? page with { Within = list.Within } : null;
    }

    /// <summary>Extension resources of the scope and above (<c>atScope()</c>), of the scope alone, or also of what is below, which is the default.</summary>
    private static ResourcePage AtScope(ResourcePage page, string filter, string function) => page.Inherited is null
        ? throw ArmErrors.InvalidFilter(filter, $"'{function}()' is for extension resources.")
        : function.ToLowerInvariant() switch
        {
            "atscope" => page with { IncludesBelow = false },
            "atexactscope" => page with { IncludesBelow = false, IncludesAbove = false, Inherited = page.Within is { } scope ? [scope.Key] : [] },
            _ => page,
        };

    private static ResourcePage With(ResourcePage page, RegisteredType? type, string filter, string name, string value) => name.ToLowerInvariant() switch
    {
        "resourcetype" => page with { Types = [.. page.Types!.Where(known => known.Equals(value, StringComparison.OrdinalIgnoreCase))] },
        "resourcegroup" when page.Within is { Subscription.Length: > 0 } scope => page with { Within = ResourceId.Group(scope.Subscription, value) },
        "location" => page with { Location = Locations.Normalise(value) },
        "name" => page with { Name = value },
        "tagname" => page with { TagName = value },
        "tagvalue" => page with { TagValue = value },
        _ when type is { IsTracked: false } && Json.Options.GetTypeInfo(type.PropertiesType).Properties.FirstOrDefault(known => known.PropertyType == typeof(string) && known.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } property =>
            page with { Properties = [.. page.Properties, new(property.Name, value)] },
        _ => throw ArmErrors.InvalidFilter(filter, $"'{name}' cannot be filtered on; resourceType, resourceGroup, location, name, tagName and tagValue can."),
    };

    private static string Unquote(string text) => text.Replace("''", "'", StringComparison.Ordinal);

    [GeneratedRegex(@"\G\s*(?:(?<name>\w+)\s+eq\s+'(?<value>(?:[^']|'')*)'|substringof\(\s*'(?<part>(?:[^']|'')*)'\s*,\s*name\s*\)|(?<scope>atScope|atExactScope|atScopeAndBelow)\(\s*\))\s*", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Term();

    [GeneratedRegex(@"\Gand\b", RegexOptions.IgnoreCase, 1000)]
    private static partial Regex And();
}
