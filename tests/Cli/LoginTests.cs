using System.Net;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Sdk;
using ControlPlane.Tests.Fixtures;
using ControlPlane.Tests.Identity;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Xunit;
using ArmException = ControlPlane.Sdk.ArmException;

namespace ControlPlane.Tests.Cli;

/// <summary>A person with a terminal, a browser, and no secret of any application.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class LoginTests(ControlPlaneFixture plane) : IClassFixture<ControlPlaneFixture>, IAsyncLifetime
{
    private const string Password = "Analytical-Engine-1843";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("login-");
    private readonly string name = $"ada-{Guid.NewGuid():N}@plane.example";
    private string personId = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string LoginFile => Path.Combine(folder.FullName, "cpctl", "login.json");

    /// <summary>Nothing but where the person's configuration is.</summary>
    private Dictionary<string, string> Bare => new(StringComparer.Ordinal) { ["XDG_CONFIG_HOME"] = folder.FullName, ["CONTROLPLANE_RUN"] = Path.Combine(folder.FullName, "none.json") };

    /// <summary>Where the control plane is, which only the first command must be told.</summary>
    private string[] Where => ["--endpoint", plane.Endpoint.ToString(), "--ca", Path.Combine(folder.FullName, "ca.pem"), "--tenant-id", ControlPlaneFixture.Tenant];

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, "ca.pem"), ControlPlaneFixture.CaPem, Cancel);
        var person = (await plane.Arm.PostAsync("/v1.0/users", new JsonObject { ["displayName"] = "Ada", ["userPrincipalName"] = name, ["passwordProfile"] = new JsonObject { ["password"] = Password } })).Is(201).Json;
        personId = person.GetProperty("id").GetString()!;
        await plane.AssignAsync(personId, BuiltInRoles.Contributor, ArmHttp.SubscriptionPath);
    }

    public ValueTask DisposeAsync()
    {
        folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_person_signs_in_by_device_code_acts_as_themselves_and_signs_out()
    {
        var login = await LoginAsync("allow");
        Assert.Equal((0, ""), (login.ExitCode, login.Errors));
        Assert.Contains($"subscription {ControlPlaneFixture.Subscription}", login.Output, StringComparison.Ordinal);
        Assert.EndsWith($"as {name}", login.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(LoginFile));
        Assert.DoesNotContain(Password, await File.ReadAllTextAsync(LoginFile, Cancel), StringComparison.Ordinal);

        var group = $"by-{Guid.NewGuid():N}";
        Assert.Equal(0, (await Cpctl.RunAsync(Bare, $"type: group\nname: {group}\nlocation: westeurope\n", Cancel, "apply", "-f", "-")).ExitCode);
        Assert.Equal(personId, (await plane.Arm.GetAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{group}")).Is(200).Json.GetProperty("systemData").GetProperty("createdBy").GetString());
        Assert.Contains(group, (await Cpctl.RunAsync(Bare, null, Cancel, "get", "groups", "-o", "json")).Output, StringComparison.Ordinal);

        var last = await ReadAsync("refreshToken");
        var logout = await Cpctl.RunAsync(Bare, null, Cancel, "logout");
        Assert.Equal((0, ""), (logout.ExitCode, logout.Errors));
        Assert.False(File.Exists(LoginFile));
        Assert.Equal("invalid_grant", await RefusalAsync(last));
        var after = await Cpctl.RunAsync(Bare, null, Cancel, [.. Where, "--subscription", ControlPlaneFixture.Subscription, "get", "groups"]);
        Assert.Equal(2, after.ExitCode);
        Assert.Contains("nobody is signed in", after.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_login_is_renewed_unasked_by_one_process_at_a_time()
    {
        await LoginAsync("allow");
        var (token, refresh) = (await ReadAsync("accessToken"), await ReadAsync("refreshToken"));
        Assert.Equal(token, (await Cpctl.RunAsync(Bare, null, Cancel, "token")).Output.Trim());

        var kept = JsonNode.Parse(await File.ReadAllTextAsync(LoginFile, Cancel))!;
        kept["until"] = "2020-01-01T00:00:00Z";
        await File.WriteAllTextAsync(LoginFile, kept.ToJsonString(), Cancel);
        var runs = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Cpctl.RunAsync(Bare, null, Cancel, "token")));

        Assert.All(runs, run => Assert.Equal((0, ""), (run.ExitCode, run.Errors)));
        var renewed = Assert.Single(runs.Select(run => run.Output.Trim()).Distinct(StringComparer.Ordinal));
        Assert.NotEqual(token, renewed);
        Assert.Equal(personId, new JsonWebToken(renewed).GetClaim("oid").Value);
        Assert.NotEqual(refresh, await ReadAsync("refreshToken"));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(LoginFile));
    }

    [Fact]
    public async Task Denied_is_an_error_and_nothing_is_kept()
    {
        var login = await LoginAsync("deny");
        Assert.Equal(1, login.ExitCode);
        Assert.Contains("access_denied", login.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(LoginFile));
    }

    [Fact]
    public async Task A_login_that_others_can_read_is_not_used()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(LoginFile)!);
        await File.WriteAllTextAsync(LoginFile, "{}", Cancel);
        File.SetUnixFileMode(LoginFile, OwnerOnly | UnixFileMode.GroupRead);
        var run = await Cpctl.RunAsync(Bare, null, Cancel, [.. Where, "token"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("can be read by others", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_device_asks_no_more_often_than_it_may()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        var refusals = new Queue<string>(["authorization_pending", "slow_down", "authorization_pending"]);
        arm.Grant = (door, form) => door == "devicecode"
            ? Results.Json(new { device_code = "d", user_code = "1234", verification_uri = $"{arm.Endpoint}/device", interval = 2, expires_in = 600 })
            : refusals.TryDequeue(out var refusal) ? Results.Json(new { error = refusal, error_description = "wait" }, statusCode: 400)
            : Results.Json(new { access_token = $"for {form["device_code"]}", refresh_token = "r", expires_in = 3600 });
        var time = new InstantTime();
        using var tokens = new TokenService(new Uri(arm.Endpoint), "tenant", arm.CaFile, time);

        DeviceCode? shown = null;
        var answer = await tokens.SignInByDeviceAsync("client", code => shown = code, Cancel);

        Assert.Equal(("1234", "for d", "r"), (shown?.UserCode, answer.AccessToken, answer.RefreshToken));
        Assert.Equal([2, 2, 7, 7], time.Waits.Select(wait => (int)wait.TotalSeconds));
    }

    [Fact]
    public async Task A_workload_shows_the_token_of_its_platform_instead_of_a_secret()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        IFormCollection? asked = null;
        arm.Grant = (_, form) =>
        {
            asked = form;
            return Results.Json(new { access_token = "granted", expires_in = 3600 });
        };
        var file = Path.Combine(folder.FullName, "platform-token");
        await File.WriteAllTextAsync(file, "header.payload.signature\n", Cancel);

        var run = await Cpctl.RunAsync(new Dictionary<string, string>(Bare) { ["CONTROLPLANE_RUN"] = arm.RunFile, ["CONTROLPLANE_FEDERATED_TOKEN_FILE"] = file }, null, Cancel, "token");

        Assert.Equal((0, "granted"), (run.ExitCode, run.Output.Trim()));
        Assert.Equal(["client_credentials", "client", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "header.payload.signature", ""],
            new[] { "grant_type", "client_id", "client_assertion_type", "client_assertion", "client_secret" }.Select(name => asked![name].ToString()));
    }

    /// <summary>Starts to sign in, and does in a browser what the terminal asks for.</summary>
    private async Task<(int ExitCode, string Output, string Errors)> LoginAsync(string decision)
    {
        using var process = Cpctl.Start(Bare, [.. Where, "login", "--device-code"]);
        var asked = await process.StandardError.ReadLineAsync(Cancel) ?? "";
        var match = Asked().Match(asked);
        Assert.True(match.Success, asked);
        Assert.Equal($"{plane.Endpoint.GetLeftPart(UriPartial.Authority)}/device", match.Groups["page"].Value);
        using var client = LoopbackCertificate.Client(plane.Endpoint);
        var browser = new Browser(client, plane.Endpoint.GetLeftPart(UriPartial.Authority));
        var page = await browser.GetAsync($"/device?user_code={match.Groups["code"].Value}");
        (string, string)[] typed = [("username", name), ("password", Password)];
        Assert.Equal(HttpStatusCode.OK, (await browser.SubmitAsync(page, decision == "deny" ? [.. typed, ("decision", "deny")] : typed)).Status);
        return await Cpctl.EndAsync(process, Cancel);
    }

    private async Task<string> ReadAsync(string member) => JsonNode.Parse(await File.ReadAllTextAsync(LoginFile, Cancel))![member]!.GetValue<string>();

    private async Task<string?> RefusalAsync(string refreshToken)
    {
        using var tokens = new TokenService(plane.Endpoint, ControlPlaneFixture.Tenant, Path.Combine(folder.FullName, "ca.pem"));
        var refused = await Assert.ThrowsAsync<ArmException>(() => tokens.RequestAsync(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["grant_type"] = "refresh_token", ["client_id"] = Api.Identity.WellKnownClients.Cli, ["refresh_token"] = refreshToken }, Cancel));
        return refused.Error.Code;
    }

    [GeneratedRegex("open (?<page>\\S+) in a browser and enter the code (?<code>\\S+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Asked();

    /// <summary>A clock whose timers are due at once, and which remembers for how long they were set.</summary>
    private sealed class InstantTime : TimeProvider
    {
        public List<TimeSpan> Waits { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waits.Add(dueTime);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
