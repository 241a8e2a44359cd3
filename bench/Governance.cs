using System.Text.Json;
using ControlPlane.Contracts.Policy;

namespace ControlPlane.Bench;

/// <summary>A resource group under guard, and somebody who may write images there and has it through a group in a group.</summary>
internal sealed class Governance(Stack stack)
{
    public const string Group = "bench-guarded";

    /// <summary>Another one, with five of the policies.</summary>
    public const string FewGroup = "bench-guarded-by-few";
    private const string Authorization = "/providers/Microsoft.Authorization";
    private const string PolicyVersion = "2025-03-01";
    private const string RoleVersion = "2022-04-01";
    private const string LockVersion = "2020-05-01";
    private const int LockedSiblings = 100;

    /// <summary>The tags that some of the policies ask for.</summary>
    public const string Tags = """{"owner":"bench","environment":"prod"}""";

    /// <summary>What the five leave to the caller: they add one tag only.</summary>
    public const string FewTags = """{"owner":"bench","environment":"prod","cost":"4711","team":"images"}""";

    /// <summary>With those that other policies add: what is stored, which the other side of the comparison sends so that both store the same.</summary>
    public const string StoredTags = """{"owner":"bench","environment":"prod","cost":"4711","team":"images","department":"platform"}""";

    private string Subscription => $"/subscriptions/{stack.Subscription}";

    /// <summary>The token of the guarded principal.</summary>
    public async Task<(string Token, string ObjectId)> EstablishAsync()
    {
        foreach (var group in (string[])[Group, FewGroup])
            await stack.PutGroupAsync(group, """{"department":"platform"}""");
        await new Assignments(stack).FillAsync(90);
        var principal = await PrincipalAsync();
        await LockAsync();
        var definitions = await DefinitionsAsync();
        await AssignPoliciesAsync(Group, definitions);
        await AssignPoliciesAsync(FewGroup, [definitions[0], definitions[2], definitions[7], definitions[8], definitions[19]]);
        return principal;
    }

    private async Task AssignPoliciesAsync(string group, IReadOnlyList<(string Id, string Parameters)> definitions)
    {
        foreach (var (number, (definition, parameters)) in definitions.Index())
            (await stack.PutAsync($"{stack.GroupPath(group)}{Authorization}/policyAssignments/bench-{number:00}", $$$"""{"properties":{"policyDefinitionId":"{{{definition}}}","parameters":{{{parameters}}}}}""", PolicyVersion)).Dispose();
    }

    /// <summary>It writes images by a custom role at the resource groups and reads by a built-in one at the subscription, both given to groups; ten more assignments are of no use here.</summary>
    private async Task<(string Token, string ObjectId)> PrincipalAsync()
    {
        var application = await stack.PostAsync("/v1.0/applications", """{"displayName":"bench"}""");
        var (id, appId) = (application.GetProperty("id").GetString(), application.GetProperty("appId").GetString()!);
        var secret = (await stack.PostAsync($"/v1.0/applications/{id}/addPassword", """{"passwordCredential":{"displayName":"bench"}}""")).GetProperty("secretText").GetString()!;
        var principal = (await stack.PostAsync("/v1.0/servicePrincipals", $$"""{"appId":"{{appId}}"}""")).GetProperty("id").GetString()!;
        var (inner, outer) = (await GroupOfAsync(principal), "");
        outer = await GroupOfAsync(inner);

        var role = $"{Subscription}{Authorization}/roleDefinitions/{Guid.NewGuid()}";
        (await stack.PutAsync(role, $$$"""{"properties":{"roleName":"Image author","type":"CustomRole","permissions":[{"actions":["ControlPlane.BareMetal/osImages/*"],"notActions":["ControlPlane.BareMetal/osImages/delete"]}],"assignableScopes":["{{{Subscription}}}"]}}""", RoleVersion)).Dispose();
        foreach (var group in (string[])[Group, FewGroup])
            await AssignAsync(stack.GroupPath(group), role, inner);
        await AssignAsync(Subscription, $"{Authorization}/roleDefinitions/{Contracts.Authorization.BuiltInRoles.Reader}", outer);
        for (var other = 0; other < 10; other++)
            await AssignAsync(stack.GroupPath($"bench-scope-{other}"), $"{Authorization}/roleDefinitions/{Contracts.Authorization.BuiltInRoles.Contributor}", principal);
        return (await stack.SignInAsync(appId, secret), principal);
    }

    private async Task<string> GroupOfAsync(string member)
    {
        var group = (await stack.PostAsync("/v1.0/groups", $$"""{"displayName":"bench-{{Guid.NewGuid()}}","mailEnabled":false,"securityEnabled":true,"mailNickname":"bench"}""")).GetProperty("id").GetString()!;
        (await stack.SendAsync(HttpMethod.Post, $"/v1.0/groups/{group}/members/$ref", $$"""{"@odata.id":"{{stack.Endpoint}}v1.0/directoryObjects/{{member}}"}""")).Dispose();
        return group;
    }

    private async Task AssignAsync(string scope, string role, string principal) =>
        (await stack.PutAsync($"{scope}{Authorization}/roleAssignments/{Guid.NewGuid()}", $$$"""{"properties":{"roleDefinitionId":"{{{role}}}","principalId":"{{{principal}}}"}}""", RoleVersion)).Dispose();

    /// <summary>One lock holds for each group, and lets writes pass; a hundred hold for images and groups beside the one that is written.</summary>
    private async Task LockAsync()
    {
        foreach (var group in (string[])[Group, FewGroup])
            await LockAsync(stack.GroupPath(group), "CanNotDelete");
        for (var n = 0; n < LockedSiblings / 2; n++)
        {
            var image = $"{stack.ImagesPath(Group)}/locked-{n}";
            (await stack.PutAsync(image, Images.Body(stack))).Dispose();
            await LockAsync(image, "ReadOnly");
            await LockAsync(stack.GroupPath($"bench-scope-{n}"), "ReadOnly");
        }
    }

    private async Task LockAsync(string scope, string level) =>
        (await stack.PutAsync($"{scope}{Authorization}/locks/bench", $$$"""{"properties":{"level":"{{{level}}}"}}""", LockVersion)).Dispose();

    /// <summary>Twenty definitions with their parameters: eight that everybody has, and twelve of this subscription about images; eleven refuse, three change, six report.</summary>
    private async Task<IReadOnlyList<(string Id, string Parameters)>> DefinitionsAsync()
    {
        const string Size = "ControlPlane.BareMetal/osImages/sizeBytes";
        var all = new List<(string Id, string Parameters)>
        {
            BuiltIn(BuiltInPolicies.AllowedLocations, new { listOfAllowedLocations = Value<List<string>>(["westeurope", "northeurope", "local"]) }),
            BuiltIn(BuiltInPolicies.AllowedResourceTypes, new { listOfResourceTypesAllowed = Value<List<string>>(["ControlPlane.BareMetal/osImages", "ControlPlane.BareMetal/racks", "ControlPlane.BareMetal/bareMetalMachines"]) }),
            BuiltIn(BuiltInPolicies.RequireTag, new { tagName = Value("owner") }),
            BuiltIn(BuiltInPolicies.RequireTag, new { tagName = Value("environment") }),
            BuiltIn(BuiltInPolicies.RequireTagAndValue, new { tagName = Value("environment"), tagValue = Value("prod") }),
            BuiltIn(BuiltInPolicies.AddTag, new { tagName = Value("cost"), tagValue = Value("4711") }),
            BuiltIn(BuiltInPolicies.AddTag, new { tagName = Value("team"), tagValue = Value("images") }),
            BuiltIn(BuiltInPolicies.InheritTag, new { tagName = Value("department") }),
        };
        for (var n = 0; n < 12; n++)
        {
            var id = $"{Subscription}{Authorization}/policyDefinitions/bench-{n:00}";
            (await stack.PutAsync(id, $$$"""
                {"properties":{"mode":"Indexed","displayName":"Images are small {{{n}}}","parameters":{"most":{"type":"Integer"}},
                "policyRule":{"if":{"allOf":[{"field":"type","equals":"ControlPlane.BareMetal/osImages"},{"field":"{{{Size}}}","greater":"[parameters('most')]"}]},"then":{"effect":"{{{(n < 6 ? "deny" : "audit")}}}"}} } }
                """, PolicyVersion)).Dispose();
            all.Add((id, JsonSerializer.Serialize(new { most = Value((n + 1) * 1_000_000_000L) })));
        }

        return all;
    }

    private static (string Id, string Parameters) BuiltIn(string name, object parameters) => ($"{Authorization}/policyDefinitions/{name}", JsonSerializer.Serialize(parameters));

    private static object Value<T>(T value) => new { value };
}
