using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Deployments.Functions;

namespace ControlPlane.Admission.Deployments;

/// <summary>Turns a template and its parameters into a plan, or into every fault that can be found. It looks at nothing else: no clock, no store.</summary>
internal static class Planner
{
    /// <param name="content">With the parameters as given.</param>
    /// <param name="newGuid">For <c>newGuid()</c> and <c>utcNow()</c> in defaults; null once all parameters are resolved.</param>
    public static DeploymentPlan Plan(DeploymentContent content, Func<Guid>? newGuid)
    {
        var faults = new TemplateFaults();
        try
        {
            return Plan(content, newGuid, new(), faults);
        }
        catch (TemplateException failure)
        {
            faults.Add("", failure.Message, failure.Code);
            throw faults.Exception();
        }
    }

    private static DeploymentPlan Plan(DeploymentContent content, Func<Guid>? newGuid, TemplateBudget budget, TemplateFaults faults, string path = "")
    {
        if (content.Depth > TemplateLimits.NestedDeployments)
            throw new TemplateException(TemplateFault.TooBig, $"deployments are nested more than {TemplateLimits.NestedDeployments} levels deep");
        var template = Template.Read(content.Template, path, faults);
        var empty = new EvaluationScope { Budget = budget, Context = content.Context with { ContentVersion = template.ContentVersion }, Functions = template.Functions, Copy = content.Rounds };
        template.CheckExpressions(empty, path, faults);
        faults.Demand();
        var given = content.Parameters.Members.ToDictionary(member => member.Key, member => member.Value, StringComparer.OrdinalIgnoreCase);
        var values = TemplateParameters.Resolve(template, given, empty with { NewGuid = newGuid }, path, faults);
        faults.Demand();
        var scope = Scope(template, values, empty, path);
        var planned = ResourcePlanner.Plan(template, scope, content, faults);
        var resolved = content with { Parameters = new([.. template.Parameters.Select(parameter => KeyValuePair.Create(parameter.Name, values[parameter.Name]))]) };
        if (planned.Count > TemplateLimits.Resources)
            throw new TemplateException(TemplateFault.TooBig, $"the template makes {planned.Count:N0} resources; at most {TemplateLimits.Resources} are allowed");
        faults.Demand();
        var edges = DependencyGraph.Of(planned, faults);
        faults.Demand();
        var nested = planned.Select(resource => resource.Template is null ? resource : resource with { Nested = PlanNested(resource, resolved, planned, budget, faults) }).ToList();
        var plan = new DeploymentPlan { Template = template, Content = resolved, Scope = scope, Resources = nested, Edges = edges };
        if (plan.DeployedAtAnyDepth.Take(content.Allowance + 1).Count() > content.Allowance)
            throw new TemplateException(TemplateFault.TooBig, $"the template and the deployments nested in it make more than {content.Allowance:N0} resources");
        return plan;
    }

    /// <summary>Parameters are known, variables are evaluated when they are first used.</summary>
    private static EvaluationScope Scope(Template template, Dictionary<string, object?> parameters, EvaluationScope empty, string path)
    {
        var known = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase);
        var evaluating = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var loops = CopyLoop.IsPropertyCopy(template.Variables["copy"]) ? (TemplateArray)template.Variables["copy"]! : TemplateArray.Empty;
        EvaluationScope scope = null!;
        object? Variable(string name)
        {
            if (known.TryGetValue(name, out var value))
                return value;
            var loop = loops.Items.Cast<TemplateObject>().FirstOrDefault(one => name.Equals(one["name"] as string, StringComparison.OrdinalIgnoreCase));
            if (loop is null && !template.Variables.Has(name))
                throw new TemplateException($"there is no variable '{name}'");
            if (!evaluating.Add(name))
                throw new TemplateException($"the variable '{name}' depends on itself");
            var inner = new TemplateFaults();
            value = loop is null
                ? Evaluator.Expand(template.Variables[name], scope, $"{path}variables.{name}", inner)
                : CopyLoop.Properties(new([loop]), scope, $"{path}variables.copy", inner, keep: null).FirstOrDefault().Value;
            evaluating.Remove(name);
            return inner.All.Count == 0 ? known[name] = value : throw new TemplateException(inner.All[0].Code, $"the variable '{name}' cannot be evaluated: {inner.All[0].Message}");
        }

        return scope = empty with
        {
            Parameter = name => parameters.TryGetValue(name, out var value) ? value
                : throw new TemplateException($"there is no parameter '{name}'; the template has {(parameters.Count == 0 ? "none" : string.Join(", ", parameters.Keys))}"),
            Variable = Variable,
        };
    }

    private static DeploymentPlan? PlanNested(PlannedResource resource, DeploymentContent around, IReadOnlyList<PlannedResource> all, TemplateBudget budget, TemplateFaults faults)
    {
        if (!resource.IsEnabled || (resource.IsDeferred && NestedDeployment.IsInner(resource.Written["properties"] as TemplateObject ?? TemplateObject.Empty)))
            return null;
        var inner = new TemplateFaults();
        try
        {
            var content = NestedContent(resource, resource.Preview, around, all, inner);
            return Plan(content, newGuid: () => Guid.Empty, budget, inner, $"{resource.Path}.properties.template.");
        }
        catch (ArmException) when (inner.All.Count > 0)
        {
            foreach (var fault in inner.All)
                faults.Add(fault.Path, fault.Message, fault.Code);
            throw faults.Exception();
        }
    }

    /// <summary>What a nested deployment is asked to do, once its body has been evaluated.</summary>
    public static DeploymentContent NestedContent(PlannedResource resource, TemplateObject body, DeploymentContent around, IReadOnlyList<PlannedResource> all, TemplateFaults faults)
    {
        var properties = body["properties"] as TemplateObject ?? TemplateObject.Empty;
        var given = NestedDeployment.IsInner(properties)
            ? new TemplateObject([.. TemplateParameters.Given(properties["parameters"], faults)])
            : around.Parameters;
        faults.Demand();
        return new()
        {
            Template = resource.Template!,
            Parameters = given,
            Context = around.Context with
            {
                Name = resource.Id.Name,
                Subscription = resource.Id.Subscription,
                ResourceGroup = resource.Id.ResourceGroup,
                Location = resource.Id.ResourceGroup is null ? body["location"] as string ?? around.Context.Location : around.Context.Location,
                Mode = properties["mode"] as string ?? "Incremental",
            },
            Rounds = NestedDeployment.IsInner(properties) ? null : resource.Scope.Copy,
            Groups = around.Groups,
            Depth = around.Depth + 1,
            Allowance = Math.Max(1, (around.Allowance - all.Count) / Math.Max(1, all.Count(one => one.Template is not null))),
        };
    }
}
