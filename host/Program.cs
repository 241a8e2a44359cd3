using ControlPlane.Api.Arm;
using ControlPlane.Host;

// The embedded default, and what tests start.
var app = HostComposition.Build(WebApplication.CreateBuilder(args));
await app.InitializeFrontDoorAsync(CancellationToken.None);
await app.RunAsync();
