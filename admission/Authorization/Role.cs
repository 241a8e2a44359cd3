using ControlPlane.Contracts.Authorization;

namespace ControlPlane.Admission.Authorization;

/// <summary>A role as it is judged: allowed is what one of its permissions names in actions and not in notActions; two permissions add up (Azure RBAC, role definitions).</summary>
internal sealed class Role(IReadOnlyList<RolePermissions> permissions)
{
    private static readonly Dictionary<string, Role> BuiltIn = BuiltInRoles.ByName.ToDictionary(role => role.Key, role => new Role(role.Value.Permissions), StringComparer.OrdinalIgnoreCase);

    /// <summary>A role that everybody has, by its name (a GUID), or null.</summary>
    public static Role? FindBuiltIn(string name) => BuiltIn.GetValueOrDefault(name);

    public IReadOnlyList<RolePermissions> Permissions { get; } = permissions;

    public bool Allows(string action, bool isData)
    {
        foreach (var permission in Permissions)
        {
            var (allowed, excepted) = isData ? (permission.DataActions, permission.NotDataActions) : (permission.Actions, permission.NotActions);
            if (MatchesAny(allowed, action) && !MatchesAny(excepted, action))
                return true;
        }

        return false;
    }

    private static bool MatchesAny(IReadOnlyList<string> patterns, string action)
    {
        for (var at = 0; at < patterns.Count; at++)
        {
            if (Matches(patterns[at], action))
                return true;
        }

        return false;
    }

    /// <summary>Whether <paramref name="text"/> is what the pattern says, where <c>*</c> stands for any text; letter case does not count. Linear but for the last star, to which it goes back.</summary>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        var (p, t, star, resume) = (0, 0, -1, 0);
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
                (star, resume) = (p++, t);
            else if (p < pattern.Length && char.ToLowerInvariant(pattern[p]) == char.ToLowerInvariant(text[t]))
                (p, t) = (p + 1, t + 1);
            else if (star >= 0)
                (p, t) = (star + 1, ++resume);
            else
                return false;
        }

        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }
}
