using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>Deployments through the front door, carried out by a worker.</summary>
public sealed class DeploymentTests(ControlPlaneFixture plane) : IClassFixture<ControlPlaneFixture>
{
    private ArmHttp Arm => plane.Arm;

    [Fact]
    public async Task A_template_becomes_resources_and_outputs()
    {
        var group = await Arm.NewGroupAsync();
        var body = DeploymentWorld.Body($$"""
            {
                "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
                "parameters": { "count": { "type": "int", "defaultValue": 2 }, "prefix": { "type": "string" } },
                "variables": { "name": "[concat(parameters('prefix'), '-image')]" },
                "resources": [
                    {{DeploymentWorld.Image("[format('{0}-{1}', variables('name'), copyIndex())]", """, "copy": { "name": "images", "count": "[parameters('count')]" }""")}},
                    {{DeploymentWorld.Image("never", """, "condition": false""")}},
                    {{DeploymentWorld.Image("last", """, "dependsOn": ["images", "never"], "tags": { "first": "[reference(concat(variables('name'), '-0')).provisioningState]" }""")}},
                    { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "nested", "dependsOn": ["last"], "properties": {
                        "mode": "Incremental", "expressionEvaluationOptions": { "scope": "inner" },
                        "parameters": { "version": { "value": "[reference('last').version]" } },
                        "template": { "parameters": { "version": { "type": "string" } }, "resources": [{{Templates.Lock("nested-lock")}}],
                            "outputs": { "version": { "type": "string", "value": "[concat('v', parameters('version'))]" } } } } }
                ],
                "outputs": {
                    "ids": { "type": "array", "copy": { "count": "[parameters('count')]", "input": "[resourceId('ControlPlane.BareMetal/osImages', format('{0}-{1}', variables('name'), copyIndex()))]" } },
                    "signature": { "type": "string", "value": "[reference('last').signatureStatus]" },
                    "nested": { "type": "string", "value": "[reference('nested').outputs.version.value]" },
                    "absent": { "type": "string", "condition": false, "value": "x" }
                }
            }
            """, """{ "prefix": { "value": "web" } }""");

        var deployed = await Arm.DeployAsync(group, "main", body);

        var properties = deployed.Json.GetProperty("properties");
        Assert.Equal("Succeeded", deployed.ProvisioningState);
        Assert.Equal("Unsigned", properties.GetProperty("outputs").GetProperty("signature").GetProperty("value").GetString());
        Assert.Equal("v24.04", properties.GetProperty("outputs").GetProperty("nested").GetProperty("value").GetString());
        Assert.Equal(2, properties.GetProperty("outputs").GetProperty("ids").GetProperty("value").GetArrayLength());
        Assert.False(properties.GetProperty("outputs").TryGetProperty("absent", out _));
        Assert.Equal("web", properties.GetProperty("parameters").GetProperty("prefix").GetProperty("value").GetString());
        Assert.False(properties.TryGetProperty("template", out _));
        Assert.False(properties.TryGetProperty("content", out _));
        foreach (var name in (string[])["correlationId", "timestamp", "duration", "templateHash", "providers", "dependencies", "outputResources", "mode"])
            Assert.True(properties.TryGetProperty(name, out _), $"{name} is missing: {deployed}");
        (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "web-image-1"))).Is(200);
        (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "never"))).Is(404);
        Assert.Equal("Succeeded", (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "last"))).Is(200).Json.GetProperty("tags").GetProperty("first").GetString());
        (await Arm.GetAsync($"{group}/providers/Microsoft.Authorization/locks/nested-lock?api-version=2020-05-01")).Is(200);

        foreach (var operations in (string[])[$"{DeploymentWorld.Path(group, "main")}/operations", $"{group.Replace("resourceGroups", "resourcegroups", StringComparison.Ordinal)}/deployments/main/operations"])
        {
            var listed = (await Arm.GetAsync(operations)).Is(200).Json.GetProperty("value");
            Assert.Equal(5, listed.GetArrayLength());
            Assert.All(listed.EnumerateArray(), one => Assert.Equal("Succeeded", one.GetProperty("properties").GetProperty("provisioningState").GetString()));
            (await Arm.GetAsync($"{operations}/{listed[0].GetProperty("operationId").GetString()}")).Is(200);
        }

        var exported = (await Arm.PostAsync($"{DeploymentWorld.Path(group, "main")}/exportTemplate")).Is(200).Json.GetProperty("template");
        Assert.Equal("1.0.0.0", exported.GetProperty("contentVersion").GetString());
        (await Arm.DeleteAsync($"{group}/providers/Microsoft.Authorization/locks/nested-lock?api-version=2020-05-01")).Is(200);
        var removed = (await Arm.DeleteAsync(DeploymentWorld.Path(group, "main"))).Is(202);
        Assert.Equal("Succeeded", (await Arm.FinishAsync(removed)).OperationStatus);
        Assert.Equal(404, (await Arm.HeadAsync(DeploymentWorld.Path(group, "main"))).Status);
    }

    [Fact]
    public async Task The_body_that_az_sends_is_no_JSON_and_is_read_all_the_same()
    {
        var group = await Arm.NewGroupAsync();
        var body = $$"""
            {"properties": {"parameters": {}, "mode": "Incremental", template:{
                // a comment
                "resources": [{{Templates.Lock("from-az")}},], /* and another */
                "outputs": { "text": { "type": "string", "value": "[concat('a',
                    'b')]" } },
            }}}
            """;

        Assert.Equal(200, (await Arm.SendAsync(HttpMethod.Post, $"{DeploymentWorld.Path(group, "az")}/validate", ArmHttp.Text(body))).Status);
        var accepted = (await Arm.SendAsync(HttpMethod.Put, DeploymentWorld.Path(group, "az"), ArmHttp.Text(body))).Is(201);
        Assert.Equal("Succeeded", (await Arm.FinishAsync(accepted)).OperationStatus);
        Assert.Equal("ab", (await Arm.GetAsync(DeploymentWorld.Path(group, "az"))).Json.GetProperty("properties").GetProperty("outputs").GetProperty("text").GetProperty("value").GetString());
    }

    [Fact]
    public async Task The_same_may_be_written_as_YAML()
    {
        var group = await Arm.NewGroupAsync();
        const string Yaml = """
            properties:
              mode: Incremental
              template:
                resources:
                  - &lock { type: Microsoft.Authorization/locks, apiVersion: "2020-05-01", name: from-yaml, properties: { level: CanNotDelete } }
                outputs:
                  id: { type: string, value: "[resourceId('Microsoft.Authorization/locks', 'from-yaml')]" }
            """;

        var accepted = (await Arm.SendAsync(HttpMethod.Put, DeploymentWorld.Path(group, "yaml"), ArmHttp.Text(Yaml, "application/yaml"))).Is(201);

        Assert.Equal("Succeeded", (await Arm.FinishAsync(accepted)).OperationStatus);
        (await Arm.GetAsync($"{group}/providers/Microsoft.Authorization/locks/from-yaml?api-version=2020-05-01")).Is(200);
    }

    [Fact]
    public async Task A_subscription_takes_deployments_that_make_groups()
    {
        var name = $"s-{Guid.NewGuid():N}";
        var body = DeploymentWorld.Body($$"""
            { "resources": [
                { "type": "Microsoft.Resources/resourceGroups", "apiVersion": "2021-04-01", "name": "{{name}}", "location": "[deployment().location]" },
                { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "inside", "resourceGroup": "{{name}}", "dependsOn": ["{{name}}"],
                  "properties": { "mode": "Incremental", "template": { "resources": [{{Templates.Lock("inside")}}] } } }] }
            """, more: """ "location": "westeurope", """);

        (await Arm.PutAsync(DeploymentWorld.Path(ArmHttp.SubscriptionPath, name), DeploymentWorld.Body("""{ "resources": [] }"""))).Is(400, "LocationRequired");
        await Arm.DeployAsync(ArmHttp.SubscriptionPath, name, body);

        (await Arm.GetAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{name}/providers/Microsoft.Authorization/locks/inside?api-version=2020-05-01")).Is(200);
    }

    [Fact]
    public async Task When_a_resource_fails_the_deployment_says_which_and_why_and_starts_nothing_more()
    {
        var group = await Arm.NewGroupAsync();
        var body = DeploymentWorld.Body($$"""
            { "resources": [{{DeploymentWorld.Image("bad", properties: $", \"signature\": \"{Convert.ToBase64String(new byte[64])}\"")}}, {{DeploymentWorld.Image("after", """, "dependsOn": ["bad"]""")}}] }
            """);

        var failed = await Arm.DeployAsync(group, "failing", body, "Failed");

        var error = failed.Json.GetProperty("properties").GetProperty("error");
        Assert.Equal("DeploymentFailed", error.GetProperty("code").GetString());
        Assert.Equal("ImageSignatureInvalid", error.GetProperty("details")[0].GetProperty("code").GetString());
        (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "after"))).Is(404);
        var operations = (await Arm.GetAsync($"{DeploymentWorld.Path(group, "failing")}/operations")).Is(200).Json.GetProperty("value");
        Assert.Equal("Failed", Assert.Single(operations.EnumerateArray()).GetProperty("properties").GetProperty("provisioningState").GetString());
    }

    [Fact]
    public async Task What_would_certainly_be_refused_is_refused_before_anything_is_written()
    {
        var group = await Arm.NewGroupAsync();
        var path = DeploymentWorld.Path(group, "refused");

        (await Arm.PutAsync(path, DeploymentWorld.Body($$"""{ "resources": [{{Templates.Lock("a", """, "dependsOn": ["b"]""")}}, {{Templates.Lock("b", """, "dependsOn": ["a"]""")}}] }"""))).Is(400, "InvalidTemplate");
        (await Arm.PutAsync(path, DeploymentWorld.Body($$"""{ "resources": [{{DeploymentWorld.Image("x", properties: ", \"colour\": 1")}}] }"""))).Is(400, "InvalidTemplateDeployment");
        (await Arm.PutAsync(path, DeploymentWorld.Body("""{ "resources": [{ "type": "No.Such/things", "apiVersion": "2020-01-01", "name": "x" }] }"""))).Is(400, "InvalidTemplateDeployment");
        (await Arm.PostAsync($"{path}/validate", DeploymentWorld.Body("""{ "resources": [{ "type": "A.B/c", "apiVersion": "1", "name": "[concta('x')]" }] }"""))).Is(400, "InvalidTemplate");
        (await Arm.PutAsync(path, JsonNode.Parse("""{ "properties": { "mode": "Incremental", "templateLink": { "uri": "https://example.org/t.json" }, "template": { "resources": [] } } }""")!)).Is(400, "DeploymentFeatureNotSupported");
        (await Arm.GetAsync(path)).Is(404);
    }

    [Fact]
    public async Task A_deployment_can_do_no_more_than_who_deploys()
    {
        var group = await Arm.NewGroupAsync();
        var (arm, principal) = await plane.NewPrincipalAsync();
        // Contributors write everything but roles and locks.
        await plane.AssignAsync(principal, "b24988ac-6180-42a0-ab88-20f7382dd24c", group);

        await arm.DeployAsync(group, "may", DeploymentWorld.Body($$"""{ "resources": [{{DeploymentWorld.Image("mine")}}] }"""));
        (await arm.PutAsync(DeploymentWorld.Path(group, "may-not"), DeploymentWorld.Body($$"""{ "resources": [{{Templates.Lock("forbidden")}}] }"""))).Is(403, "AuthorizationFailed");
        Assert.Equal(principal, (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "mine"))).Json.GetProperty("systemData").GetProperty("createdBy").GetString());
    }

    [Fact]
    public async Task A_canceled_deployment_starts_nothing_more()
    {
        var group = await Arm.NewGroupAsync();
        var path = DeploymentWorld.Path(group, "canceled");
        var accepted = (await Arm.PutAsync(path, DeploymentWorld.Body($$"""
            { "resources": [{{DeploymentWorld.Image("[format('i{0}', copyIndex())]", """, "copy": { "name": "all", "count": 200, "mode": "Serial", "batchSize": 1 }""")}}] }
            """))).Is(201);
        await Eventually.Async(async () => (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "i1"))).Status == 200, "the second image is written");

        (await Arm.PostAsync($"{path}/cancel")).Is(204);

        Assert.Equal("Canceled", (await Arm.FinishAsync(accepted)).OperationStatus);
        Assert.Equal("Canceled", (await Arm.GetAsync(path)).ProvisioningState);
        (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "i199"))).Is(404);
        (await Arm.PostAsync($"{path}/cancel")).Is(409);
    }

    [Fact]
    public async Task Mode_Complete_deletes_what_the_template_does_not_have()
    {
        var group = await Arm.NewGroupAsync();
        await Arm.DeployAsync(group, "first", DeploymentWorld.Body($$"""{ "resources": [{{DeploymentWorld.Image("keep")}}, {{DeploymentWorld.Image("drop")}}] }"""));

        await Arm.DeployAsync(group, "second", DeploymentWorld.Body($$"""{ "resources": [{{DeploymentWorld.Image("keep")}}, {{DeploymentWorld.Image("new")}}] }""", mode: "Complete"));

        (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "keep"))).Is(200);
        (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "new"))).Is(200);
        (await Arm.GetAsync(DeploymentWorld.ImagePath(group, "drop"))).Is(404);
        var operations = (await Arm.GetAsync($"{DeploymentWorld.Path(group, "second")}/operations")).Json.GetProperty("value");
        Assert.Contains(operations.EnumerateArray(), one => one.GetProperty("properties").GetProperty("provisioningOperation").GetString() == "Delete");
    }

    [Fact]
    public async Task Secure_values_are_nowhere_in_clear()
    {
        const string Secret = "hush-5f3a-hush";
        var group = await Arm.NewGroupAsync();
        var body = DeploymentWorld.Body($$"""
            { "parameters": { "password": { "type": "secureString" }, "object": { "type": "secureObject" } },
              "resources": [{ "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "nested", "properties": { "mode": "Incremental", "expressionEvaluationOptions": { "scope": "inner" },
                "parameters": { "inner": { "value": "[parameters('password')]" } },
                "template": { "parameters": { "inner": { "type": "secureString" } }, "resources": [{{Templates.Lock("l")}}], "outputs": { "o": { "type": "secureString", "value": "[parameters('inner')]" } } } } }],
              "outputs": { "shown": { "type": "secureString", "value": "[parameters('password')]" }, "length": { "type": "int", "value": "[length(parameters('object').key)]" } } }
            """, $$"""{ "password": { "value": "{{Secret}}" }, "object": { "value": { "key": "{{Secret}}" } } }""");

        var whatIf = (await Arm.PostAsync($"{DeploymentWorld.Path(group, "secret")}/whatIf", body)).Is(200);
        var deployed = await Arm.DeployAsync(group, "secret", body);

        var properties = deployed.Json.GetProperty("properties");
        Assert.Equal("SecureString", properties.GetProperty("parameters").GetProperty("password").GetProperty("type").GetString());
        Assert.False(properties.GetProperty("outputs").GetProperty("shown").TryGetProperty("value", out _));
        Assert.Equal(Secret.Length, properties.GetProperty("outputs").GetProperty("length").GetProperty("value").GetInt32());
        var operations = await Arm.GetAsync($"{DeploymentWorld.Path(group, "secret")}/operations");
        foreach (var answer in (ArmAnswer[])[whatIf, deployed, operations, await Arm.GetAsync(DeploymentWorld.Path(group, "nested"))])
            Assert.DoesNotContain(Secret, answer.Text, StringComparison.Ordinal);
        foreach (var table in (string[])["resources", "operations", "activities", "secrets", "deployment_operations"])
            Assert.Equal(0L, await plane.Database.ScalarAsync($"select count(*) from {table} t where t::text like '%hush-5f3a%'"));
        Assert.DoesNotContain(plane.Log.Errors, line => line.Contains(Secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_hundred_resources_are_compared_and_deployed_quickly()
    {
        var group = await Arm.NewGroupAsync();
        var body = DeploymentWorld.Body($$"""{ "resources": [{{DeploymentWorld.Image("[format('i{0}', copyIndex())]", """, "copy": { "name": "all", "count": 200 }""")}}] }""");
        var clock = System.Diagnostics.Stopwatch.StartNew();

        await Arm.DeployAsync(group, "big", body);
        var deployed = clock.Elapsed;
        clock.Restart();
        var changes = (await Arm.PostAsync($"{DeploymentWorld.Path(group, "big")}/whatIf", body)).Is(200).Json.GetProperty("properties").GetProperty("changes");
        TestContext.Current.SendDiagnosticMessage($"200 resources: deployed in {deployed.TotalSeconds:0.0} s, compared in {clock.Elapsed.TotalSeconds:0.00} s");

        Assert.Equal(200, changes.EnumerateArray().Count(change => change.GetProperty("changeType").GetString() == "NoChange"));
        Assert.True(deployed < TimeSpan.FromSeconds(60), $"deployed in {deployed}");
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"compared in {clock.Elapsed}");
    }
}
