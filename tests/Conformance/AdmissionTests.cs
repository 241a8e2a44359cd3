using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>What is refused because of other resources: references, claims on the outside world, quota. Machines have all three.</summary>
[Collection(ConformanceSuite.Name)]
public sealed class AdmissionTests(ConformanceFixture fixture)
{
    private const string Machines = "ControlPlane.BareMetal/bareMetalMachines";
    private const string Racks = "ControlPlane.BareMetal/racks";
    private const string Images = "ControlPlane.BareMetal/osImages";
    private const string Clusters = "Microsoft.Kubernetes/connectedClusters";

    [Fact]
    public async Task What_others_refer_to_cannot_be_deleted_until_they_are()
    {
        var (machine, image, cluster) = await ReferringMachineAsync();
        await machine.SettleAsync();
        foreach (var target in new[] { image, cluster })
            Assert.Contains(machine.Path, (await target.DeleteAsync()).Is(409, "ResourceInUse").Text, StringComparison.Ordinal);

        await machine.DeleteAsync();
        await machine.EndAsync(ProvisioningState.Succeeded);
        (await image.DeleteAsync()).Is(202);
        (await cluster.DeleteAsync()).Is(202);
    }

    [Fact]
    public async Task A_reference_and_the_deletion_of_what_it_names_never_both_succeed()
    {
        var pairs = new List<(Subject Machine, Subject Image, Subject Cluster)>();
        for (var n = 0; n < 40; n++)
            pairs.Add(await ReferringMachineAsync());
        foreach (var (machine, image, _) in pairs)
        {
            var answers = await Task.WhenAll(machine.PutAsync(), image.DeleteAsync());
            Assert.True((answers[0].Status, answers[1].Status) is (201, 409) or (400, 202) or (409, 202), $"{answers[0]}\n{answers[1]}");
        }
    }

    [Fact]
    public async Task A_reference_must_name_a_resource_of_its_type_that_is_there_to_stay()
    {
        var (machine, image, cluster) = await ReferringMachineAsync();
        foreach (var wrong in new[] { cluster.Path, image.Path + "-not", image.Path.Replace(ControlPlaneFixture.Subscription, Guid.NewGuid().ToString(), StringComparison.Ordinal), "", "/", "nonsense", "/subscriptions", new string('/', 5000) })
        {
            machine.Set("osImageId", wrong);
            Assert.Contains("properties.osImageId", (await machine.PutAsync()).Is(400).Targets);
        }

        machine.Set("osImageId", image.Path.ToUpperInvariant());
        await image.DeleteAsync();
        Assert.Contains("properties.osImageId", (await machine.PutAsync()).Is(400).Targets);
    }

    [Fact]
    public async Task A_fact_of_the_outside_world_is_claimed_once_and_free_again_after_the_deletion()
    {
        var (first, second) = (Subject.Frozen(fixture, Machines), Subject.Frozen(fixture, Machines));
        second.Set("bmc.endpoint", first.Properties["bmc"]!["endpoint"]!.GetValue<string>().ToUpperInvariant() + "/");
        await first.SettleAsync();
        Assert.Contains(first.Path, (await second.PutAsync()).Is(409, "ResourceAlreadyClaimed").Text, StringComparison.Ordinal);

        await first.DeleteAsync();
        (await second.PutAsync()).Is(409, "ResourceAlreadyClaimed");
        await first.EndAsync(ProvisioningState.Succeeded);
        (await second.PutAsync()).Is(201);
    }

    [Fact]
    public async Task Of_many_claims_at_once_one_wins()
    {
        var rivals = Enumerable.Range(0, 8).Select(_ => Subject.Frozen(fixture, Machines)).ToList();
        foreach (var rival in rivals)
            rival.Set("bmc.endpoint", rivals[0].Properties["bmc"]!["endpoint"]!.DeepClone());
        var answers = await Task.WhenAll(rivals.Select(rival => rival.PutAsync()));
        Assert.Single(answers, answer => answer.Status == 201);
        Assert.All(answers, answer => Assert.True(answer.Status is 201 or 409, answer.ToString()));
    }

    [Theory]
    [InlineData(Machines, "skuFamily")]
    [InlineData(Racks, "machine.skuFamily")]
    public async Task Over_the_quota_it_is_409_with_the_numbers_and_nothing_is_taken(string type, string property)
    {
        var family = $"f-{Guid.NewGuid():N}";
        await fixture.Frozen.Database.ExecuteAsync("""insert into quotas (subscription, location, family, "limit", used) values ($1, 'westeurope', $2, 1, 0)""", ControlPlaneFixture.Subscription, family);
        var (first, second) = (Subject.Frozen(fixture, type), Subject.Frozen(fixture, type));
        first.Set(property, family);
        second.Set(property, family.ToUpperInvariant());
        await first.SettleAsync();
        var refused = (await second.PutAsync()).Is(409, "QuotaExceeded");
        Assert.Contains(family, refused.Text, StringComparison.Ordinal);
        (await second.GetAsync()).Is(404);

        // A repeated PUT takes nothing more, and a refused one took nothing.
        (await first.PutAsync()).Is(200);
        Assert.Equal(1, await fixture.Frozen.Database.ScalarAsync("select used from quotas where family = $1", family));
    }

    [Fact]
    public async Task Of_many_that_want_the_last_place_one_gets_it()
    {
        var family = $"f-{Guid.NewGuid():N}";
        await fixture.Frozen.Database.ExecuteAsync("""insert into quotas (subscription, location, family, "limit", used) values ($1, 'westeurope', $2, 3, 0)""", ControlPlaneFixture.Subscription, family);
        var machines = Enumerable.Range(0, 10).Select(_ => Subject.Frozen(fixture, Machines)).ToList();
        foreach (var machine in machines)
            machine.Set("skuFamily", family);
        var answers = await Task.WhenAll(machines.Select(machine => machine.PutAsync()));
        Assert.Equal(3, answers.Count(answer => answer.Status == 201));
        Assert.All(answers.Where(answer => answer.Status != 201), answer => answer.Is(409, "QuotaExceeded"));
        Assert.Equal(3, await fixture.Frozen.Database.ScalarAsync("select used from quotas where family = $1", family));
    }

    [Fact]
    public async Task Everything_in_a_group_that_is_being_deleted_is_closed()
    {
        var group = $"closing-{Guid.NewGuid():N}";
        await ConformanceFixture.MakeGroupAsync(fixture.Frozen, group);
        var (old, newcomer) = (Subject.Frozen(fixture, Images, group), Subject.Frozen(fixture, Images, group));
        await old.SettleAsync();
        (await fixture.Frozen.Arm.DeleteAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{group}")).Is(202);
        (await newcomer.PutAsync()).Is(409, "ResourceGroupBeingDeleted");
        (await old.PutAsync()).Is(409, "ResourceGroupBeingDeleted");
        (await old.PatchAsync(new() { ["tags"] = new JsonObject() })).Is(409, "ResourceGroupBeingDeleted");
        (await old.GetAsync()).Is(200);
    }

    private async Task<(Subject Machine, Subject Image, Subject Cluster)> ReferringMachineAsync()
    {
        var (machine, image, cluster) = (Subject.Frozen(fixture, Machines), Subject.Frozen(fixture, Images), Subject.Frozen(fixture, Clusters));
        await image.SettleAsync();
        await cluster.SettleAsync();
        machine.Set("osImageId", image.Path);
        machine.Set("clusterId", $"/{cluster.Path.ToLowerInvariant()}/");
        return (machine, image, cluster);
    }
}
