using System.Diagnostics;
using System.Net;
using ControlPlane.Persistence.Identity;
using ControlPlane.Tests.Fixtures;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Identity;

/// <summary>Guessing at secrets is slow, whichever replica is asked and whether what is guessed at exists or not.</summary>
public sealed class ThrottleTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private TestDatabase database = null!;
    private IdentityHost host = null!;

    public async ValueTask InitializeAsync()
    {
        database = await TestDatabase.CreateAsync();
        host = await (await IdentityHost.StartAsync(database, time)).WithUserAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await database.DisposeAsync();
    }

    [Fact]
    public async Task Ten_wrong_secrets_lock_an_application_at_every_replica_and_each_further_one_for_twice_as_long()
    {
        await using var other = await IdentityHost.StartAsync(database, time);
        for (var guess = 0; guess < 10; guess++)
            Assert.Equal((401, 7000215), await AskAsync(guess % 2 == 0 ? host : other, $"guess {guess}"));

        foreach (var (wait, guess) in new[] { (30, "guess 11"), (60, "guess 12"), (120, null) })
        {
            foreach (var replica in new[] { host, other })
            {
                // The right secret is refused like a wrong one: a locked account cannot be probed.
                Assert.Equal((429, 50053), await AskAsync(replica, IdentityHost.Secret));
                Assert.Equal((429, 50053), await AskAsync(replica, "wrong"));
            }

            time.Advance(TimeSpan.FromSeconds(wait - 1));
            using var locked = await host.AskTokenAsync(host.ClientCredentials());
            Assert.Equal(TimeSpan.FromSeconds(1), locked.Headers.RetryAfter?.Delta);
            time.Advance(TimeSpan.FromSeconds(1));
            if (guess is not null)
                Assert.Equal((401, 7000215), await AskAsync(other, guess));
        }

        Assert.Equal((200, 0), await AskAsync(host, IdentityHost.Secret));
        for (var guess = 0; guess < 9; guess++)
            Assert.Equal((401, 7000215), await AskAsync(host, $"again {guess}"));
        Assert.Equal((200, 0), await AskAsync(host, IdentityHost.Secret));
    }

    [Fact]
    public async Task An_application_that_does_not_exist_is_locked_like_one_that_does()
    {
        var unknown = Guid.NewGuid().ToString();
        for (var guess = 0; guess < 10; guess++)
            Assert.Equal((400, 700016), await AskAsync(host, $"guess {guess}", unknown));
        Assert.Equal((429, 50053), await AskAsync(host, "x", unknown));
    }

    [Fact]
    public async Task A_person_is_locked_at_the_page_and_let_in_after_the_lock()
    {
        foreach (var name in new[] { IdentityHost.User, "nobody@plane.example" })
        {
            for (var guess = 0; guess < 10; guess++)
                Assert.Contains("The user name or the password is wrong.", (await SignInAsync(name, $"guess {guess}")).Html, StringComparison.Ordinal);
            Assert.Contains("too many wrong attempts. Try again in 30 seconds", (await SignInAsync(name, IdentityHost.Password)).Html, StringComparison.Ordinal);
        }

        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(HttpStatusCode.Redirect, (await SignInAsync(IdentityHost.User, IdentityHost.Password)).Status);
    }

    [Fact]
    public async Task An_address_that_guesses_at_many_accounts_is_locked_for_all_of_them()
    {
        await AskAsync(host, "x", Guid.NewGuid().ToString());
        Assert.Equal(1, await database.ExecuteAsync("update sign_in_failures set failures = 49 where key = 'address:127.0.0.1'"));
        Assert.Equal((401, 7000215), await AskAsync(host, "x"));
        Assert.Equal((429, 50053), await AskAsync(host, IdentityHost.Secret));
        Assert.Equal((429, 50053), await AskAsync(host, "x", Guid.NewGuid().ToString()));
    }

    [Fact]
    public async Task Nobody_can_lock_a_public_client_out()
    {
        for (var guess = 0; guess < 20; guess++)
            await AskAsync(host, $"guess {guess}", Api.Identity.WellKnownClients.AzureCli);
        var browser = new Browser(host);
        Assert.True((await browser.RedeemAsync((await browser.SignInAsync())["code"])).TryGetProperty("access_token", out _));
    }

    [Fact]
    public async Task What_is_forgotten_is_dropped_and_there_are_never_too_many()
    {
        await database.ExecuteAsync("insert into sign_in_failures (key, failures, last_at, locked_until) select 'user:' || n, 1, $1 + n * interval '1 second', $1 from generate_series(1, 30) n", time.GetUtcNow());
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await SignInFailures.PruneFailuresAsync(source, time.GetUtcNow(), most: 20, CancellationToken.None);
        Assert.Equal(20L, await database.ScalarAsync("select count(*) from sign_in_failures"));
        Assert.Equal(20L, await database.ScalarAsync("select count(*) from sign_in_failures where last_at > $1", time.GetUtcNow().AddSeconds(10)));
        await SignInFailures.PruneFailuresAsync(source, time.GetUtcNow().AddHours(2), most: 20, CancellationToken.None);
        Assert.Equal(0L, await database.ScalarAsync("select count(*) from sign_in_failures"));
    }

    [Fact]
    public async Task A_guess_at_what_exists_takes_no_longer_than_one_at_what_does_not()
    {
        var known = await MedianAsync(() => AskAsync(host, "wrong"));
        var unknown = await MedianAsync(() => AskAsync(host, "wrong", Guid.NewGuid().ToString()));
        Assert.InRange(known / unknown, 0.4, 2.5);

        async Task<double> MedianAsync(Func<Task> ask)
        {
            var times = new List<double>();
            for (var round = 0; round < 9; round++)
            {
                await host.ForgetFailuresAsync();
                var started = Stopwatch.GetTimestamp();
                await ask();
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }

            return times.Order().ElementAt(4);
        }
    }

    private async Task<Browser.Page> SignInAsync(string name, string password)
    {
        var browser = new Browser(host);
        return await browser.SubmitAsync(await browser.OpenAsync(browser.Request()), ("username", name), ("password", password));
    }

    private static async Task<(int Status, int Code)> AskAsync(IdentityHost replica, string secret, string? clientId = null)
    {
        using var answer = await replica.AskTokenAsync(replica.ClientCredentials().With("client_secret", secret).With("client_id", clientId ?? IdentityHost.ClientId));
        var body = await answer.JsonAsync();
        return ((int)answer.StatusCode, body.TryGetProperty("error_codes", out var codes) ? codes[0].GetInt32() : 0);
    }
}
