using System.CommandLine;
using System.Reflection;

namespace ControlPlane.Cli;

/// <summary>Who am I, and a token for other tools.</summary>
internal static class LoginCommands
{
    public static Command Login() => Session.Run(
        new Command("login", "Check that the credentials are good and show what they open."),
        async (client, _, cancel) =>
        {
            await client.TokenAsync(cancel);
            var subscription = await client.GetAsync(ResourceAddress.Versioned($"/subscriptions/{client.Connection.SubscriptionId}"), cancel);
            Console.WriteLine($"{client.Connection.Endpoint.GetLeftPart(UriPartial.Authority)}  subscription {client.Connection.SubscriptionId}  "
                + $"{subscription.Body.Text("displayName")}  as {client.Connection.ClientId}");
            return ExitCode.Ok;
        });

    public static Command Token() => Session.Run(
        new Command("token", "Print a bearer token."),
        async (client, _, cancel) =>
        {
            Console.WriteLine(await client.TokenAsync(cancel));
            return ExitCode.Ok;
        });

    public static Command Version()
    {
        var command = new Command("version", "Print the version.");
        command.SetAction(_ =>
        {
            var version = typeof(LoginCommands).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            Console.WriteLine($"cpctl {version}, api-version {ArmClient.ApiVersion}");
        });
        return command;
    }
}
