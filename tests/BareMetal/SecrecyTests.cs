using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>Secrets go in and never come out: not by the API, not in the log, not in the database.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class SecrecyTests(BareMetalWorld world)
{
    [Fact]
    public async Task No_secret_is_anywhere_after_everything_was_done_to_a_machine()
    {
        var places = await world.TakeAsync(3);
        using var log = new LogCapture();
        world.Plane.Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        var path = BareMetalWorld.MachinePath("secretive");
        var answers = new List<string>();

        // The attempt's token, as long as the machine hangs in POST.
        places[0].Suffers(Scenario.NeverBoots);
        var accepted = await world.Arm.PutAsync(path, places[0].Body());
        answers.Add(accepted.Text);
        await Eventually.Async(() => places[0].BootToken is not null && places[0].Machine.Power == PowerState.On, "the machine was told where to boot from");
        var doorToken = places[0].BootToken!;
        using (var anonymous = world.Arm.Anonymous())
        {
            answers.Add((await anonymous.SendRawAsync(HttpMethod.Post, $"/provision/{doorToken}/hello", ArmHttp.Text("{\"mac\":7}"))).Text);
            await anonymous.SendRawAsync(HttpMethod.Get, $"/provision/{doorToken}/nowhere");
        }

        places[0].Suffers(Scenario.None);
        MachinePower.Reset(places[0].Machine, "ForceRestart");
        answers.Add((await world.FinishAsync(accepted)).Text);
        var bootstrapToken = places[0].Machine.Disks[0].Installed!.Join!.Token;

        answers.Add((await world.ActAsync(path, "replace", new()
        {
            ["bmcEndpoint"] = places[1].Endpoint,
            ["bmcCredentials"] = new JsonObject { ["userName"] = places[1].Rack.Ready.UserName, ["password"] = BareMetalWorld.BmcPassword },
            ["safeguardMode"] = "None",
        })).Text);
        var mistyped = await world.PutMachineAsync("mistyped", places[2].Body(properties => properties["bmc"]!["credentials"]!["password"] = "planted-wrong-password-77"));
        Assert.Equal("BmcCredentialsRejected", mistyped.ErrorCode);
        answers.Add(mistyped.Text);
        answers.Add((await world.Arm.GetAsync(path)).Text);
        answers.Add((await world.Arm.GetAsync(BareMetalWorld.ClusterId("generic"))).Text);
        answers.Add((await world.Arm.GetAsync($"{BareMetalWorld.GroupPath}/resources")).Text);
        answers.Add((await world.DeleteAsync(path)).Text);

        var store = await DumpAsync();
        Assert.Contains("secretive", store, StringComparison.Ordinal);
        Assert.Contains(log.Lines, line => line.Contains("secretive", StringComparison.Ordinal));
        string[] secrets = [BareMetalWorld.BmcPassword, "planted-wrong-password-77", places[0].Rack.Ready.Cluster.Token, doorToken, bootstrapToken, bootstrapToken.Split('.')[1]];
        foreach (var secret in secrets)
        {
            Assert.DoesNotContain(answers, answer => answer.Contains(secret, StringComparison.OrdinalIgnoreCase));
            Assert.DoesNotContain(log.Lines, line => line.Contains(secret, StringComparison.OrdinalIgnoreCase));
            Assert.False(store.Contains(secret, StringComparison.OrdinalIgnoreCase) || store.Contains(Convert.ToHexStringLower(Encoding.UTF8.GetBytes(secret)), StringComparison.Ordinal), "a secret is in the database");
        }
    }

    /// <summary>Every row of every table as text; bytes as hexadecimal.</summary>
    private async Task<string> DumpAsync()
    {
        var tables = (string)(await world.Plane.Database.ScalarAsync("select string_agg(quote_ident(table_name), ',') from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"))!;
        var dump = new StringBuilder();
        foreach (var table in tables.Split(','))
            dump.AppendLine(await world.Plane.Database.ScalarAsync($"select string_agg(t::text, E'\\n') from {table} t") as string);
        return dump.ToString();
    }

    /// <summary>Every line that the host logs from now on, with its exception.</summary>
    private sealed class LogCapture : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
