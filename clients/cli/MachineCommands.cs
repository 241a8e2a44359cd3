using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>`machine ACTION NAME`: the actions of one machine.</summary>
internal static class MachineCommands
{
    private static readonly (string Verb, string Action, string Description)[] Actions =
    [
        ("start", "start", "Power on."),
        ("power-off", "powerOff", "Power off."),
        ("restart", "restart", "Reset."),
        ("reimage", "reimage", "Wipe, write the image and join again."),
        ("cordon", "cordon", "No new pods on the node."),
        ("uncordon", "uncordon", "Pods may come again."),
        ("retry", "retry", "Try a failed provisioning again."),
        ("inspect", "inspect", "Read the hardware again."),
        ("replace", "replace", "The hardware in this slot is another one now."),
    ];

    public static Command Create()
    {
        var machine = new Command("machine", "Actions of a bare-metal machine.");
        foreach (var (verb, action, description) in Actions)
            machine.Add(Verb(verb, action, description));
        return machine;
    }

    private static Command Verb(string verb, string action, string description)
    {
        var name = new Argument<string>("name") { Description = "Machine name or resource id." };
        var group = ResourceCommands.GroupOption();
        var body = new Option<string?>("--body") { Description = "Parameters of the action, as JSON." };
        var noWait = new Option<bool>("--no-wait") { Description = "Return as soon as it is accepted." };
        return Session.Run(new Command(verb, description) { name, group, body, noWait }, async (client, parsed, cancel) =>
        {
            var given = parsed.GetValue(name)!;
            var id = ResourceAddress.IsId(given)
                ? given
                : ResourceAddress.Id(client.Connection.SubscriptionId, parsed.GetValue(group), ResourceAddress.Machine, given);
            var accepted = await client.SendAsync(HttpMethod.Post, ResourceAddress.Versioned($"{id}/{action}"), Parameters(parsed.GetValue(body)), cancel);
            if (parsed.GetValue(noWait))
                return ExitCode.Ok;
            return await Following.ToTheEndAsync(client, accepted, id.Split('/')[^1], cancel) ? ExitCode.Ok : ExitCode.Failed;
        });
    }

    private static JsonNode? Parameters(string? body)
    {
        try
        {
            return body is null ? null : JsonNode.Parse(body);
        }
        catch (JsonException e)
        {
            throw new UsageException($"--body is not JSON: {e.Message}");
        }
    }
}
