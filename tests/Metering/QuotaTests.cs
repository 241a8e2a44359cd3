using System.Text.Json.Nodes;
using ControlPlane.Tests.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Metering;

/// <summary>Places of a SKU family: taken with the resource, given back once. The machines' addresses lead nowhere, which costs them no place.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class QuotaTests(BareMetalWorld world)
{
    [Fact]
    public async Task Parallel_requests_over_the_limit_take_exactly_the_free_places()
    {
        await SetLimitAsync("contested", 5);
        var answers = await Task.WhenAll(Enumerable.Range(1, 14).Select(number => world.Arm.PutAsync(BareMetalWorld.MachinePath($"contested-{number}"), Machine("contested", number))));
        Assert.Equal(5, answers.Count(answer => answer.Status == 201));
        Assert.All(answers.Where(answer => answer.Status != 201), answer => Assert.True(answer is { Status: 409, ErrorCode: "QuotaExceeded" }, answer.ToString()));
        Assert.Equal((5, 5), await UsageAsync("contested"));

        // Asking again for what one has takes nothing more.
        var mine = answers.Index().First(answer => answer.Item.Status == 201).Index + 1;
        await world.FinishAsync(answers[mine - 1]);
        Assert.Equal(200, (await world.Arm.PutAsync(BareMetalWorld.MachinePath($"contested-{mine}"), Machine("contested", mine))).Status);
        Assert.Equal((5, 5), await UsageAsync("contested"));

        var places = answers.Index().Where(answer => answer.Item.Status == 201).Select(answer => BareMetalWorld.MachinePath($"contested-{answer.Index + 1}")).ToList();
        var deletions = await Task.WhenAll(places.Concat(places).Select(path => world.Arm.DeleteAsync(path)));
        await Task.WhenAll(deletions.Where(deletion => deletion.Status == 202).Select(deletion => world.FinishAsync(deletion)));
        Assert.Equal((0, 5), await UsageAsync("contested"));
    }

    [Fact]
    public async Task A_rack_takes_a_place_for_every_slot_and_its_machines_take_no_other()
    {
        await SetLimitAsync("racked", 4);
        var path = BareMetalWorld.RackPath("quota");
        await world.FinishAsync(await BareMetalWorld.SucceedAsync(world.Arm.PutAsync(path, Rack(3))));
        Assert.Equal((3, 4), await UsageAsync("racked"));
        Assert.Equal("QuotaExceeded", (await world.Arm.PutAsync(BareMetalWorld.RackPath("quota-two"), Rack(2, "other"))).ErrorCode);
        Assert.Equal("QuotaExceeded", (await world.Arm.PutAsync(path, Rack(5))).ErrorCode);
        Assert.Equal((3, 4), await UsageAsync("racked"));
        await world.FinishAsync(await BareMetalWorld.SucceedAsync(world.Arm.PutAsync(path, Rack(4))));
        Assert.Equal((4, 4), await UsageAsync("racked"));
        Assert.Equal("Succeeded", (await world.DeleteAsync(path)).OperationStatus);
        Assert.Equal((0, 4), await UsageAsync("racked"));
    }

    [Fact]
    public async Task A_request_that_is_refused_takes_no_place()
    {
        await SetLimitAsync("refused", 3);
        await world.FinishAsync(await BareMetalWorld.SucceedAsync(world.Arm.PutAsync(BareMetalWorld.MachinePath("refused-1"), Machine("refused", 201))));
        Assert.Equal(409, (await world.Arm.PutAsync(BareMetalWorld.MachinePath("refused-2"), Machine("refused", 201))).Status);
        Assert.Equal(400, (await world.Arm.PutAsync(BareMetalWorld.MachinePath("refused-3"), Place.Envelope(new() { ["skuFamily"] = "refused" }))).Status);
        Assert.Equal((1, 3), await UsageAsync("refused"));
    }

    private static string Quota(string family) => $"{ArmHttp.SubscriptionPath}/providers/ControlPlane.BareMetal/locations/westeurope/providers/Microsoft.Quota/quotas/{family}";

    private Task<ArmAnswer> SetLimitAsync(string family, int limit) =>
        BareMetalWorld.SucceedAsync(world.Arm.PutAsync(Quota(family), new JsonObject { ["properties"] = new JsonObject { ["limit"] = new JsonObject { ["limitObjectType"] = "LimitValue", ["value"] = limit } } }));

    private async Task<(int Used, int Limit)> UsageAsync(string family)
    {
        var usages = await BareMetalWorld.SucceedAsync(world.Arm.GetAsync($"{ArmHttp.SubscriptionPath}/providers/ControlPlane.BareMetal/locations/westeurope/usages"));
        var usage = usages.Json.GetProperty("value").EnumerateArray().Single(usage => usage.GetProperty("name").GetProperty("value").GetString() == family);
        return (usage.GetProperty("currentValue").GetInt32(), usage.GetProperty("limit").GetInt32());
    }

    private static JsonObject Machine(string family, int number)
    {
        var template = Template(family);
        template["bmc"]!["endpoint"] = $"https://192.0.2.{number}";
        return Place.Envelope(template);
    }

    private static JsonObject Rack(int slots, string network = "racked") => Place.Envelope(new()
    {
        ["slots"] = new JsonObject { ["first"] = 1, ["last"] = slots },
        ["bmcEndpoint"] = $"https://{network}-{{slot}}.bmc.invalid",
        ["machine"] = Template("racked"),
    });

    private static JsonObject Template(string family) => new()
    {
        ["bmc"] = new JsonObject { ["credentials"] = new JsonObject { ["userName"] = "admin", ["password"] = "unused" } },
        ["skuFamily"] = family,
    };
}
