using System.CommandLine;

namespace ControlPlane.Cli;

/// <summary>`watch`: an operation, a rack, or any other resource, until it rests.</summary>
internal static class WatchCommand
{
    public static Command Create()
    {
        var target = new Argument<string>("target") { Description = "Resource id, operation address or operation id (a GUID)." };
        return Session.Run(new Command("watch", "Watch until nothing moves any more.") { target }, async (client, parsed, cancel) =>
        {
            var id = parsed.GetValue(target)!;
            if (ResourceAddress.IsId(id) && !ResourceAddress.IsOperation(id))
                return await ResourceAsync(client, id, cancel);
            var operation = new ArmResponse { Status = System.Net.HttpStatusCode.Accepted, Operation = OperationCommands.AddressOf(client, id) };
            return await Following.ToTheEndAsync(client, operation, "operation", cancel) ? ExitCode.Ok : ExitCode.Failed;
        });
    }

    private static async Task<int> ResourceAsync(Client client, string id, CancellationToken cancel)
    {
        if (ResourceAddress.IsOfType(id, ResourceAddress.Rack))
            return await new RackWatch(client, id, TimeProvider.System).RunAsync(null, cancel);
        var resource = await client.GetAsync(ResourceAddress.Versioned(id), cancel);
        return await Following.ToTheEndAsync(client, resource, resource.Body.Text("name") ?? id, cancel) ? ExitCode.Ok : ExitCode.Failed;
    }
}
