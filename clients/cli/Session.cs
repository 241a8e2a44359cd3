using System.CommandLine;
using System.Net;

namespace ControlPlane.Cli;

/// <summary>The options every command has, and the one place where a command's end becomes an exit code.</summary>
internal static class Session
{
    private static readonly List<Option<string?>> Options =
    [
        Named("--endpoint", "Address of the control plane (CONTROLPLANE_ENDPOINT)."),
        Named("--ca", "PEM file of the only CA to trust (CONTROLPLANE_CA_FILE)."),
        Named("--tenant-id", "Tenant (CONTROLPLANE_TENANT_ID)."),
        Named("--client-id", "Client; its secret is read from CONTROLPLANE_CLIENT_SECRET, its platform's token from the file CONTROLPLANE_FEDERATED_TOKEN_FILE (CONTROLPLANE_CLIENT_ID)."),
        Named("--subscription", "Subscription (CONTROLPLANE_SUBSCRIPTION_ID)."),
        Named("--location", "Location of new resources and of operations (CONTROLPLANE_LOCATION)."),
    ];

    public static void AddTo(RootCommand root) => Options.ForEach(root.Add);

    /// <summary>Makes <paramref name="run"/> the command's action, with a client for the connection that the command line asks for.</summary>
    public static Command Run(Command command, Func<Client, ParseResult, CancellationToken, Task<int>> run) => Act(command, async (settings, parsed, cancel) =>
    {
        using var client = new Client(Connection.From(settings()), TimeProvider.System);
        return await run(client, parsed, cancel);
    });

    /// <summary>Makes <paramref name="run"/> the command's action, which asks for the settings when it needs them.</summary>
    public static Command Act(Command command, Func<Func<Settings>, ParseResult, CancellationToken, Task<int>> run)
    {
        command.SetAction((parsed, cancel) => GuardedAsync(() => run(() => new Settings(name => parsed.GetValue<string?>(name)), parsed, cancel)));
        return command;
    }

    private static async Task<int> GuardedAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (e is UsageException or ArmConfigurationException)
        {
            await Console.Error.WriteLineAsync($"cpctl: {e.Message}");
            return ExitCode.Usage;
        }
        catch (ArmException e)
        {
            await Console.Error.WriteLineAsync($"cpctl: {(int)e.Status} {Report.Describe(e.Status)}{(e.RequestId is null ? "" : $" (request {e.RequestId})")}");
            Report.Error(e.Error);
            return ExitCode.Failed;
        }
        catch (HttpRequestException e)
        {
            await Console.Error.WriteLineAsync($"cpctl: the control plane cannot be reached: {e.InnerException?.Message ?? e.Message}");
            return ExitCode.Failed;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("cpctl: stopped watching; what was accepted goes on.");
            return ExitCode.Interrupted;
        }
    }

    private static Option<string?> Named(string name, string description) => new(name) { Description = description, Recursive = true };
}

/// <summary>Words for people, on standard error; standard output is for what was asked for.</summary>
internal static class Report
{
    public static void Line(string text) => Console.Error.WriteLine(text);

    public static void Error(ArmError error)
    {
        foreach (var line in error.Lines(1))
            Console.Error.WriteLine(line);
    }

    public static string Describe(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized => "not authenticated",
        HttpStatusCode.Forbidden => "not allowed",
        HttpStatusCode.NotFound => "not found",
        HttpStatusCode.Conflict => "in conflict with the present state",
        HttpStatusCode.PreconditionFailed => "changed meanwhile",
        _ => "refused",
    };
}
