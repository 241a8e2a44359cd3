using System.Text.Json.Nodes;
using ControlPlane.Persistence;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Worker;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>Deadlines and leases are the database's: the clocks of the workers' machines do not matter.</summary>
public sealed class ClockTests
{
    [Theory]
    [InlineData(+26)]
    [InlineData(-26)]
    public async Task A_worker_whose_clock_is_a_day_off_ends_operations_as_any_other(int hours)
    {
        await using var plane = await ControlPlaneFixture.StartFrontDoorAsync();
        await using var worker = await StartWorkerAsync(plane, new WrongClock(TimeSpan.FromHours(hours)));
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/clocks";
        await plane.Arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" });
        var path = $"{group}/providers/ControlPlane.BareMetal/osImages/one";

        var status = await plane.Arm.FinishAsync(await plane.Arm.PutAsync(path, EngineTests.Image()));

        Assert.True(status.OperationStatus == "Succeeded", status.ToString());
        var step = status.Json.GetProperty("steps")[0];
        Assert.InRange(step.GetProperty("startTime").GetDateTimeOffset(), status.Json.GetProperty("startTime").GetDateTimeOffset(), status.Json.GetProperty("endTime").GetDateTimeOffset().AddSeconds(1));
    }

    private static async Task<WebApplication> StartWorkerAsync(ControlPlaneFixture plane, TimeProvider clock)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["ConnectionStrings:postgres"] = plane.Database.ConnectionString,
            ["Encryption:KeyFile"] = plane.Database.KeyFile,
            ["BareMetal:ManagementNetworks:0"] = "127.0.0.0/8",
            ["Provisioning:PublicUri"] = plane.Endpoint.GetLeftPart(UriPartial.Authority),
        });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(clock);
        builder.Services.AddControlPlaneDb(builder.Configuration);
        builder.AddWorker();
        var worker = builder.Build();
        await worker.StartAsync();
        return worker;
    }

    /// <summary>Its seconds are as long as anybody's, and it is wrong.</summary>
    private sealed class WrongClock(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
