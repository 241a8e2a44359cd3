using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Clients;

/// <summary>What platform engineers type. Every line is a process of one or two seconds, so a test is a whole story.</summary>
[Collection(ClientSuite.Name)]
public sealed class AzureCliTests(ClientWorld world)
{
    private const string Machines = "ControlPlane.BareMetal/bareMetalMachines";
    private static readonly string Scope = ArmHttp.SubscriptionPath;

    [Fact]
    public async Task Groups_and_machines_are_managed_from_create_to_delete()
    {
        var az = await world.AzureAsync();
        var account = Assert.Single((await az.RunAsync("account list")).EnumerateArray());
        Assert.Equal((ControlPlaneFixture.Subscription, ControlPlaneFixture.Tenant, "Enabled"), (Text(account, "id"), Text(account, "tenantId"), Text(account, "state")));
        Assert.Equal(["westeurope", "westus"], Texts(await az.RunAsync("account list-locations --query [].name")));

        Assert.Equal("Succeeded", Text((await az.RunAsync("group create -n az-site -l westeurope --tags env=dev")).GetProperty("properties"), "provisioningState"));
        Assert.True((await az.RunAsync("group exists -n AZ-SITE")).GetBoolean());
        Assert.False((await az.RunAsync("group exists -n nobody")).GetBoolean());
        Assert.Equal("""{"env":"dev","owner":"edge"}""", Compact(await az.RunAsync("group update -n az-site --set tags.owner=edge --query tags")));
        Assert.Equal("az-site", Text(await az.RunAsync("group show -n az-site"), "name"));
        Assert.Contains("az-site", Texts(await az.RunAsync("group list --query [].name")));

        var machine = world.Machine();
        var (address, body) = ($"-g az-site -n m1 --resource-type {Machines}", world.Write("az-machine.json", machine.ToJsonString()));
        var created = await az.RunAsync($"resource create {address} --is-full-object -p @{body}");
        Assert.Equal("Succeeded", Text(created.GetProperty("properties"), "provisioningState"));
        Assert.DoesNotContain(Conformance.Samples.Secret, created.GetRawText(), StringComparison.Ordinal);
        Assert.Equal("""{"rack":"r1"}""", Compact(await az.RunAsync($"resource tag {address} --tags rack=r1 --query tags")));
        Assert.Equal("""{"tier":"gold"}""", Compact(await az.RunAsync($"resource update {address} --set properties.nodeLabels.tier=gold --query properties.nodeLabels")));
        Assert.Equal($"{Scope}/resourceGroups/az-site/providers/{Machines}/m1", Text(await az.RunAsync($"resource show {address}"), "id"));
        Assert.Equal(["m1"], Texts(await az.RunAsync("resource list -g az-site --query [].name")));
        Assert.Equal(["m1"], Texts(await az.RunAsync("resource list --tag rack=r1 --query [].name")));
        await az.RunAsync($"resource delete {address}");
        Assert.Contains("ResourceNotFound", await az.RefuseAsync($"resource show {address}"), StringComparison.Ordinal);

        await az.RunAsync("group delete -n az-site --yes");
        Assert.False((await az.RunAsync("group exists -n az-site")).GetBoolean());
    }

    [Fact]
    public async Task What_a_lock_protects_stays_until_the_lock_is_gone()
    {
        var az = await world.AzureAsync();
        await az.RunAsync("group create -n az-locked -l westeurope");

        var made = await az.RunAsync("""lock create -n keep -g az-locked --lock-type CanNotDelete --notes "in use" """);
        Assert.Equal(("CanNotDelete", "in use"), (Text(made, "level"), Text(made, "notes")));
        Assert.Contains("keep", Texts(await az.RunAsync("lock list --query [].name")));
        Assert.Equal(["keep"], Texts(await az.RunAsync("lock list -g az-locked --query [].name")));
        Assert.Contains("ScopeLocked", await az.RefuseAsync("group delete -n az-locked --yes"), StringComparison.Ordinal);
        await az.RunAsync("lock delete -n keep -g az-locked");

        await az.RunAsync("group delete -n az-locked --yes");
    }

    [Fact]
    public async Task Tags_and_providers_are_administered()
    {
        var az = await world.AzureAsync();
        await az.RunAsync("group create -n az-tags -l westeurope --tags env=dev");
        var group = $"{Scope}/resourceGroups/az-tags";

        Assert.Equal("""{"cost":"42"}""", Compact(await az.RunAsync($"tag create --resource-id {group} --tags cost=42 --query properties.tags")));
        Assert.Equal("""{"cost":"42","env":"prod"}""", Compact(await az.RunAsync($"tag update --resource-id {group} --operation Merge --tags env=prod --query properties.tags")));
        Assert.Equal("""{"cost":"42","env":"prod"}""", Compact(await az.RunAsync($"tag list --resource-id {group} --query properties.tags")));
        await az.RunAsync($"tag delete --resource-id {group} --yes");
        Assert.Equal("{}", Compact(await az.RunAsync("""group show -n az-tags --query "tags || `{}`" """)));

        await az.RunAsync("provider register -n ControlPlane.BareMetal --wait");
        var provider = await az.RunAsync("provider show -n ControlPlane.BareMetal");
        Assert.Equal("Registered", Text(provider, "registrationState"));
        Assert.Contains("bareMetalMachines", provider.GetProperty("resourceTypes").EnumerateArray().Select(type => Text(type, "resourceType")));
        Assert.Contains("Microsoft.Kubernetes", Texts(await az.RunAsync("provider list --query [].namespace")));
        await az.RunAsync("provider unregister -n Microsoft.Kubernetes");
        await az.RunAsync("provider register -n Microsoft.Kubernetes");
        await az.RunAsync("group delete -n az-tags --yes --no-wait");
    }

    [Fact]
    public async Task Roles_policies_the_graph_and_the_activity_log_are_read_and_written()
    {
        var az = await world.AzureAsync();
        await az.RunAsync("group create -n az-govern -l westeurope --tags env=dev");
        var group = $"{Scope}/resourceGroups/az-govern";

        const string Authorization = "api-version=2022-04-01";
        var reader = Text(await az.RunAsync($"""rest -m get -u "{Scope}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName eq 'Reader'&{Authorization}" --query value[0]"""), "id");
        var assignment = $"{group}/providers/Microsoft.Authorization/roleAssignments/3d6b1d0e-7c1b-4e0b-9a55-0f4f3f6c7b11?{Authorization}";
        var body = world.Write("az-role.json", Json(new { properties = new { roleDefinitionId = reader, principalId = "9e1a6f0c-6a51-4f6e-8a36-54c7d35c6f2d", principalType = "ServicePrincipal" } }));
        Assert.Equal(reader, Text((await az.RunAsync($"rest -m put -u {assignment} -b @{body}")).GetProperty("properties"), "roleDefinitionId"));
        await az.RunAsync($"rest -m delete -u {assignment}");

        var query = world.Write("az-query.json", Json(new { subscriptions = new[] { ControlPlaneFixture.Subscription }, query = "ResourceContainers | where name =~ 'az-govern' | project name, tags" }));
        var found = await az.RunAsync($"rest -m post -u /providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01 -b @{query} --query data[0]");
        Assert.Equal(("az-govern", "dev"), (Text(found, "name"), Text(found.GetProperty("tags"), "env")));

        var rules = world.Write("az-policy.json", """{"if":{"field":"location","equals":"westus"},"then":{"effect":"deny"}}""");
        Assert.Equal("az-no-west", Text(await az.RunAsync($"""policy definition create -n az-no-west --mode All --rules {rules} --display-name "Nothing in the west" """), "name"));
        Assert.Contains("az-no-west", Texts(await az.RunAsync("policy definition list --query [].name")));
        await az.RunAsync("policy assignment create -n az-no-west --policy az-no-west -g az-govern");
        Assert.Contains("az-no-west", Texts(await az.RunAsync("policy assignment list -g az-govern --query [].name")));
        var image = world.Write("az-image.json", Json(new { location = "westus", properties = new { version = "1", url = "https://127.0.0.1:1/x", sha256 = new string('a', 64), sizeBytes = 1 } }));
        Assert.Contains("RequestDisallowedByPolicy", await az.RefuseAsync($"resource create -g az-govern -n i --resource-type ControlPlane.BareMetal/osImages --is-full-object -p @{image}"), StringComparison.Ordinal);
        await az.RunAsync("policy assignment delete -n az-no-west -g az-govern");
        await az.RunAsync("policy definition delete -n az-no-west");

        var operations = Texts(await az.RunAsync("monitor activity-log list -g az-govern --offset 1h --query [].operationName.value"));
        Assert.Contains("Microsoft.Resources/subscriptions/resourceGroups/write", operations, StringComparer.OrdinalIgnoreCase);
        await az.RunAsync("group delete -n az-govern --yes");
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private static string?[] Texts(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetString())];

    /// <summary>With its properties in order, as az prints them.</summary>
    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element);

    private static string Json(object body) => JsonSerializer.Serialize(body);
}
