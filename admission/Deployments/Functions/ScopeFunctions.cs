using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Deployments.Functions;

/// <summary>Parameters, variables, ids, and what is around the deployment.</summary>
internal static class ScopeFunctions
{
    public static IReadOnlyList<Function> All { get; } =
    [
        new("parameters", 1, 1, call => (call.Scope.Parameter ?? throw call.Fault("cannot be used here"))(call.Text(0))),
        new("variables", 1, 1, call => (call.Scope.Variable ?? throw call.Fault("cannot be used here"))(call.Text(0))),
        new("reference", 1, 3, Reference),
        new("resourceId", 2, Function.Any, ResourceIdOf),
        new("subscriptionResourceId", 2, Function.Any, call => Guid.TryParse(call.Text(0), out _) ? Id(call, $"/subscriptions/{call.Text(0)}", 1) : Id(call, $"/subscriptions/{call.Scope.Context.Subscription}", 0)),
        new("tenantResourceId", 2, Function.Any, call => Id(call, "", 0)),
        new("extensionResourceId", 3, Function.Any, call => Id(call, call.Text(0), 1)),
        new("subscription", 0, 0, call => TemplateValue.Object(("id", $"/subscriptions/{call.Scope.Context.Subscription}"), ("subscriptionId", call.Scope.Context.Subscription), ("tenantId", call.Scope.Context.Tenant), ("displayName", call.Scope.Context.Subscription))),
        new("resourceGroup", 0, 0, Group),
        new("tenant", 0, 0, call => TemplateValue.Object(("id", $"/tenants/{call.Scope.Context.Tenant}"), ("tenantId", call.Scope.Context.Tenant), ("displayName", "Default directory"))),
        new("deployment", 0, 0, Deployment),
        new("environment", 0, 0, _ => TemplateValue.Object(("name", "ControlPlane"), ("suffixes", TemplateObject.Empty))),
    ];

    private static object? Reference(Arguments call)
    {
        if (call.Scope.Reference is not { } reference)
            throw call.Fault("is not known yet here: names, types, conditions, loops, scopes, variables and defaults are evaluated before anything is deployed");
        if (call.Has(2) && !call.Text(2).Equals("Full", StringComparison.OrdinalIgnoreCase))
            throw call.Fault("has 'Full' as its third argument, or none");
        return reference(call.Text(0), call.Has(2));
    }

    /// <summary>The type is the first argument with a slash in it; subscription and group may stand before it.</summary>
    private static object? ResourceIdOf(Arguments call)
    {
        var context = call.Scope.Context;
        var type = Enumerable.Range(0, Math.Min(3, call.Count)).Where(at => call.Text(at).Contains('/', StringComparison.Ordinal)).DefaultIfEmpty(-1).First();
        if (type < 0)
            throw call.Fault("needs a resource type such as 'ControlPlane.BareMetal/racks', after at most a subscription and a resource group");
        var (subscription, group) = type switch
        {
            2 => (call.Text(0), call.Text(1)),
            1 when Guid.TryParse(call.Text(0), out _) && context.ResourceGroup is null => (call.Text(0), null),
            1 => (context.Subscription, call.Text(0)),
            _ => (context.Subscription, context.ResourceGroup),
        };
        return Id(call, group is null ? $"/subscriptions/{subscription}" : $"/subscriptions/{subscription}/resourceGroups/{group}", type);
    }

    private static string Id(Arguments call, string scope, int typeAt)
    {
        var parts = call.Text(typeAt).Split('/');
        var names = Enumerable.Range(typeAt + 1, call.Count - typeAt - 1).SelectMany(at => call.Text(at).Split('/')).ToList();
        if (parts.Length < 2 || parts.Any(part => part.Length == 0) || names.Count != parts.Length - 1)
            throw call.Fault($"needs one name for each segment of the type '{call.Text(typeAt)}', which has {Math.Max(0, parts.Length - 1)}; {names.Count} were given");
        if (string.Equals(call.Text(typeAt), ResourceType.ResourceGroup.ToString(), StringComparison.OrdinalIgnoreCase))
            return $"{scope}/resourceGroups/{names[0]}";
        return $"{scope.TrimEnd('/')}/providers/{parts[0]}/{string.Join('/', parts.Skip(1).Zip(names, (segment, name) => $"{segment}/{name}"))}";
    }

    private static object? Group(Arguments call) => call.Scope.Context is { ResourceGroup: { } name } context
        ? TemplateValue.Object(("id", context.GroupId), ("name", name), ("type", "Microsoft.Resources/resourceGroups"), ("location", context.Location), ("tags", context.GroupTags),
            ("properties", TemplateValue.Object(("provisioningState", "Succeeded"))))
        : throw call.Fault("is not known in a deployment to a subscription");

    private static object? Deployment(Arguments call)
    {
        var context = call.Scope.Context;
        var template = TemplateValue.Object(("contentVersion", context.ContentVersion));
        var properties = TemplateValue.Object(("mode", context.Mode), ("template", template), ("provisioningState", "Running"));
        return context.ResourceGroup is null
            ? TemplateValue.Object(("name", context.Name), ("location", context.Location), ("properties", properties))
            : TemplateValue.Object(("name", context.Name), ("properties", properties));
    }
}
