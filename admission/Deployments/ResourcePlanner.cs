using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Deployments.Functions;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Deployments;

/// <summary>Evaluates what stands around each resource of a template: condition, loop, name, scope; children that are written inside of their parent become resources of their own.</summary>
internal sealed class ResourcePlanner(Template template, DeploymentContent content, TemplateFaults faults)
{
    private static readonly string[] Around = ["name", "type", "apiVersion", "condition", "copy", "dependsOn", "scope", "comments", "metadata", "resources", "existing", "subscriptionId", "resourceGroup"];
    private readonly List<PlannedResource> planned = [];

    public static IReadOnlyList<PlannedResource> Plan(Template template, EvaluationScope scope, DeploymentContent content, TemplateFaults faults)
    {
        var planner = new ResourcePlanner(template, content, faults);
        foreach (var written in template.Resources)
            planner.Plan(written, scope, parent: null);
        foreach (var twice in planner.planned.Where(one => one is { IsEnabled: true, IsExisting: false }).GroupBy(one => one.Id.Key, StringComparer.Ordinal).Where(same => same.Count() > 1))
            faults.Add(twice.Last().Path, $"is the second resource '{twice.Last().Id.Text}' of the template; the first is at '{twice.First().Path}'");
        return planner.planned;
    }

    private void Plan(WrittenResource written, EvaluationScope scope, PlannedResource? parent)
    {
        if (written.Body["copy"] is null)
        {
            PlanOne(written, scope, parent, loop: null, batchSize: 0);
            return;
        }

        if (written.Body["copy"] is not TemplateObject copy || copy["name"] is not string loop)
        {
            faults.Add($"{written.Path}.copy", "must be an object with 'name' and 'count'");
            return;
        }

        var count = CopyLoop.Count(copy["count"], scope, $"{written.Path}.copy.count", faults);
        var serial = "serial".Equals(copy["mode"] as string, StringComparison.OrdinalIgnoreCase);
        var batch = copy["batchSize"] is null ? 1 : (int)Math.Min(TemplateLimits.CopyCount, faults.Try($"{written.Path}.copy.batchSize",
            () => Evaluator.Expand(copy["batchSize"], scope, "", faults) is long and > 0 and var size ? size : throw new TemplateException("must be an integer from 1 on"), 1L));
        for (var round = 0; round < count; round++)
        {
            scope.Budget.Step(10);
            PlanOne(written, scope with { Copy = new(loop, round, scope.Copy) }, parent, loop, serial ? batch : 0);
        }
    }

    private void PlanOne(WrittenResource written, EvaluationScope scope, PlannedResource? parent, string? loop, int batchSize)
    {
        if (planned.Count > TemplateLimits.Resources)
            throw new TemplateException(TemplateFault.TooBig, $"the template makes more than {TemplateLimits.Resources} resources");
        var (body, path) = (written.Body, loop is null ? written.Path : $"{written.Path}[{scope.Copy!.Index}]");
        var before = faults.All.Count;
        // A resource that is not deployed need not make sense.
        var enabled = (parent?.IsEnabled ?? true) && (body["condition"] is null || faults.Try($"{path}.condition",
            () => Evaluator.Expand(body["condition"], scope, "", faults) is bool yes ? yes : throw new TemplateException("must be true or false"), false));
        var (type, name) = (Required(body, "type", scope, path), Required(body, "name", scope, path));
        if (type is null || name is null)
            return;
        if (parent is not null)
            (type, name) = ($"{parent.Id.Type}/{type}", $"{parent.FullName}/{name}");
        var id = faults.Try(path, () => ResourceAddress.Of(type, name, name => Optional(body, name, scope, path), content.Context), null);
        var apiVersion = Optional(body, "apiVersion", scope, path);
        var dependsOn = DependsOn(body, scope, path, parent);
        var nested = NestedDeployment.Is(type) ? NestedDeployment.TemplateOf(body, template, path, faults) : null;
        var payload = NestedDeployment.WithoutOwnScope(body).Without(Around);
        var deferred = new List<Expression>();
        var preview = !enabled ? TemplateObject.Empty : PlannedResource.Bounded(Evaluator.Expand(payload, scope, path, faults, expression => Keep(expression, deferred)), path, faults);
        if (id is null || faults.All.Count > before)
            return;
        var resource = new PlannedResource
        {
            Path = path, Id = id, ApiVersion = apiVersion, Written = payload, Scope = scope, Preview = preview, Deferred = deferred, DependsOn = dependsOn, IsEnabled = enabled,
            IsExisting = body["existing"] is true, Symbol = written.Symbol, Loop = loop, Round = scope.Copy?.Index ?? 0, BatchSize = batchSize, Template = nested,
        };
        planned.Add(resource);
        foreach (var (at, child) in (body["resources"] as TemplateArray ?? TemplateArray.Empty).Items.Index())
        {
            if (child is TemplateObject members)
                Plan(new($"{path}.resources[{at}]", Symbol: null, members), scope, resource);
            else
                faults.Add($"{path}.resources[{at}]", "must be an object");
        }
    }

    private static bool Keep(Expression expression, List<Expression> deferred)
    {
        if (!FunctionTable.IsDeferred(expression))
            return false;
        deferred.Add(expression);
        return true;
    }

    private List<string> DependsOn(TemplateObject body, EvaluationScope scope, string path, PlannedResource? parent)
    {
        var names = parent is null ? new List<string>() : [parent.Id.Text];
        if (body["dependsOn"] is null)
            return names;
        if (Evaluator.Expand(body["dependsOn"], scope, $"{path}.dependsOn", faults) is not TemplateArray given || given.Items.Any(item => item is not (string or null)))
            faults.Add($"{path}.dependsOn", "must be an array of names or ids of resources of the template");
        else
            names.AddRange(given.Items.OfType<string>());
        return names;
    }

    private string? Required(TemplateObject body, string name, EvaluationScope scope, string path)
    {
        var before = faults.All.Count;
        var value = Optional(body, name, scope, path);
        if (value is null && faults.All.Count == before)
            faults.Add($"{path}.{name}", "is required");
        return value;
    }

    private string? Optional(TemplateObject body, string name, EvaluationScope scope, string path) => body[name] is null ? null
        : faults.Try($"{path}.{name}", () => Evaluator.Expand(body[name], scope, $"{path}.{name}", faults) switch
        {
            string { Length: > 0 and <= 2000 } text => text,
            null => null,
            _ => throw new TemplateException("must be a string with 1 to 2000 characters"),
        }, null);
}

/// <summary>Where a resource of a template will be.</summary>
internal static class ResourceAddress
{
    /// <param name="type">Such as <c>Microsoft.Kubernetes/connectedClusters</c>; of an extension also <c>{type}/providers/{extension type}</c>.</param>
    /// <param name="name">One part for each segment of the type.</param>
    /// <param name="property">Values of other properties of the resource: <c>scope</c>, <c>subscriptionId</c>, <c>resourceGroup</c>.</param>
    /// <param name="context">What is deployed to.</param>
    public static ResourceId Of(string type, string name, Func<string, string?> property, DeploymentContext context)
    {
        var marker = type.IndexOf("/providers/", StringComparison.OrdinalIgnoreCase);
        if (marker > 0)
        {
            var (outer, parts) = (type[..marker], name.Split('/'));
            var own = outer.Count(c => c == '/');
            if (parts.Length < own + 3)
                throw new TemplateException($"has the name '{name}', which must read {{names of {outer}}}/{{namespace of the extension}}/{{name}}");
            var extended = Of(outer, string.Join('/', parts[..own]), _ => null, context);
            return Below(extended, type[(marker + "/providers/".Length)..], string.Join('/', parts[(own + 1)..]));
        }

        // Where a nested deployment goes is written by whoever wrote the template: one name each, not a path that leads on.
        foreach (var part in NestedDeployment.Is(type) ? (string?[])[name, property("subscriptionId"), property("resourceGroup")] : [])
        {
            if (part is not null && !ResourceEnvelope.IsName(part))
                throw new TemplateException($"names '{part}', which is not the name of a deployment, a subscription or a resource group");
        }

        var subscription = NestedDeployment.Is(type) ? property("subscriptionId") ?? context.Subscription : context.Subscription;
        var group = NestedDeployment.Is(type) ? property("resourceGroup") ?? (property("subscriptionId") is null ? context.ResourceGroup : null) : context.ResourceGroup;
        if (ResourceType.ResourceGroup.ToString().Equals(type, StringComparison.OrdinalIgnoreCase) && !name.Contains('/', StringComparison.Ordinal))
            return ResourceId.Group(subscription, name);
        var place = group is null ? ResourceId.OfSubscription(subscription) : ResourceId.Group(subscription, group);
        return property("scope") is { } scope ? Below(Scope(scope, place), type, name) : Below(place, type, name);
    }

    /// <summary>An id, or <c>namespace/type/name</c> below what is deployed to.</summary>
    private static ResourceId Scope(string scope, ResourceId place) =>
        ResourceId.TryParse(scope.StartsWith('/') ? scope : $"{place.Text}/providers/{Interleaved(scope)}", out var id) ? id
            : throw new TemplateException($"has the scope '{scope}', which is neither an id nor reads namespace/type/name");

    private static string Interleaved(string scope)
    {
        var parts = scope.Split('/');
        var types = (parts.Length - 1) / 2;
        return string.Join('/', parts.Skip(1).Take(types).Zip(parts.Skip(1 + types)).SelectMany(pair => (string[])[pair.First, pair.Second]).Prepend(parts[0]));
    }

    private static ResourceId Below(ResourceId scope, string type, string name)
    {
        var (segments, names) = (type.Split('/'), name.Split('/'));
        if (segments.Length < 2 || segments.Any(segment => segment.Length == 0))
            throw new TemplateException($"has the type '{type}', which must read namespace/type, such as ControlPlane.BareMetal/racks");
        return names.Length == segments.Length - 1
            ? ResourceId.Below(scope, new(segments[0], string.Join('/', segments[1..])), names)
            : throw new TemplateException($"has the name '{name}' with {names.Length} parts; its type '{type}' needs {segments.Length - 1}");
    }
}
