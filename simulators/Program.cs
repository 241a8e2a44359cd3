using System.Text.Json;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Fleet;
using ControlPlane.Simulators.Wire;

try
{
    if (args.Contains("--clusters", StringComparer.Ordinal))
    {
        var options = FleetOptions.Parse(args);
        await using var fleet = await ClusterFleet.StartAsync(options);
        await TellAsync(fleet.Ready, options.ReadyFile);
        await fleet.WaitForShutdownAsync();
    }
    else
    {
        var options = SimulationOptions.Parse(args);
        await using var rack = await SimulatedRack.StartAsync(options);
        await TellAsync(rack.Ready, options.ReadyFile);
        await rack.WaitForShutdownAsync();
    }

    return 0;
}
catch (FormatException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    await Console.Error.WriteLineAsync(SimulationOptions.Usage);
    await Console.Error.WriteLineAsync(FleetOptions.Usage);
    return 2;
}

static async Task TellAsync<T>(T ready, string? file)
{
    var text = JsonSerializer.Serialize(ready, Json.Compact);
    if (file is null)
    {
        await Console.Out.WriteLineAsync(text);
        return;
    }

    // Written beside and renamed, so that whoever waits for the file never reads half of it.
    await File.WriteAllTextAsync(file + ".tmp", text);
    if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file + ".tmp", UnixFileMode.UserRead | UnixFileMode.UserWrite);
    File.Move(file + ".tmp", file, overwrite: true);
}
