using System.Text.Json.Nodes;
using ControlPlane.Admission.Deployments;
using ControlPlane.Tests.Fixtures;

namespace ControlPlane.Tests.Deployments;

/// <summary>Deploying through the front door: groups, bodies and the templates that tests use again and again.</summary>
internal static class DeploymentWorld
{
    public static string Path(string group, string name) => $"{group}/providers/Microsoft.Resources/deployments/{name}";

    public static async Task<string> NewGroupAsync(this ArmHttp arm)
    {
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/g-{Guid.NewGuid():N}";
        (await arm.PutAsync(group, new JsonObject { ["location"] = "westeurope", ["tags"] = new JsonObject { ["owner"] = "tests" } })).Is(201);
        return group;
    }

    /// <summary>A body as strict JSON; the template may be written leniently.</summary>
    public static JsonNode Body(string template, string parameters = "{}", string mode = "Incremental", string more = "") => JsonNode.Parse(
        $$"""{ {{more}} "properties": { "mode": "{{mode}}", "parameters": {{parameters}}, "template": {{TemplateValue.ToJson(LenientJson.Read(template))}} } }""")!;

    /// <summary>Deploys and waits for the end; the answer is the deployment as it is then.</summary>
    public static async Task<ArmAnswer> DeployAsync(this ArmHttp arm, string group, string name, JsonNode body, string state = "Succeeded")
    {
        var accepted = await arm.PutAsync(Path(group, name), body);
        if (accepted.Status is not (200 or 201))
            accepted.Is(201);
        var ended = await arm.FinishAsync(accepted, TimeSpan.FromSeconds(90));
        if (ended.OperationStatus != state)
            Xunit.Assert.Fail($"Expected {state}: {ended}");
        return (await arm.GetAsync(Path(group, name))).Is(200);
    }

    /// <summary>An image: a type whose writes are carried out by an operation of one step.</summary>
    public static string Image(string name, string more = "", string properties = "", int size = 1000) => $$"""
        { "type": "ControlPlane.BareMetal/osImages", "apiVersion": "2026-06-01", "name": "{{name}}", "location": "[resourceGroup().location]" {{more}},
          "properties": { "version": "24.04", "url": "https://images.example/u.raw.zst", "sha256": "{{new string('a', 64)}}", "sizeBytes": {{size}} {{properties}} } }
        """;

    public static string ImagePath(string group, string name) => $"{group}/providers/ControlPlane.BareMetal/osImages/{name}";
}
