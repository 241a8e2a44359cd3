using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Clients;

/// <summary>Templates as people write them, with comments and over several lines, which az 2.45 sends as it finds them: its body is not JSON (see <c>JsonCTemplatePolicy</c> in its source).</summary>
[Collection(ClientSuite.Name)]
public sealed class AzureCliDeploymentTests(ClientWorld world)
{
    /// <summary>Two machines, and a third one after them.</summary>
    private const string Machines = """
        {
          // Comments are what people keep templates for.
          "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
          "contentVersion": "1.0.0.0",
          "parameters": {
            "bmcs": { "type": "array" },
            "tier": { "type": "string", "defaultValue": "gold", "allowedValues": [ "gold", "silver" ] }
          },
          "variables": { "type": "ControlPlane.BareMetal/bareMetalMachines" },
          "resources": [
            {
              "type": "ControlPlane.BareMetal/bareMetalMachines", "apiVersion": "2026-06-01",
              "name": "[format('m{0}', copyIndex(1))]",
              "location": "[resourceGroup().location]",
              "copy": { "name": "pair", "count": 2 },
              "properties": { "bmc": "[parameters('bmcs')[copyIndex()]]", "allowUncertifiedHardware": true, "nodeLabels": { "tier": "[parameters('tier')]" } }
            },
            {
              /* Once both are there. */
              "type": "ControlPlane.BareMetal/bareMetalMachines", "apiVersion": "2026-06-01",
              "name": "m3",
              "location": "[resourceGroup().location]",
              "dependsOn": [ "pair" ],
              "properties": { "bmc": "[parameters('bmcs')[2]]", "allowUncertifiedHardware": true }
            }
          ],
          "outputs": { "last": { "type": "string", "value": "[resourceId(variables('type'), 'm3')]" } }
        }
        """;

    /// <summary>A machine that nobody will ever reach.</summary>
    private const string Nobody = """
        {
          "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
          "contentVersion": "1.0.0.0",
          "resources": [
            {
              "type": "ControlPlane.BareMetal/bareMetalMachines", "apiVersion": "2026-06-01", "name": "nobody", "location": "westeurope",
              "properties": { "bmc": { "endpoint": "https://127.0.0.1:9", "credentials": { "userName": "admin", "password": "none" } } }
            }
          ]
        }
        """;

    /// <summary>A group, at the scope of the subscription.</summary>
    private const string Group = """
        {
          "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
          "contentVersion": "1.0.0.0",
          "resources": [
            { "type": "Microsoft.Resources/resourceGroups", "apiVersion": "2022-09-01", "name": "az-from-template", "location": "[deployment().location]", "tags": { "made": "by template" } }
          ]
        }
        """;

    [Fact]
    public async Task A_template_is_validated_foreseen_deployed_and_looked_up()
    {
        var az = await world.AzureAsync();
        await az.RunAsync("group create -n az-deploy -l westeurope");
        var source = $"-g az-deploy -f {world.Write("az-machines.json", Machines)} -p @{Parameters()}";

        Assert.Equal("Succeeded", State(await az.RunAsync($"deployment group validate {source}")));
        Assert.Equal(["Create", "Create", "Create"], Texts(await az.RunAsync($"deployment group what-if {source} --no-pretty-print --query changes[].changeType")));

        var done = await az.RunAsync($"deployment group create -n site {source}");
        Assert.Equal("Succeeded", State(done));
        Assert.Equal($"{ArmHttp.SubscriptionPath}/resourceGroups/az-deploy/providers/ControlPlane.BareMetal/bareMetalMachines/m3", done.GetProperty("properties").GetProperty("outputs").GetProperty("last").GetProperty("value").GetString());
        Assert.Equal(["m1", "m2", "m3"], Texts(await az.RunAsync("resource list -g az-deploy --query sort([].name)")));
        Assert.Equal(["site"], Texts(await az.RunAsync("deployment group list -g az-deploy --query [].name")));
        Assert.Equal("Succeeded", State(await az.RunAsync("deployment group show -g az-deploy -n site")));
        Assert.Equal(["m1", "m2", "m3"], Texts(await az.RunAsync("deployment operation group list -g az-deploy -n site --query sort([].properties.targetResource.resourceName)")));
        Assert.Contains("InvalidTemplate", await az.RefuseAsync($"deployment group create -n broken {source.Replace("az-machines", "az-broken", StringComparison.Ordinal)}"), StringComparison.Ordinal);

        await az.RunAsync("group delete -n az-deploy --yes");
    }

    [Fact]
    public async Task A_deployment_is_canceled_and_a_subscription_gets_a_group_from_a_template()
    {
        var az = await world.AzureAsync();
        await az.RunAsync("group create -n az-cancel -l westeurope");
        await az.RunAsync($"deployment group create -g az-cancel -n slow -f {world.Write("az-nobody.json", Nobody)} --no-wait");
        await az.RunAsync("deployment group cancel -g az-cancel -n slow");
        await az.RunAsync("""deployment group wait -g az-cancel -n slow --custom "properties.provisioningState=='Canceled'" --interval 1 --timeout 60""");
        await az.RunAsync("group delete -n az-cancel --yes");

        Assert.Equal("Succeeded", State(await az.RunAsync($"deployment sub create -l westeurope -n group -f {world.Write("az-group.json", Group)}")));
        Assert.Equal("by template", (await az.RunAsync("group show -n az-from-template --query tags.made")).GetString());
        await az.RunAsync("group delete -n az-from-template --yes");
    }

    /// <summary>And, beside it, the template of a cycle.</summary>
    private string Parameters()
    {
        world.Write("az-broken.json", Machines.Replace("\"copy\": {", "\"dependsOn\": [ \"m3\" ], \"copy\": {", StringComparison.Ordinal));
        var bmcs = new JsonArray([.. Enumerable.Range(0, 3).Select(_ => world.Machine()["properties"]!["bmc"]!.DeepClone())]);
        return world.Write("az-parameters.json", new JsonObject { ["parameters"] = new JsonObject { ["bmcs"] = new JsonObject { ["value"] = bmcs } } }.ToJsonString());
    }

    private static string? State(JsonElement deployment) => deployment.GetProperty("properties").GetProperty("provisioningState").GetString();

    private static string?[] Texts(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetString())];
}
