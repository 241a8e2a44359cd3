using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using ControlPlane.Agent;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Tests.Fixtures;
using Npgsql;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Who may speak for a cluster: one agent, with the token that was issued for it first and its own certificate afterwards; everybody else is told why not, and nothing more.</summary>
[Collection(FleetSuite.Name)]
public sealed class AgentIdentityTests(ControlPlaneFixture plane)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_onboarding_token_is_good_once_for_a_while_and_for_its_cluster_alone()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 }, joined: 0, isPull: cluster => cluster.Name.EndsWith('1'));
        var (pulled, pushed) = (site.Clusters.Ready.Clusters.Single(cluster => cluster.Name.EndsWith('1')).Name, site.Clusters.Ready.Clusters.Single(cluster => !cluster.Name.EndsWith('1')).Name);
        (await site.Arm.PostAsync($"{site.Cluster(pushed)}/issueOnboardingToken")).Is(409, "ClusterIsPushed");
        (await site.Arm.PostAsync($"{site.Cluster("nowhere")}/issueOnboardingToken")).Is(404, "ResourceNotFound");
        (await site.Arm.PostAsync($"{site.Cluster(pulled)}/issueOnboardingToken", new JsonObject { ["expiresInSeconds"] = 0 })).Is(400);
        await site.OnboardAsync(pulled);
        // Who gave it out stands in the activity log; the token does not.
        Assert.Equal(1L, await site.Plane.Database.ScalarAsync("select count(*) from activities where lower(resource_id) = $1 and action like '%/issueOnboardingToken/action' and status = 'Succeeded'", site.Cluster(pulled).ToLowerInvariant()));

        await using var agent = await TestAgent.PlaceAsync(site, pulled);
        await using var thief = await TestAgent.PlaceAsync(site, pulled);
        var ((own, ownState), (stolen, thiefState)) = (agent.Speak(), thief.Speak());
        Assert.Equal("OnboardingTokenInvalid", await CodeAsync(() => own.RegisterAsync("made-up", ownState.Key(), Cancel)));
        var replaced = await site.OnboardAsync(pulled);
        var token = await site.OnboardAsync(pulled);
        Assert.Equal("OnboardingTokenInvalid", await CodeAsync(() => own.RegisterAsync(replaced, ownState.Key(), Cancel)));

        var first = await own.RegisterAsync(token, ownState.Key(), Cancel);
        Assert.Equal(site.Cluster(pulled).ToLowerInvariant(), first.Cluster);
        Assert.Equal("OnboardingTokenUsed", await CodeAsync(() => stolen.RegisterAsync(token, thiefState.Key(), Cancel)));
        // The answer was lost: the same key may ask again, until the certificate was used.
        var again = await own.RegisterAsync(token, ownState.Key(), Cancel);
        Assert.Equal(first.Epoch, again.Epoch);
        ownState.Keep(again, token);
        await own.WorkAsync(ownState.Identity()!, 0, TimeSpan.Zero, Cancel);
        Assert.Equal("OnboardingTokenUsed", await CodeAsync(() => own.RegisterAsync(token, ownState.Key(), Cancel)));

        var late = await site.OnboardAsync(pulled);
        await plane.Database.ExecuteAsync("update onboarding_tokens set expires_at = now() where cluster_key = $1", first.Cluster);
        Assert.Equal("OnboardingTokenExpired", await CodeAsync(() => own.RegisterAsync(late, ownState.Key(), Cancel)));
        foreach (var secret in new[] { token, late, replaced })
            Assert.DoesNotContain(secret, plane.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_that_say_they_are_the_agent_the_one_that_registered_last_is_believed()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 }, isPull: _ => true);
        var cluster = site.Clusters.Ready.Clusters[0].Name;
        await using var agent = await TestAgent.StartAsync(site, cluster);
        await site.PlaceAsync("shop", FleetSite.Shop());
        await site.StatusAsync("shop", seen => seen.Summary("available") == 1, "the agent is at work", TimeSpan.FromSeconds(60));
        await agent.StopAsync();
        await using var clone = await agent.CloneAsync();

        // Renewed: what the clone has is older, and good only until the new certificate is used.
        var (hub, state) = agent.Speak();
        var before = state.Identity()!;
        state.Keep(await hub.RenewAsync(before, Cancel));
        await hub.WorkAsync(before, 0, TimeSpan.Zero, Cancel);
        await hub.WorkAsync(state.Identity()!, 0, TimeSpan.Zero, Cancel);
        Assert.Equal("AgentCertificateReplaced", await CodeAsync(() => hub.WorkAsync(before, 0, TimeSpan.Zero, Cancel)));

        // Registered anew, as after a theft: what there was before is refused by its number.
        await agent.GiveAsync(await site.OnboardAsync(cluster));
        File.Delete(Path.Combine(agent.StateDirectory, "agent.crt"));
        await agent.StartAsync();
        await Eventually.Async(() => agent.Log.Text.Contains("number 2", StringComparison.Ordinal), "the agent has registered again");
        await Eventually.Async(async () => await CodeAsync(() => hub.WorkAsync(before, 0, TimeSpan.Zero, Cancel)) == "AgentSuperseded", "the older ones are refused");
        await clone.StartAsync();
        await Eventually.Async(() => clone.Log.Text.Contains("AgentSuperseded", StringComparison.Ordinal) && clone.Log.Text.Contains("needs a new onboarding token", StringComparison.Ordinal), "the clone says what is wrong");
        await site.PlaceAsync("shop", FleetSite.Shop(image: "registry.example/web:2.0"));
        await site.StatusAsync("shop", seen => seen.CompletedRevision == 2 && seen.Summary("available") == 1, "the right one works on");
    }

    [Fact]
    public async Task A_certificate_that_is_expired_foreign_or_of_a_cluster_that_is_gone_opens_nothing()
    {
        await using var hasty = await ControlPlaneFixture.StartAsync(("Agents:CertificateLife", "00:00:03"));
        await using var site = await FleetSite.StartAsync(hasty, new() { Clusters = 2 }, joined: 0, isPull: _ => true);
        var (one, other) = (site.Clusters.Ready.Clusters[0].Name, site.Clusters.Ready.Clusters[1].Name);
        await using var agent = await TestAgent.PlaceAsync(site, one);
        var (hub, state) = agent.Speak();
        state.Keep(await hub.RegisterAsync(await site.OnboardAsync(one), state.Key(), Cancel));
        var identity = state.Identity()!;
        await hub.WorkAsync(identity, 0, TimeSpan.Zero, Cancel);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Equal("AgentAuthenticationFailed", await CodeAsync(() => hub.WorkAsync(identity with { Key = key }, 0, TimeSpan.Zero, Cancel)));
        var made = new CertificateRequest(identity.Certificate.SubjectName, key, HashAlgorithmName.SHA256).CreateSelfSigned(new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new(2050, 1, 1, 0, 0, 0, TimeSpan.Zero));
        Assert.Equal("AgentCertificateUntrusted", await CodeAsync(() => hub.WorkAsync(new(key, made), 0, TimeSpan.Zero, Cancel)));
        await Eventually.Async(async () => await CodeAsync(() => hub.WorkAsync(identity, 0, TimeSpan.Zero, Cancel)) == "AgentCertificateExpired", "the certificate expires");
        Assert.Equal("AgentCertificateExpired", await CodeAsync(() => hub.RenewAsync(identity, Cancel)));

        await using var gone = await TestAgent.PlaceAsync(site, other);
        var (second, secondState) = gone.Speak();
        var token = await site.OnboardAsync(other);
        secondState.Keep(await second.RegisterAsync(token, secondState.Key(), Cancel));
        await site.DoneAsync((await site.Arm.DeleteAsync(site.Cluster(other))).Is(202));
        Assert.Equal("AgentRevoked", await CodeAsync(() => second.WorkAsync(secondState.Identity()!, 0, TimeSpan.Zero, Cancel)));
        Assert.Equal("OnboardingTokenInvalid", await CodeAsync(() => second.RegisterAsync(token, secondState.Key(), Cancel)));

        // The agent itself renews long before, and says so when it could not.
        await using var renewing = await TestAgent.StartAsync(site, one);
        await Eventually.Async(() => renewing.Log.Text.Contains("was renewed", StringComparison.Ordinal), "the agent renews");
        await renewing.StopAsync();
        await Eventually.Async(() => renewing.Speak().State.Identity()!.ExpiresAt < TimeProvider.System.GetUtcNow(), "the agent was away for too long");
        await renewing.StartAsync();
        await Eventually.Async(() => renewing.Log.Text.Contains("its certificate expired", StringComparison.Ordinal), "the agent says what it needs");
        await renewing.GiveAsync(await site.OnboardAsync(one));
        await Eventually.Async(() => renewing.Log.Text.Split("Registered as").Length == 3, "the agent registers with the new token");
    }

    /// <summary>More than the front door has connections to its store (30 here), in the same moment: to register, and to ask for work.</summary>
    [Fact]
    public async Task A_crowd_of_agents_that_come_at_once_is_let_in()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 48 }, joined: 0, isPull: _ => true);
        await using var agent = await TestAgent.PlaceAsync(site, site.Clusters.Ready.Clusters[0].Name);
        var (hub, _) = agent.Speak();
        using (hub)
        {
            var tokens = await Task.WhenAll(site.Clusters.Ready.Clusters.Select(cluster => site.OnboardAsync(cluster.Name)));
            var keys = tokens.Select(_ => ECDsa.Create(ECCurve.NamedCurves.nistP256)).ToList();
            var credentials = await Task.WhenAll(tokens.Zip(keys, (token, key) => hub.RegisterAsync(token, key, Cancel)));
            Assert.Equal(tokens.Length, credentials.Select(one => one.Cluster).Distinct(StringComparer.Ordinal).Count());
            var identities = keys.Zip(credentials, (key, one) => new AgentIdentity(key, X509Certificate2.CreateFromPem(one.Certificate))).ToList();
            for (var round = 0; round < 5; round++)
                Assert.All(await Task.WhenAll(identities.Select(identity => hub.WorkAsync(identity, 0, TimeSpan.Zero, Cancel))), work => Assert.Empty(work.Items));
        }

        Assert.DoesNotContain(plane.Log.Errors, error => error.Contains("/agent/v1/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_comes_while_too_many_register_is_told_to_come_later_and_does()
    {
        await using var narrow = await ControlPlaneFixture.StartAsync(("Agents:RegistrationsAtOnce", "1"), ("Agents:RegistrationsWaiting", "0"));
        await using var site = await FleetSite.StartAsync(narrow, new() { Clusters = 2 }, joined: 0, isPull: _ => true);
        var (one, other) = (site.Clusters.Ready.Clusters[0].Name, site.Clusters.Ready.Clusters[1].Name);
        await using var agent = await TestAgent.PlaceAsync(site, one);
        await using var next = await TestAgent.PlaceAsync(site, other);
        var ((hub, state), (later, laterState)) = (agent.Speak(), next.Speak());
        var (token, second) = (await site.OnboardAsync(one), await site.OnboardAsync(other));

        // The first one is held up in the middle of it.
        await using var connection = new NpgsqlConnection(narrow.Database.ConnectionString);
        await connection.OpenAsync(Cancel);
        await using var transaction = await connection.BeginTransactionAsync(Cancel);
        await using (var hold = new NpgsqlCommand("select 1 from onboarding_tokens for update", connection))
            await hold.ExecuteNonQueryAsync(Cancel);
        var first = hub.RegisterAsync(token, state.Key(), Cancel);
        await Eventually.Async(async () => (long)(await narrow.Database.ScalarAsync("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"))! > 0, "the first one waits");
        var busy = await Assert.ThrowsAsync<HubUnreachableException>(() => later.RegisterAsync(second, laterState.Key(), Cancel));
        Assert.True(busy.RetryAfter > TimeSpan.Zero, busy.Message);
        await transaction.RollbackAsync(Cancel);
        Assert.Equal(1, (await first).Epoch);
        Assert.Equal(1, (await later.RegisterAsync(second, laterState.Key(), Cancel)).Epoch);
    }

    [Fact]
    public async Task An_agent_sees_and_moves_nothing_of_another_cluster()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 2 }, isPull: _ => true);
        var (one, other) = (site.Clusters.Ready.Clusters[0].Name, site.Clusters.Ready.Clusters[1].Name);
        await using var agent = await TestAgent.PlaceAsync(site, one);
        await using var spy = await TestAgent.PlaceAsync(site, other);
        var ((hub, state), (foreign, spyState)) = (agent.Speak(), spy.Speak());
        state.Keep(await hub.RegisterAsync(await site.OnboardAsync(one), state.Key(), Cancel));
        spyState.Keep(await foreign.RegisterAsync(await site.OnboardAsync(other), spyState.Key(), Cancel));
        await site.PlaceAsync("shop", FleetSite.Shop(), new() { ["policy"] = new JsonObject { ["placementType"] = "PickFixed", ["clusterNames"] = new JsonArray(one) } });
        var item = Assert.Single((await Eventually.Async(() => hub.WorkAsync(state.Identity()!, 0, TimeSpan.Zero, Cancel), work => work.Items.Count > 0, "there is something to do")).Items);

        Assert.Empty((await foreign.WorkAsync(spyState.Identity()!, 0, TimeSpan.Zero, Cancel)).Items);
        Assert.Equal("AgentBundleForbidden", await CodeAsync(() => foreign.BundleAsync(spyState.Identity()!, item.Bundle!, Cancel)));
        Assert.Equal("AgentBundleForbidden", await CodeAsync(() => foreign.BundleAsync(spyState.Identity()!, new string('0', 64), Cancel)));
        await foreign.ReportAsync(spyState.Identity()!, new() { Items = [new() { Placement = item.Placement, Generation = item.Generation, Health = BindingHealth.Available, ObservedGeneration = item.Generation, IsClean = true }] }, Cancel);
        Assert.Single((await hub.WorkAsync(state.Identity()!, 0, TimeSpan.Zero, Cancel)).Items);
        Assert.Equal(2, (await hub.BundleAsync(state.Identity()!, item.Bundle!, Cancel)).Manifests.Count);

        // What is said of an older wish, and what is said twice, changes nothing.
        AgentOutcome Said(long generation, BindingHealth health) => new() { Placement = item.Placement, Generation = generation, Health = health, ObservedGeneration = generation, IsClean = true };
        await hub.ReportAsync(state.Identity()!, new() { Items = [Said(item.Generation - 1, BindingHealth.Failed)] }, Cancel);
        await hub.ReportAsync(state.Identity()!, new() { Items = [Said(item.Generation, BindingHealth.Available)] }, Cancel);
        await hub.ReportAsync(state.Identity()!, new() { Items = [Said(item.Generation, BindingHealth.Available)] }, Cancel);
        await site.StatusAsync("shop", seen => seen.RunState == "Succeeded" && seen.Summary("available") == 1, "what the right agent says counts");
    }

    [Fact]
    public async Task A_request_for_work_waits_and_is_answered_as_soon_as_there_is_any()
    {
        await using var site = await FleetSite.StartAsync(plane, new() { Clusters = 1 }, isPull: _ => true);
        var cluster = site.Clusters.Ready.Clusters[0].Name;
        await using var agent = await TestAgent.PlaceAsync(site, cluster);
        var (hub, state) = agent.Speak();
        state.Keep(await hub.RegisterAsync(await site.OnboardAsync(cluster), state.Key(), Cancel));
        var waiting = hub.WorkAsync(state.Identity()!, 0, TimeSpan.FromSeconds(55), Cancel);
        await site.PlaceAsync("shop", FleetSite.Shop());
        var work = await waiting;
        Assert.NotEqual(0, work.Cursor);
        // One agent has one request: a second takes the place of the first, which is answered with what there is.
        var first = hub.WorkAsync(state.Identity()!, work.Cursor, TimeSpan.FromSeconds(55), Cancel);
        var answers = new List<Task<AgentWork>> { first };
        await Eventually.Async(() =>
        {
            answers.Add(hub.WorkAsync(state.Identity()!, work.Cursor, TimeSpan.FromSeconds(1), Cancel));
            return first.IsCompleted;
        }, "the first is answered");
        Assert.All(await Task.WhenAll(answers), answer => Assert.Equal(work.Cursor, answer.Cursor));
    }

    private static async Task<string> CodeAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            await ask();
            return "";
        }
        catch (HubRefusedException refused)
        {
            return refused.Code;
        }
    }
}
