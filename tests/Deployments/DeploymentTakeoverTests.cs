using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>A deployment whose process is killed goes on where it was.</summary>
public sealed class DeploymentTakeoverTests
{
    [Fact]
    public async Task A_deployment_survives_the_death_of_its_worker_and_writes_nothing_twice()
    {
        await using var stack = await ProcessStack.StartAsync(Composition.InMemory, workers: 0, settings: [("Operations:Lease", "00:00:02"), ("Operations:Sweep", "00:00:00.2")]);
        var arm = stack.Arm;
        var group = await arm.NewGroupAsync();
        var path = DeploymentWorld.Path(group, "resumed");
        (await arm.PutAsync(path, DeploymentWorld.Body($$"""
            { "resources": [
                {{DeploymentWorld.Image("[format('i{0}', copyIndex())]", """, "copy": { "name": "images", "count": 24, "mode": "Serial", "batchSize": 2 }""")}},
                {{Templates.Lock("[format('l{0}', copyIndex())]", """, "copy": { "name": "locks", "count": 24, "mode": "Serial", "batchSize": 2 }""")}}] }
            """))).Is(201);

        foreach (var last in (string[])["i3", "i9"])
        {
            await Eventually.Async(async () => (await arm.GetAsync(DeploymentWorld.ImagePath(group, last))).Status == 200, $"{last} is written");
            await stack.FrontDoor.KillAsync();
            await stack.StartFrontDoorAsync();
        }

        var ended = await Eventually.Async(() => arm.GetAsync(path), answer => answer.Status == 200 && answer.ProvisioningState is "Succeeded" or "Failed", "the deployment ends", TimeSpan.FromSeconds(90));

        Assert.Equal("Succeeded", ended.ProvisioningState);
        Assert.Equal(24L, await stack.Database.ScalarAsync("select count(*) from operations where resource_type = 'ControlPlane.BareMetal/osImages' and request = 'put'"));
        Assert.Equal(24L, await stack.Database.ScalarAsync("select count(*) from resources where type = 'Microsoft.Authorization/locks' and version = 1"));
        Assert.Equal(48L, await stack.Database.ScalarAsync("select count(*) from deployment_operations where state = 'Succeeded'"));
    }
}
