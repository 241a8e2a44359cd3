using ControlPlane.Api.Arm;
using ControlPlane.Defaults;
using ControlPlane.Persistence;
using ControlPlane.Worker;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.Fleets;

namespace ControlPlane.Host;

/// <summary>The whole control plane in one process: front door, workers, and a bus in memory unless one is configured.</summary>
internal static class HostComposition
{
    /// <summary>Built but not started: the caller brings the store to its schema first (<see cref="FrontDoor.InitializeFrontDoorAsync"/>).</summary>
    public static WebApplication Build(WebApplicationBuilder builder)
    {
        builder.AddServiceDefaults("controlplane");
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddControlPlaneDb(builder.Configuration);
        builder.Services.AddBus(builder.Configuration, bus =>
        {
            bus.AddHints();
            bus.AddPlacementHints();
        });
        builder.AddFrontDoor();
        builder.AddWorker();
        var app = builder.Build();
        app.UseFrontDoor();
        return app;
    }
}
