using System.Text.Json.Nodes;
using ControlPlane.Tests.Engine;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>Deployments from the request to their outputs.</summary>
public sealed class DeploymentTests(ControlPlaneFixture plane) : IClassFixture<ControlPlaneFixture>
{
    private static readonly string Everything = $$"""
        {
          "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
          "contentVersion": "1.2.0.0", // as people write them
          "parameters": { "count": { "type": "int", "defaultValue": 3 }, "prefix": { "type": "string" }, "extra": { "type": "bool", "defaultValue": false } },
          "variables": { "base": "[toLower(parameters('prefix'))]" },
          "resources": [
            {{DeploymentWorld.ImageResource("[format('{0}-{1}', variables('base'), copyIndex())]", around: """, "copy": { "name": "images", "count": "[parameters('count')]" }, "tags": { "team": "[resourceGroup().tags.team]" }""")}},
            {{DeploymentWorld.ImageResource("extra", around: """, "condition": "[parameters('extra')]" """)}},
            {{DeploymentWorld.ImageResource("last", """, "knownCves": "[createArray(format('CVE-2026-{0}', reference(resourceId('ControlPlane.BareMetal/osImages', 'web-0')).sizeBytes))]" """, """, "dependsOn": ["images", "extra"] """)}},
          ],
          "outputs": {
            "names": { "type": "array", "copy": { "count": "[parameters('count')]", "input": "[concat(variables('base'), copyIndex())]" } },
            "state": { "type": "string", "value": "[reference('last').provisioningState]" },
            "full": { "type": "object", "value": "[reference('last', '2026-06-01', 'Full').tags]" }
          }
        }
        """;

    [Fact]
    public async Task A_template_is_deployed_in_order_and_its_outputs_are_evaluated()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);

        var properties = (await world.DeployAsync(Everything, """{ "prefix": { "value": "WEB" } }""")).Json.GetProperty("properties");

        Assert.Equal("Succeeded", properties.GetProperty("provisioningState").GetString());
        Assert.Equal("""["web0","web1","web2"]""", properties.GetProperty("outputs").GetProperty("names").GetProperty("value").GetRawText());
        Assert.Equal("Succeeded", properties.GetProperty("outputs").GetProperty("state").GetProperty("value").GetString());
        Assert.Equal("WEB", properties.GetProperty("parameters").GetProperty("prefix").GetProperty("value").GetString());
        Assert.Equal(4, properties.GetProperty("outputResources").GetArrayLength());
        Assert.False(properties.TryGetProperty("template", out _));
        Assert.StartsWith("PT", properties.GetProperty("duration").GetString(), StringComparison.Ordinal);
        var last = (await plane.Arm.GetAsync(world.Image("last"))).Is(200).Json;
        Assert.Equal("CVE-2026-1024", last.GetProperty("properties").GetProperty("knownCves")[0].GetString());
        Assert.Equal("blue", (await plane.Arm.GetAsync(world.Image("web-0"))).Is(200).Json.GetProperty("tags").GetProperty("team").GetString());
        Assert.Equal(404, (await plane.Arm.GetAsync(world.Image("extra"))).Status);
        var operations = await world.OperationsAsync();
        Assert.Equal(5, operations.Count);
        Assert.All(operations, operation => Assert.Equal("Succeeded", operation.GetProperty("provisioningState").GetString()));
        Assert.Equal("1.2.0.0", (await plane.Arm.PostAsync(world.Path() + "/exportTemplate")).Is(200).Json.GetProperty("template").GetProperty("contentVersion").GetString());
        Assert.Equal(204, (await plane.Arm.HeadAsync(world.Path())).Status);
        Assert.Single((await plane.Arm.GetAsync(world.Path()[..^"/main".Length] + "/")).Is(200).Json.GetProperty("value").EnumerateArray());
    }

    [Fact]
    public async Task Deploying_the_same_again_changes_nothing_and_what_if_says_so_beforehand()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        var template = $$"""{ "resources": [{{DeploymentWorld.ImageResource("one")}}, {{DeploymentWorld.ImageResource("two")}}] }""";

        Assert.Equal(["Create one", "Create two"], await world.ChangesAsync(template));
        await world.DeployAsync(template);
        Assert.Equal(["NoChange one", "NoChange two"], await world.ChangesAsync(template));
        Assert.Equal(["Ignore two", "Modify one"], await world.ChangesAsync($$"""{ "resources": [{{DeploymentWorld.ImageResource("one", """, "knownCves": ["CVE-2026-12345"]""")}}] }"""));
        Assert.Equal(["Delete two", "NoChange one"], await world.ChangesAsync($$"""{ "resources": [{{DeploymentWorld.ImageResource("one")}}] }""", mode: "Complete"));
        await world.DeployAsync(template);
    }

    [Fact]
    public async Task The_same_template_may_be_YAML()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        var answer = await plane.Arm.SendAsync(HttpMethod.Put, world.Path(), ArmHttp.Text($"""
            properties:
              mode: Incremental
              template:
                resources:
                  - type: ControlPlane.BareMetal/osImages
                    apiVersion: '2026-06-01'
                    name: yaml
                    location: westeurope
                    properties: {"{"} version: '24.04', url: 'https://images.example/a.raw', sha256: '{new string('b', 64)}', sizeBytes: 7 {"}"}
                outputs:
                  id: {"{"} type: string, value: "[resourceId('ControlPlane.BareMetal/osImages', 'yaml')]" {"}"}
            """, "application/yaml"));

        Assert.Equal("Succeeded", (await plane.Arm.FinishAsync(answer.Is(201))).OperationStatus);
        Assert.Equal(200, (await plane.Arm.GetAsync(world.Image("yaml"))).Status);
    }

    [Fact]
    public async Task A_nested_deployment_hands_its_outputs_to_the_one_around_it()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        var inner = $$"""{ "parameters": { "name": { "type": "string" } }, "resources": [{{DeploymentWorld.ImageResource("[parameters('name')]")}}], "outputs": { "id": { "type": "string", "value": "[resourceId('ControlPlane.BareMetal/osImages', parameters('name'))]" } } }""";

        var deployed = await world.DeployAsync($$"""
            { "variables": { "name": "deep" }, "resources": [
                { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "child", "properties": { "mode": "Incremental", "expressionEvaluationOptions": { "scope": "inner" },
                    "parameters": { "name": { "value": "[variables('name')]" } }, "template": {{inner}} } },
                { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "outer", "dependsOn": ["child"], "properties": { "mode": "Incremental",
                    "template": { "resources": [{{DeploymentWorld.ImageResource("[concat(variables('name'), '2')]")}}] } } }],
              "outputs": { "id": { "type": "string", "value": "[reference('child').outputs.id.value]" } } }
            """);

        Assert.Equal(world.Image("deep"), deployed.Json.GetProperty("properties").GetProperty("outputs").GetProperty("id").GetProperty("value").GetString());
        Assert.Equal(200, (await plane.Arm.GetAsync(world.Image("deep2"))).Status);
        Assert.Equal("Succeeded", (await plane.Arm.GetAsync(world.Path("child"))).Is(200).ProvisioningState);
    }

    [Fact]
    public async Task A_deployment_to_a_subscription_makes_a_group_and_what_is_in_it()
    {
        var (name, group) = ($"sub-{Guid.NewGuid():N}", $"rg-{Guid.NewGuid():N}");
        var path = $"{ArmHttp.SubscriptionPath}/providers/Microsoft.Resources/deployments/{name}";
        var template = JsonNode.Parse($$"""
            { "resources": [
                { "type": "Microsoft.Resources/resourceGroups", "apiVersion": "2021-04-01", "name": "{{group}}", "location": "[deployment().location]" },
                { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "inside", "resourceGroup": "{{group}}", "dependsOn": ["{{group}}"], "properties": { "mode": "Incremental",
                    "expressionEvaluationOptions": { "scope": "inner" }, "template": { "resources": [{{DeploymentWorld.ImageResource("image")}}] } } }] }
            """);
        var body = new JsonObject { ["location"] = "westeurope", ["properties"] = new JsonObject { ["mode"] = "Incremental", ["template"] = template } };

        Assert.Equal("LocationRequired", (await plane.Arm.PutAsync(path, new JsonObject { ["properties"] = body["properties"]!.DeepClone() })).Json.GetProperty("error").GetProperty("details")[0].GetProperty("code").GetString());
        var accepted = (await plane.Arm.PutAsync(path, body)).Is(201);
        var ended = await plane.Arm.FinishAsync(accepted);

        Assert.True(ended.OperationStatus == "Succeeded", ended.ToString());
        Assert.Equal("westeurope", (await plane.Arm.GetAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{group}/providers/ControlPlane.BareMetal/osImages/image")).Is(200).Json.GetProperty("location").GetString());
        Assert.NotEmpty((await plane.Arm.GetAsync($"{path}/operations")).Is(200).Json.GetProperty("value").EnumerateArray());
    }

    [Fact]
    public async Task One_that_fails_fails_the_deployment_with_its_error_and_what_waits_for_it_is_not_started()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);

        var failed = await world.DeployAsync($$"""
            { "resources": [{{DeploymentWorld.ImageResource("good")}}, {{DeploymentWorld.ImageResource("bad", """, "signature": "bm8=" """)}}, {{DeploymentWorld.ImageResource("after", around: """, "dependsOn": ["bad"] """)}}] }
            """, expect: "Failed");

        var error = failed.Json.GetProperty("properties").GetProperty("error");
        Assert.Equal("DeploymentFailed", error.GetProperty("code").GetString());
        Assert.Equal("ImageSignatureInvalid", error.GetProperty("details")[0].GetProperty("code").GetString());
        Assert.Equal(404, (await plane.Arm.GetAsync(world.Image("after"))).Status);
        Assert.Equal(200, (await plane.Arm.GetAsync(world.Image("good"))).Status);
    }

    [Fact]
    public async Task What_is_wrong_with_a_template_is_refused_before_anything_is_stored()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        var cycle = $$"""{ "resources": [{{DeploymentWorld.ImageResource("a", around: """, "dependsOn": ["b"] """)}}, {{DeploymentWorld.ImageResource("b", around: """, "dependsOn": ["a"] """)}}] }""";

        Assert.Contains("circular dependency", (await world.PutAsync(cycle)).Is(400, "InvalidTemplate").Text, StringComparison.Ordinal);
        Assert.Contains("names 'ghost'", (await world.PutAsync($$"""{ "resources": [{{DeploymentWorld.ImageResource("a", around: """, "dependsOn": ["ghost"] """)}}] }""")).Is(400, "InvalidTemplate").Text, StringComparison.Ordinal);
        var refused = (await world.SendAsync(HttpMethod.Post, """{ "resources": [{ "type": "Nobody.Here/things", "apiVersion": "2026-06-01", "name": "x" }, { "type": "ControlPlane.BareMetal/osImages", "apiVersion": "1999-01-01", "name": "y" }, { "type": "ControlPlane.BareMetal/osImages", "apiVersion": "2026-06-01", "name": "z", "location": "westeurope", "properties": { "sizeBytes": "big" } }] }""", verb: "/validate")).Is(400, "InvalidTemplateDeployment");
        Assert.Equal(["InvalidResourceType", "NoRegisteredProviderFound", "MultipleErrorsOccurred"], refused.Json.GetProperty("error").GetProperty("details").EnumerateArray().Select(detail => detail.GetProperty("code").GetString()!));
        Assert.Contains("line 1", (await world.PutAsync("""{ "resources": [ }""")).Is(400, "InvalidTemplate").Text, StringComparison.Ordinal);
        (await world.SendAsync(HttpMethod.Post, """{ "resources": [] }""", verb: "/validate")).Is(200);
        Assert.Equal(404, (await plane.Arm.GetAsync(world.Path())).Status);
    }

    [Fact]
    public async Task A_canceled_deployment_starts_nothing_more()
    {
        await using var cluster = await ScriptedCluster.StartAsync();
        var script = cluster.Add().Hold();
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        var accepted = await world.PutAsync($$"""
            { "parameters": { "token": { "type": "secureString" }, "ca": { "type": "string" }, "server": { "type": "string" } }, "resources": [
                { "type": "Microsoft.Kubernetes/connectedClusters", "apiVersion": "2026-06-01", "name": "held", "location": "westeurope",
                  "properties": { "apiServer": "[parameters('server')]", "caCertificate": "[parameters('ca')]", "credentials": { "token": "[parameters('token')]" } } },
                {{DeploymentWorld.ImageResource("after", around: """, "dependsOn": ["held"] """)}}] }
            """, new JsonObject
        {
            ["token"] = new JsonObject { ["value"] = script.Token },
            ["ca"] = new JsonObject { ["value"] = LoopbackCertificate.Pem },
            ["server"] = new JsonObject { ["value"] = script.Resource["properties"]!["apiServer"]!.GetValue<string>() },
        }.ToJsonString());
        await Eventually.Async(() => script.Calls > 0, "the cluster is being connected");
        (await plane.Arm.DeleteAsync(world.Path())).Is(409);

        (await plane.Arm.PostAsync(world.Path() + "/cancel")).Is(204);

        Assert.Equal("Canceled", (await plane.Arm.FinishAsync(accepted)).OperationStatus);
        (await plane.Arm.PostAsync(world.Path() + "/cancel")).Is(409);
        script.Release();
        await Eventually.Async(async () => (await plane.Arm.GetAsync($"{world.Group}/providers/Microsoft.Kubernetes/connectedClusters/held")).ProvisioningState == "Succeeded", "what was started goes on");
        Assert.Equal(404, (await plane.Arm.GetAsync(world.Image("after"))).Status);
        await plane.Arm.FinishAsync((await plane.Arm.DeleteAsync(world.Path())).Is(202));
        Assert.Equal(404, (await plane.Arm.GetAsync(world.Path())).Status);
    }

    [Fact]
    public async Task Mode_Complete_deletes_what_the_template_does_not_have_unless_a_lock_holds_it()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        await world.DeployAsync($$"""{ "resources": [{{DeploymentWorld.ImageResource("kept")}}, {{DeploymentWorld.ImageResource("gone")}}, {{DeploymentWorld.ImageResource("locked")}}] }""");
        var lockPath = $"{world.Image("locked")}/providers/Microsoft.Authorization/locks/keep";
        (await plane.Arm.PutAsync($"{lockPath}?api-version=2020-05-01", new JsonObject { ["properties"] = new JsonObject { ["level"] = "CanNotDelete" } })).Is(201);
        var template = $$"""{ "resources": [{{DeploymentWorld.ImageResource("kept")}}] }""";

        var failed = await world.DeployAsync(template, mode: "Complete", expect: "Failed");

        Assert.Equal("ScopeLocked", failed.Json.GetProperty("properties").GetProperty("error").GetProperty("details")[0].GetProperty("code").GetString());
        Assert.Equal(404, (await plane.Arm.GetAsync(world.Image("gone"))).Status);
        Assert.Equal(200, (await plane.Arm.GetAsync(world.Image("locked"))).Status);
        await plane.Arm.DeleteAsync($"{lockPath}?api-version=2020-05-01");
        await world.DeployAsync(template, mode: "Complete");
        Assert.Equal(404, (await plane.Arm.GetAsync(world.Image("locked"))).Status);
        Assert.Equal(200, (await plane.Arm.GetAsync(world.Image("kept"))).Status);
    }

    [Fact]
    public async Task A_deployment_may_do_what_its_principal_may()
    {
        var (mine, others) = (await DeploymentWorld.InNewGroupAsync(plane.Arm), await DeploymentWorld.InNewGroupAsync(plane.Arm));
        var (arm, principal) = await plane.NewPrincipalAsync();
        using var signedIn = arm;
        await plane.AssignAsync(principal, "b24988ac-6180-42a0-ab88-20f7382dd24c", mine.Group);
        await Eventually.Async(async () => (await arm.GetAsync(mine.Group)).Status == 200, "the role holds");
        var elsewhere = $$"""
            { "resources": [{ "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "there", "resourceGroup": "{{others.Group.Split('/')[^1]}}",
                "properties": { "mode": "Incremental", "template": { "resources": [{{DeploymentWorld.ImageResource("x")}}] } } }] }
            """;

        (await arm.SendAsync(HttpMethod.Put, mine.Path(), ArmHttp.Text($$"""{"properties": {"mode": "Incremental", template: {{elsewhere}} } }"""))).Is(403, "AuthorizationFailed");
        var own = await arm.SendAsync(HttpMethod.Put, mine.Path(), ArmHttp.Text($$"""{"properties": {"mode": "Incremental", template: { "resources": [{{DeploymentWorld.ImageResource("x")}}] } } }"""));
        Assert.Equal("Succeeded", (await arm.FinishAsync(own.Is(201))).OperationStatus);
        Assert.Equal(principal, (await plane.Arm.GetAsync(mine.Image("x"))).Is(200).Json.GetProperty("systemData").GetProperty("createdBy").GetString());
    }

    [Fact]
    public async Task A_template_reads_no_more_than_its_principal_may()
    {
        var (mine, others) = (await DeploymentWorld.InNewGroupAsync(plane.Arm), await DeploymentWorld.InNewGroupAsync(plane.Arm));
        await others.DeployAsync($$"""{ "resources": [{{DeploymentWorld.ImageResource("hidden", """, "knownCves": ["CVE-2026-4242"]""")}}] }""");
        var (arm, principal) = await plane.NewPrincipalAsync();
        using var signedIn = arm;
        await plane.AssignAsync(principal, "b24988ac-6180-42a0-ab88-20f7382dd24c", mine.Group);
        foreach (var expression in new[] { "string(reference('{0}', '2026-06-01'))", "string(reference('{0}', '2026-06-01', 'Full'))", "reference('{0}', '2026-06-01').knownCves[0]" })
        {
            var output = $$"""{ "resources": [], "outputs": { "o": { "type": "string", "value": "[{{expression.Replace("{0}", others.Image("hidden"), StringComparison.Ordinal)}}]" } } }""";
            var accepted = await arm.SendAsync(HttpMethod.Put, mine.Path(), ArmHttp.Text($$"""{"properties": {"mode": "Incremental", template: {{output}} } }"""));
            var ended = await arm.FinishAsync(accepted);
            Assert.Equal("Failed", ended.OperationStatus);
            Assert.DoesNotContain("CVE-2026-4242", ended.Text + (await arm.GetAsync(mine.Path())).Is(200).Text, StringComparison.Ordinal);
        }
    }
}
