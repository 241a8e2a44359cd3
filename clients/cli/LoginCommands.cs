using System.CommandLine;
using System.Reflection;

namespace ControlPlane.Cli;

/// <summary>Signing in and out, who I am, and a token for other tools.</summary>
internal static class LoginCommands
{
    /// <summary>What cpctl is registered as with every control plane: a public client, which has no secret.</summary>
    private const string CpctlClientId = "6d9c3c52-6f57-4d5e-9b54-2f3f6c1a7e01";

    public static Command Login()
    {
        var device = new Option<bool>("--device-code") { Description = "Sign in as a person, who confirms it in a browser anywhere." };
        return Session.Act(new Command("login", "Sign in as a person, or check that the credentials are good; show what they open.") { device }, async (settings, parsed, cancel) =>
        {
            if (parsed.GetValue(device))
                await SignInAsync(settings(), cancel);
            using var client = new Client(Connection.From(settings()), TimeProvider.System);
            var subscription = await client.GetAsync(ResourceAddress.Versioned($"/subscriptions/{client.Connection.SubscriptionId}"), cancel);
            Console.WriteLine($"{client.Connection.Endpoint.GetLeftPart(UriPartial.Authority)}  subscription {client.Connection.SubscriptionId}  "
                + $"{subscription.Body.Text("displayName")}  as {client.Connection.Caller}");
            return ExitCode.Ok;
        });
    }

    public static Command Logout() => Session.Act(new Command("logout", "Forget who signed in, and end what was granted."), async (_, _, cancel) =>
    {
        if (LoginFile.Read() is not { } login)
        {
            Report.Line("cpctl: nobody is signed in.");
            return ExitCode.Ok;
        }

        // Forgotten first: whether or not the control plane can be reached, nothing stays here.
        LoginFile.Delete();
        using var tokens = new TokenService(new Uri(login.Endpoint), login.TenantId, login.CaFile);
        await tokens.RevokeAsync(login.ClientId, login.RefreshToken, cancel);
        Console.WriteLine($"{login.UserName} is signed out of {login.Endpoint}");
        return ExitCode.Ok;
    });

    private static async Task SignInAsync(Settings settings, CancellationToken cancel)
    {
        var (endpoint, tenant) = (settings.Endpoint, settings.TenantId);
        using var tokens = new TokenService(endpoint, tenant, settings.CaFile);
        var answer = await tokens.SignInByDeviceAsync(CpctlClientId, code => Report.Line($"To sign in, open {code.VerificationUri} in a browser and enter the code {code.UserCode}"), cancel);
        var login = new Login
        {
            Endpoint = endpoint.ToString(),
            CaFile = settings.CaFile is { } ca ? Path.GetFullPath(ca) : null,
            TenantId = tenant,
            ClientId = CpctlClientId,
            UserName = Cli.Login.NameIn(answer.AccessToken),
            SubscriptionId = settings.SubscriptionId,
            AccessToken = answer.AccessToken,
            Until = answer.Until,
            RefreshToken = answer.RefreshToken ?? throw new ArmConfigurationException("the token service gave no refresh token"),
        };
        LoginFile.Write(login);
        if (login.SubscriptionId is not null)
            return;
        using var client = new ArmClient(endpoint, new LoginCredential(tenant), login.CaFile);
        if (await client.ListAsync("/subscriptions?api-version=2022-12-01", cancel).ToListAsync(cancel) is [var only])
            LoginFile.Write(login with { SubscriptionId = only.Text("subscriptionId") });
    }

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
