using System.Text;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Authorization;

/// <summary>That a role holds at a scope, given by its key (lower case; <c>/</c> is everywhere), and below.</summary>
internal sealed record Grant(string Scope, Role Role);

/// <summary>Everything that a principal has been given, itself and through its groups. Every question is answered from here alone: no clock, no store.</summary>
internal sealed class Grants(IReadOnlyList<Grant> all)
{
    public const string Everywhere = "/";

    public static Grants None { get; } = new([]);

    public IReadOnlyList<Grant> All { get; } = all;

    /// <summary>Whether an action is allowed at a path: an id in any case, or something below one.</summary>
    public bool Allows(string action, string path, bool isData = false)
    {
        foreach (var grant in All)
        {
            if (IsWithin(path, grant.Scope) && grant.Role.Allows(action, isData))
                return true;
        }

        return false;
    }

    /// <summary>The roles that hold at a scope.</summary>
    public IEnumerable<Role> At(string scope) => All.Where(grant => IsWithin(scope, grant.Scope)).Select(grant => grant.Role);

    /// <summary>Whether the scope shows at all: something was given at it, above it or below it.</summary>
    public bool Sees(string scope)
    {
        foreach (var grant in All)
        {
            if (IsWithin(scope, grant.Scope) || IsWithin(grant.Scope, scope))
                return true;
        }

        return false;
    }

    /// <summary>Where, at <paramref name="scope"/> and below, the action is allowed: the scope itself when all of it is, else the outermost keys.</summary>
    public IReadOnlyList<string> Where(string action, string scope)
    {
        if (Allows(action, scope))
            return [scope];
        var below = All.Where(grant => IsWithin(grant.Scope, scope) && grant.Role.Allows(action, isData: false)).Select(grant => grant.Scope).Distinct(StringComparer.Ordinal).ToList();
        return [.. below.Where(inner => !below.Any(outer => outer.Length < inner.Length && IsWithin(inner, outer))).Order(StringComparer.Ordinal)];
    }

    /// <summary>What of these types may be read at a scope and below; null when all of it may.</summary>
    /// <param name="types">The name of each type as stored, and the action that reads it.</param>
    public IReadOnlyList<ReadableScopes>? Readable(IEnumerable<(string Type, string Action)> types, string scope)
    {
        var where = types.Select(type => (type.Type, Scopes: Where(type.Action, scope))).ToList();
        return where.TrueForAll(type => type.Scopes is [var whole] && whole == scope) ? null
            : [.. where.Where(type => type.Scopes.Count > 0).GroupBy(type => string.Join('\n', type.Scopes), StringComparer.Ordinal).Select(same => new ReadableScopes([.. same.Select(type => type.Type)], same.First().Scopes))];
    }

    /// <summary>Whether a path is a scope's own or below it: whole segments, in any case.</summary>
    private static bool IsWithin(string path, string scope) =>
        scope.Length == 1 || (path.Length >= scope.Length && (path.Length == scope.Length || path[scope.Length] == '/') && IsSame(path.AsSpan(0, scope.Length), scope));

    /// <summary>
    /// Whether two ids have the same key, which is what the store tells them apart by. It is not the comparison that ignores case, to which more letters are the same: 'µ' is not 'μ', and a group of
    /// either name is another group.
    /// </summary>
    private static bool IsSame(ReadOnlySpan<char> one, ReadOnlySpan<char> other) =>
        Ascii.EqualsIgnoreCase(one, other) || ((!Ascii.IsValid(one) || !Ascii.IsValid(other)) && Key(one) == Key(other));

    private static string Key(ReadOnlySpan<char> id) => id.ToString().ToLowerInvariant();
}
