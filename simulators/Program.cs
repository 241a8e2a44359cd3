using System.Text.Json;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Wire;

SimulationOptions options;
try
{
    options = SimulationOptions.Parse(args);
}
catch (FormatException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    await Console.Error.WriteLineAsync(SimulationOptions.Usage);
    return 2;
}

await using var rack = await SimulatedRack.StartAsync(options);
var ready = JsonSerializer.Serialize(rack.Ready, Json.Compact);
if (options.ReadyFile is { } file)
{
    // Written beside and renamed, so that whoever waits for the file never reads half of it.
    await File.WriteAllTextAsync(file + ".tmp", ready);
    if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file + ".tmp", UnixFileMode.UserRead | UnixFileMode.UserWrite);
    File.Move(file + ".tmp", file, overwrite: true);
}
else
{
    await Console.Out.WriteLineAsync(ready);
}

await rack.WaitForShutdownAsync();
return 0;
