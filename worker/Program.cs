using ControlPlane.Defaults;
using ControlPlane.Persistence;
using ControlPlane.Worker;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.Fleets;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("controlplane-worker");
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddControlPlaneDb(builder.Configuration);
builder.Services.AddBus(builder.Configuration, bus =>
{
    bus.AddHints();
    bus.AddPlacementHints();
});
builder.AddWorker();

var app = builder.Build();
app.MapServiceDefaults();
await Schema.MigrateAsync(app.Services, CancellationToken.None);
await app.RunAsync();
