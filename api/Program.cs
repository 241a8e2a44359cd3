using ControlPlane.Api.Arm;
using ControlPlane.Defaults;
using ControlPlane.Persistence;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults("controlplane-api");
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddControlPlaneDb(builder.Configuration);
builder.Services.AddBus(builder.Configuration);
builder.AddFrontDoor();

var app = builder.Build();
app.UseFrontDoor();
await app.InitializeFrontDoorAsync(CancellationToken.None);
await app.RunAsync();
