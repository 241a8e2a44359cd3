using System.CommandLine;

namespace ControlPlane.Cli;

/// <summary>`operation show` and `operation cancel`.</summary>
internal static class OperationCommands
{
    public static Command Create()
    {
        var id = new Argument<string>("operation") { Description = "Address of its status, or its id (a GUID)." };
        var show = Session.Run(new Command("show", "Print an operation with its steps.") { id }, async (client, parsed, cancel) =>
        {
            var answer = await client.GetAsync(AddressOf(client, parsed.GetValue(id)!).ToString(), cancel);
            Console.WriteLine(answer.Body?.ToJsonString(JsonReading.Indented));
            return ExitCode.Ok;
        });
        var cancelled = Session.Run(new Command("cancel", "Ask an operation to stop at its next safe point.") { id }, async (client, parsed, cancel) =>
        {
            var address = new UriBuilder(AddressOf(client, parsed.GetValue(id)!));
            address.Path += "/cancel";
            await client.SendAsync(HttpMethod.Post, address.Uri.ToString(), null, cancel);
            Console.WriteLine("asked to cancel");
            return ExitCode.Ok;
        });
        return new Command("operation", "Long-running operations.") { show, cancelled };
    }

    /// <summary>The status address: as given, or made from the operation's id and the connection's location.</summary>
    public static Uri AddressOf(Client client, string operation)
    {
        if (Uri.TryCreate(operation, UriKind.Absolute, out var absolute) && absolute.Scheme is "https")
            return absolute;
        var path = ResourceAddress.IsId(operation)
            ? operation
            : Guid.TryParse(operation, out var id)
                ? $"/subscriptions/{client.Connection.SubscriptionId}/providers/ControlPlane.BareMetal/locations/{client.Connection.Location}/operationStatuses/{id}"
                : throw new UsageException($"'{operation}' is neither an address nor the id of an operation");
        return new Uri(client.Connection.Endpoint, path.Contains('?', StringComparison.Ordinal) ? path : ResourceAddress.Versioned(path));
    }
}
