using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Deployments;

namespace ControlPlane.Tests.Deployments;

/// <summary>Short ways to plan and evaluate in tests, with surroundings that never change.</summary>
internal static class Templates
{
    public static DeploymentContext Context { get; } = new()
    {
        Name = "main", Subscription = "11111111-2222-3333-4444-555555555555", Tenant = "7f6d3c0a-5c1e-4c55-9d0e-2b8f0e3a9c11", ResourceGroup = "group", Location = "westeurope",
        Now = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero),
    };

    public static DeploymentPlan Plan(string template, string parameters = "{}") => Planner.Plan(
        new() { Template = (TemplateObject)LenientJson.Read(template)!, Parameters = new([.. TemplateParameters.Given(LenientJson.Read(parameters), new())]), Context = Context },
        () => new("00000000-0000-4000-8000-000000000001"));

    /// <summary>The value of an expression, as an output of a template of its own, written as JSON.</summary>
    public static string Value(string expression, string sections = "")
    {
        var plan = Plan($$"""{ {{sections}} "resources": [], "outputs": {} }""");
        return TemplateValue.ToJson(Evaluator.Evaluate(expression, plan.Scope));
    }

    /// <summary>Every path and message that is wrong with a template.</summary>
    public static IReadOnlyList<(string Path, string Message)> Faults(string template, string parameters = "{}")
    {
        try
        {
            Plan(template, parameters);
            return [];
        }
        catch (ArmException failure)
        {
            return [.. (failure.Error.Details ?? [failure.Error]).Select(fault => (fault.Target ?? "", $"{fault.Code} {fault.Message}"))];
        }
    }

    /// <summary>A type whose resources are stored at once.</summary>
    public static string Lock(string name, string more = "") =>
        $$"""{ "type": "Microsoft.Authorization/locks", "apiVersion": "2020-05-01", "name": "{{name}}", "properties": { "level": "CanNotDelete" } {{more}} }""";
}
