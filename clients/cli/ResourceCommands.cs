using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace ControlPlane.Cli;

/// <summary>`get` and `delete`, for every type alike.</summary>
internal static class ResourceCommands
{
    public static Option<string?> GroupOption() => new("--resource-group", "-g") { Description = "Resource group." };

    public static Command Get()
    {
        var type = new Argument<string>("type") { Description = "machine, rack, image, cluster, group, Namespace/type, or a resource id." };
        var name = new Argument<string?>("name") { Description = "One resource; without it, a list.", Arity = ArgumentArity.ZeroOrOne };
        var group = GroupOption();
        var output = new Option<string>("--output", "-o") { Description = "table or json.", DefaultValueFactory = _ => "table" };
        output.AcceptOnlyFromAmong("table", "json");
        return Session.Run(new Command("get", "Show one resource, or list them.") { type, name, group, output }, async (client, parsed, cancel) =>
        {
            var word = parsed.GetValue(type)!;
            if (ResourceAddress.IsId(word) || parsed.GetValue(name) is not null)
            {
                var one = await client.GetAsync(ResourceAddress.Versioned(IdOf(client, word, parsed.GetValue(name), parsed.GetValue(group))), cancel);
                Console.WriteLine(one.Body?.ToJsonString(JsonReading.Indented));
                return ExitCode.Ok;
            }

            var address = ResourceAddress.List(client.Connection.SubscriptionId, parsed.GetValue(group), ResourceAddress.TypeOf(word));
            var items = await client.ListAsync(ResourceAddress.Versioned(address), cancel).ToListAsync(cancel);
            if (parsed.GetValue(output) is "json")
                Console.WriteLine(new JsonArray([.. items.Select(item => item.DeepClone())]).ToJsonString(JsonReading.Indented));
            else
                WriteTable(items);
            return ExitCode.Ok;
        });
    }

    public static Command Delete()
    {
        var type = new Argument<string>("type") { Description = "Type or resource id, as for get." };
        var name = new Argument<string?>("name") { Arity = ArgumentArity.ZeroOrOne };
        var group = GroupOption();
        var wait = new Option<bool>("--wait") { Description = "Wait until it is gone." };
        return Session.Run(new Command("delete", "Delete a resource.") { type, name, group, wait }, async (client, parsed, cancel) =>
        {
            var id = IdOf(client, parsed.GetValue(type)!, parsed.GetValue(name), parsed.GetValue(group));
            var accepted = await client.SendAsync(HttpMethod.Delete, ResourceAddress.Versioned(id), null, cancel);
            var shown = string.Join('/', id.Split('/')[^2..]);
            Console.WriteLine($"{shown} {(accepted.Status == HttpStatusCode.NoContent ? "was not there" : accepted.Status == HttpStatusCode.Accepted ? "is being deleted" : "deleted")}");
            if (!parsed.GetValue(wait) || accepted.Status != HttpStatusCode.Accepted)
                return ExitCode.Ok;
            return await Following.ToTheEndAsync(client, accepted, shown, cancel) ? ExitCode.Ok : ExitCode.Failed;
        });
    }

    /// <summary>From an id, or from a type and a name.</summary>
    public static string IdOf(Client client, string typeOrId, string? name, string? group)
    {
        if (ResourceAddress.IsId(typeOrId))
            return typeOrId;
        return ResourceAddress.Id(client.Connection.SubscriptionId, group, ResourceAddress.TypeOf(typeOrId), name ?? throw new UsageException("which one? Give a name"));
    }

    private static void WriteTable(IReadOnlyList<JsonObject> items)
    {
        var table = new Table { Border = TableBorder.None };
        table.AddColumns("NAME", "GROUP", "LOCATION", "STATE", "STATUS");
        foreach (var item in items)
        {
            table.AddRow(
                Cell(item, "name"), Markup.Escape(GroupOf(item.Text("id"))), Cell(item, "location"),
                Cell(item, "properties", "provisioningState"), Cell(item, "properties", "detailedStatus"));
        }

        AnsiConsole.Write(table);
    }

    private static string Cell(JsonObject item, params ReadOnlySpan<string> path) => Markup.Escape(item.Text(path) ?? "");

    private static string GroupOf(string? id)
    {
        var segments = id?.Split('/') ?? [];
        return segments.Length > 5 && segments[3].Equals("resourceGroups", StringComparison.OrdinalIgnoreCase) ? segments[4] : "";
    }
}
