using ControlPlane.Admission.Authorization;
using ControlPlane.Contracts.Authorization;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Authorization;

/// <summary>What is allowed follows from grants alone.</summary>
public sealed class GrantsTests
{
    private static readonly string[] Actions = ["A.B/c/read", "A.B/c/write", "A.B/c/d/read", "A.B/c/go/action", "X/y/read", "a.b/C/READ"];
    private static readonly Gen<string> Action = Of(Actions);
    private static readonly Gen<string> Pattern = Of([.. Actions, "*", "*/read", "A.B/*", "A.B/*/read", "a.b/c/*", "*/c/*", "A.B/c/read*"]);
    private static readonly Gen<string> Segment = Of(["subscriptions", "s", "S", "sub", "resourceGroups", "g", "providers", "A.B", "c", "n"]);
    private static readonly Gen<string> Path = Segment.List[1, 6].Select(parts => "/" + string.Join('/', parts));

    private static readonly Gen<RolePermissions> Permissions = Gen.Select(Pattern.List[0, 3], Pattern.List[0, 2], (actions, notActions) => new RolePermissions { Actions = actions, NotActions = notActions });
    private static readonly Gen<Grant> AnyGrant = Gen.Select(Gen.OneOf(Gen.Const("/"), Path.Select(path => path.ToLowerInvariant())), Permissions.List[1, 2], (scope, permissions) => new Grant(scope, new(permissions)));

    private static Gen<string> Of(string[] choices) => Gen.Int[0, choices.Length - 1].Select(at => choices[at]);

    [Fact]
    public void A_pattern_matches_what_a_regular_expression_of_the_same_meaning_matches() =>
        Gen.Select(Gen.String[Gen.Char["ab/*"], 0, 8], Gen.String[Gen.Char["ab/"], 0, 12]).Sample((pattern, text) =>
            Assert.Equal(System.Text.RegularExpressions.Regex.IsMatch(text, $"^{System.Text.RegularExpressions.Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}$", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1)), Role.Matches(pattern, text)));

    [Fact]
    public void Grants_add_up_and_never_take_away() =>
        Gen.Select(AnyGrant.List[0, 4], AnyGrant.List[0, 4], Action, Path).Sample((some, more, action, path) =>
            Assert.Equal(new Grants(some).Allows(action, path) || new Grants(more).Allows(action, path), new Grants([.. some, .. more]).Allows(action, path)));

    [Fact]
    public void What_is_allowed_at_a_scope_is_allowed_below_it_and_case_does_not_count() =>
        Gen.Select(AnyGrant.List[0, 4], Action, Path, Segment).Sample((all, action, path, segment) =>
        {
            var grants = new Grants(all);
            if (grants.Allows(action, path))
                Assert.True(grants.Allows(action.ToUpperInvariant(), $"{path.ToUpperInvariant()}/{segment}"));
        });

    [Fact]
    public void A_scope_ends_at_a_segment()
    {
        var grants = new Grants([new("/subscriptions/s/resourcegroups/g", Role.FindBuiltIn(BuiltInRoles.Owner)!)]);
        Assert.True(grants.Allows("A.B/c/write", "/subscriptions/S/resourceGroups/G/providers/A.B/c/n"));
        Assert.False(grants.Allows("A.B/c/write", "/subscriptions/s/resourcegroups/g2"));
        Assert.False(grants.Allows("A.B/c/write", "/subscriptions/s"));
        Assert.True(grants.Sees("/subscriptions/s"));
        Assert.False(grants.Sees("/subscriptions/s2"));
    }

    [Fact]
    public void Where_an_action_is_allowed_is_exactly_where_it_is_allowed() =>
        Gen.Select(AnyGrant.List[0, 4], Action, Path, Path).Sample((all, action, scope, inside) =>
        {
            var (grants, at) = (new Grants(all), scope.ToLowerInvariant());
            var path = at + inside;
            var within = grants.Where(action, at).Any(one => one == "/" || path.Equals(one, StringComparison.OrdinalIgnoreCase) || path.StartsWith(one + "/", StringComparison.OrdinalIgnoreCase));
            Assert.Equal(grants.Allows(action, path), within);
        });

    [Fact]
    public void Contributors_decide_about_nobody_and_readers_change_nothing()
    {
        foreach (var action in new[] { "Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/locks/delete", "ControlPlane.Identity/applications/write", "Microsoft.Resources/subscriptions/write" })
            Assert.False(Role.FindBuiltIn(BuiltInRoles.Contributor)!.Allows(action, isData: false), action);
        Assert.True(Role.FindBuiltIn(BuiltInRoles.Contributor)!.Allows("ControlPlane.BareMetal/racks/write", isData: false));
        Assert.False(Role.FindBuiltIn(BuiltInRoles.Reader)!.Allows("ControlPlane.BareMetal/racks/write", isData: false));
        Assert.True(Role.FindBuiltIn(BuiltInRoles.ModelInvoker)!.Allows("ControlPlane.Serving/modelServingRuntimes/invoke/action", isData: true));
        Assert.False(Role.FindBuiltIn(BuiltInRoles.ModelInvoker)!.Allows("ControlPlane.Serving/modelServingRuntimes/invoke/action", isData: false));
    }
}
