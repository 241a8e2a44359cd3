using System.Text.Json.Nodes;
using ControlPlane.Tests.Fixtures;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Arm;

/// <summary>PostgreSQL goes away and comes back.</summary>
public sealed class StoreOutageTests
{
    private const string Group = $"/subscriptions/{ControlPlaneFixture.Subscription}/resourceGroups/g";

    [Fact]
    public async Task While_the_store_is_gone_every_answer_is_503_with_Retry_After_and_afterwards_all_goes_on()
    {
        var server = new NpgsqlConnectionStringBuilder(Environment.GetEnvironmentVariable("TEST_POSTGRES"));
        await using var relay = new TcpRelay(server.Host!, server.Port);
        await using var plane = await ControlPlaneFixture.StartAsync(relay);
        var body = new JsonObject { ["location"] = "westeurope" };
        (await plane.Arm.PutAsync(Group, body)).Is(201);
        var image = $"{Group}/providers/ControlPlane.BareMetal/osImages/i";
        var created = await plane.Arm.PutAsync(image, Image());

        await relay.CutAsync();
        foreach (var answer in new[] { await plane.Arm.GetAsync(Group), await plane.Arm.PutAsync(Group, body), await plane.Arm.DeleteAsync(Group), await plane.Arm.GetAsync($"{Group}/resources"), await plane.Arm.SendRawAsync(HttpMethod.Get, created.Header("Azure-AsyncOperation")!) })
        {
            answer.Is(503, "ServiceUnavailable");
            Assert.True(int.Parse(answer.Header("Retry-After")!) >= 1);
        }

        Assert.Equal(503, (await plane.Arm.GetAsync("/readyz")).Status);
        Assert.Equal(200, (await plane.Arm.GetAsync("/healthz")).Status);

        relay.Mend();
        await Eventually.Async(() => plane.Arm.GetAsync("/readyz"), ready => ready.Status == 200, "the store is found again");
        Assert.Equal("Succeeded", (await plane.Arm.FinishAsync(created)).OperationStatus);
        (await plane.Arm.PutAsync(Group, body)).Is(200);
    }

    private static JsonObject Image() => new()
    {
        ["location"] = "westeurope",
        ["properties"] = new JsonObject { ["version"] = "1", ["url"] = "https://images.example/a.raw", ["sha256"] = new string('a', 64), ["sizeBytes"] = 1 },
    };
}
