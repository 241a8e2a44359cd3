using System.Diagnostics;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>Alone: seconds count here, and a process is killed.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class DeploymentsAlone
{
    public const string Name = "Deployments alone";
}

/// <summary>Many resources, and a host that dies among them.</summary>
[Collection(DeploymentsAlone.Name)]
public sealed class DeploymentScaleTests
{
    private const int Many = 200;

    private static string Images(int count) => $$"""{ "resources": [{{DeploymentWorld.ImageResource("[format('image-{0}', copyIndex())]", around: $$""", "copy": { "name": "images", "count": {{count}} }""")}}] }""";

    [Fact]
    public async Task Two_hundred_resources_are_compared_and_deployed()
    {
        await using var plane = await ControlPlaneFixture.StartAsync();
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        await world.ChangesAsync(Images(10));

        var comparing = Stopwatch.StartNew();
        Assert.Equal(Many, (await world.ChangesAsync(Images(Many))).Count(change => change.StartsWith("Create", StringComparison.Ordinal)));
        comparing.Stop();
        var deploying = Stopwatch.StartNew();
        await world.DeployAsync(Images(Many));
        deploying.Stop();

        TestContext.Current.TestOutputHelper?.WriteLine($"Compared in {comparing.Elapsed}, deployed in {deploying.Elapsed}.");
        Assert.All(await world.ChangesAsync(Images(Many)), change => Assert.StartsWith("NoChange", change, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_host_that_is_killed_again_and_again_does_no_resource_twice()
    {
        await using var stack = await ProcessStack.StartAsync(Composition.InMemory, workers: 0, settings: [("Operations:Lease", "00:00:02"), ("Operations:Sweep", "00:00:00.2"), ("Locations:1", "westus")]);
        var world = await DeploymentWorld.InNewGroupAsync(stack.Arm);
        var locks = """{ "type": "Microsoft.Authorization/locks", "apiVersion": "2020-05-01", "name": "[format('l{0}', copyIndex())]", "copy": { "name": "locks", "count": 20 }, "dependsOn": ["images"], "properties": { "level": "CanNotDelete" } }""";
        var accepted = (await world.PutAsync(Images(60).Replace("}] }", $"}}, {locks}] }}", StringComparison.Ordinal))).Is(201);
        foreach (var written in new[] { 3, 20, 62 })
        {
            await Eventually.Async(async () => (long)(await stack.Database.ScalarAsync("select count(*) from deployment_operations"))! >= written, $"{written} resources are under way");
            await stack.KillAsync(stack.FrontDoor);
            await stack.StartFrontDoorAsync();
        }

        var ended = await Eventually.Async(async () => (await stack.Arm.GetAsync(world.Path())).Is(200), answer => answer.ProvisioningState is "Succeeded" or "Failed" or "Canceled", "the deployment ends", TimeSpan.FromSeconds(90));

        Assert.True(ended.ProvisioningState == "Succeeded", $"{ended} {accepted}");
        Assert.Equal(60L, await stack.Database.ScalarAsync("select count(*) from operations where resource_type = 'ControlPlane.BareMetal/osImages'"));
        Assert.Equal(60L, await stack.Database.ScalarAsync("select count(*) from activities where action = 'ControlPlane.BareMetal/osImages/write' and status = 'Accepted'"));
        Assert.Equal(20L, await stack.Database.ScalarAsync("select count(*) from activities where action = 'Microsoft.Authorization/locks/write'"));
        Assert.Equal(80L, await stack.Database.ScalarAsync("select count(*) from deployment_operations where state = 'Succeeded'"));
        Assert.Equal(0L, await stack.Database.ScalarAsync("select count(*) from operations where ended_at is null"));
    }
}
