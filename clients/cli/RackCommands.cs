using System.CommandLine;

namespace ControlPlane.Cli;

/// <summary>`rack provision`: one PUT, then the whole rack on the screen until each machine joined or failed.</summary>
internal static class RackCommands
{
    public static Command Create()
    {
        var files = ManifestOptions.Files();
        var provision = new Command("provision", "PUT a rack and watch its machines until the end.") { files };
        var variables = ManifestOptions.AddTo(provision);
        Session.Run(provision, async (client, parsed, cancel) =>
        {
            var manifests = ManifestOptions.Read(client.Connection, parsed, files, variables);
            if (manifests is not [{ } rack] || !ResourceAddress.IsOfType(rack.Id, ResourceAddress.Rack))
                throw new UsageException($"the file must hold one resource of type {ResourceAddress.Rack}");
            var accepted = await ApplyCommand.PutAsync(client, rack, cancel);
            return await new RackWatch(client, rack.Id, TimeProvider.System).RunAsync(accepted.Operation, cancel);
        });
        return new Command("rack", "Racks of machines.") { provision };
    }
}
