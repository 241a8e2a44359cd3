using ControlPlane.Api.Arm;
using ControlPlane.Defaults;
using ControlPlane.Persistence;
using ControlPlane.Worker;
using ControlPlane.Worker.Arm;
using MassTransit;

// The whole control plane in one process: the embedded default, and what tests start.
var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("controlplane");
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddControlPlaneDb(builder.Configuration);
builder.Services.AddBus(builder.Configuration, bus => bus.AddConsumer<OperationDueConsumer>());
builder.AddFrontDoor();
builder.AddWorker();

var app = builder.Build();
app.UseFrontDoor();
await app.InitializeFrontDoorAsync(CancellationToken.None);
await app.RunAsync();
