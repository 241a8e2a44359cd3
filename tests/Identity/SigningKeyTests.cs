using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using ControlPlane.Api.Identity;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>Keys are made once, shared by every replica, rotated without a gap, and never lie open.</summary>
public sealed class SigningKeyTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await TestDatabase.CreateAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task Replicas_that_start_together_make_one_key_and_accept_each_others_tokens()
    {
        var replicas = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => IdentityHost.StartAsync(database, time)));
        try
        {
            var published = await Task.WhenAll(replicas.Select(replica => replica.PublishedKidsAsync()));
            Assert.All(published, kids => Assert.Equal(published[0], kids));
            Assert.Single(published[0]);

            var token = await replicas[0].TokenAsync();
            foreach (var replica in replicas)
            {
                using var response = await replica.CallAsync(token);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            }
        }
        finally
        {
            foreach (var replica in replicas)
                await replica.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_key_outlives_the_process()
    {
        string token;
        await using (var first = await IdentityHost.StartAsync(database, time))
            token = await first.TokenAsync();

        await using var second = await IdentityHost.StartAsync(database, time);
        using var response = await second.CallAsync(token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task The_next_key_is_published_before_it_signs_and_the_last_one_until_its_tokens_have_expired()
    {
        await using var host = await IdentityHost.StartAsync(database, time);
        await using var sleepy = await IdentityHost.StartAsync(database, time);
        var first = Assert.Single(await host.PublishedKidsAsync());

        time.Advance(TimeSpan.FromDays(29));
        await host.ReloadKeysAsync();
        var both = await host.PublishedKidsAsync();
        Assert.Equal(2, both.Length);
        var second = both.Single(kid => kid != first);
        Assert.Equal(first, IdentityClient.Kid(await host.TokenAsync()));

        time.Advance(TimeSpan.FromDays(1) - TimeSpan.FromSeconds(1));
        var lastOfFirst = await host.TokenAsync();
        Assert.Equal(first, IdentityClient.Kid(lastOfFirst));

        time.Advance(TimeSpan.FromSeconds(1));
        var firstOfSecond = await host.TokenAsync();
        Assert.Equal(second, IdentityClient.Kid(firstOfSecond));

        // A replica that has read no keys since learns the new one from the token.
        using var unknown = await sleepy.CallAsync(firstOfSecond);
        Assert.Equal(HttpStatusCode.OK, unknown.StatusCode);

        time.Advance(TimeSpan.FromMinutes(59));
        await host.ReloadKeysAsync();
        using var still = await host.CallAsync(lastOfFirst);
        Assert.Equal(HttpStatusCode.OK, still.StatusCode);
        Assert.Equal(2, (await host.PublishedKidsAsync()).Length);

        time.Advance(TimeSpan.FromMinutes(11));
        await host.ReloadKeysAsync();
        Assert.Equal([second], await host.PublishedKidsAsync());
    }

    [Fact]
    public async Task A_flood_of_made_up_key_ids_costs_the_database_one_look_in_ten_seconds()
    {
        await using var host = await IdentityHost.StartAsync(database, time);
        var loads = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == "controlplane.identity.signing_key_loads" && ReferenceEquals(instrument.Meter.Scope, host.Services.GetRequiredService<IMeterFactory>()))
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => Interlocked.Increment(ref loads));
        listener.Start();

        for (var round = 1; round <= 2; round++)
        {
            var codes = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => StatusAsync(host, Guid.NewGuid().ToString())));
            Assert.All(codes, code => Assert.Equal(HttpStatusCode.Unauthorized, code));
            for (var flood = 0; flood < 10_000; flood++)
                Assert.IsType<Verdict.Refused>(await host.Services.GetRequiredService<TokenValidator>().ValidateAsync(WithKid($"{flood}"), CancellationToken.None));
            Assert.Equal(round, loads);
            time.Advance(TimeSpan.FromSeconds(10));
        }
    }

    [Fact]
    public async Task Neither_a_secret_nor_a_private_key_stands_in_the_database()
    {
        await using var host = await IdentityHost.StartAsync(database, time);
        await host.TokenAsync();
        var dump = await DumpAsync();
        var key = host.Services.GetRequiredService<SigningKeys>().Signer();
        Assert.Contains(key.Kid, dump, StringComparison.Ordinal);
        Assert.Contains(IdentityHost.ClientId, dump, StringComparison.Ordinal);

        Assert.DoesNotContain(IdentityHost.Secret, dump, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE KEY", dump, StringComparison.Ordinal);
        foreach (var part in new[] { key.Key.Parameters.D!, key.Key.Parameters.P!, key.Key.Parameters.Q! })
        {
            // Two bytes off either end, because base64 of a longer text is cut elsewhere.
            Assert.DoesNotContain(Convert.ToHexStringLower(part), dump, StringComparison.Ordinal);
            for (var start = 0; start < 3; start++)
                Assert.DoesNotContain(Convert.ToBase64String(part.AsSpan(start, 60)), dump, StringComparison.Ordinal);
        }
    }

    private async Task<string> DumpAsync()
    {
        var address = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        var start = new ProcessStartInfo("pg_dump") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in new[] { "-h", address.Host!, "-p", $"{address.Port}", "-U", address.Username!, "-d", address.Database! })
            start.ArgumentList.Add(argument);
        start.Environment["PGPASSWORD"] = address.Password ?? "";
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var dump = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        return dump;
    }

    private static async Task<HttpStatusCode> StatusAsync(IdentityHost host, string kid)
    {
        using var response = await host.CallAsync(WithKid(kid));
        return response.StatusCode;
    }

    private static string WithKid(string kid) =>
        $"{Base64UrlEncoder.Encode($$"""{"alg":"RS256","typ":"at+jwt","kid":"{{kid}}"}""")}.{Base64UrlEncoder.Encode("""{"sub":"x"}""")}.c2lnbmF0dXJl";
}
