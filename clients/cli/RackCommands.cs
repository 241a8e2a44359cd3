using System.CommandLine;

namespace ControlPlane.Cli;

/// <summary>`rack provision` and `rack retry`: one request, then the whole rack on the screen until each machine joined or failed.</summary>
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
        return new Command("rack", "Racks of machines.") { provision, Retry() };
    }

    private static Command Retry()
    {
        var name = new Argument<string>("name") { Description = "Rack name or resource id." };
        var group = ResourceCommands.GroupOption();
        return Session.Run(new Command("retry", "Try the machines again that failed, and watch.") { name, group }, async (client, parsed, cancel) =>
        {
            var given = parsed.GetValue(name)!;
            var id = ResourceAddress.IsId(given) ? given : ResourceAddress.Id(client.Connection.SubscriptionId, parsed.GetValue(group), ResourceAddress.Rack, given);
            var accepted = await client.SendAsync(HttpMethod.Post, ResourceAddress.Versioned($"{id}/retry"), null, cancel);
            return await new RackWatch(client, id, TimeProvider.System).RunAsync(accepted.Operation, cancel);
        });
    }
}
