using System.CommandLine;
using ControlPlane.Cli;
using Spectre.Console;

// cpctl: the control plane from a terminal. It knows addresses and verbs of the public API and nothing of its inside.
var root = new RootCommand("Control the ControlPlane: apply resources, provision racks, watch operations.");
Session.AddTo(root);
root.Add(LoginCommands.Login());
root.Add(LoginCommands.Logout());
root.Add(LoginCommands.Token());
root.Add(ApplyCommand.Create());
root.Add(ResourceCommands.Get());
root.Add(ResourceCommands.Delete());
root.Add(RackCommands.Create());
root.Add(WatchCommand.Create());
root.Add(OperationCommands.Create());
root.Add(MachineCommands.Create());
root.Add(FleetCommands.Create());
root.Add(PlacementCommands.Create());
root.Add(UsageCommand.Create());
root.Add(LoginCommands.Version());

// What a program reads is not broken to the width of a terminal.
if (Console.IsOutputRedirected)
    AnsiConsole.Profile.Width = short.MaxValue;

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
        await Console.Error.WriteLineAsync($"cpctl: {error.Message}");
    await Console.Error.WriteLineAsync("cpctl: --help shows what is known.");
    return ExitCode.Usage;
}

return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
