using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class SessionTests
{
    private static readonly CancellationToken Go = CancellationToken.None;

    [Fact]
    public async Task One_session_serves_many_connects_and_is_deleted_at_the_end()
    {
        await using var bmc = ScriptedBmc.Start();
        var connector = bmc.Connector();
        for (var times = 0; times < 3; times++) await (await connector.ConnectAsync(bmc.Target(), Go)).ReadPowerAsync(Go);
        await connector.DisposeAsync();

        Assert.Single(bmc.CallsTo("POST", ScriptedBmc.SessionsPath));
        var deleted = Assert.Single(bmc.CallsTo("DELETE", ScriptedBmc.SessionsPath + "/1"));
        Assert.Equal("token-1", deleted.Header("X-Auth-Token"));
    }

    [Fact]
    public async Task Many_callers_at_once_share_one_log_in()
    {
        await using var bmc = ScriptedBmc.Start();
        var connector = bmc.Connector();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ => await (await connector.ConnectAsync(bmc.Target(), Go)).ReadPowerAsync(Go)));

        Assert.Single(bmc.CallsTo("POST", ScriptedBmc.SessionsPath));
    }

    [Fact]
    public async Task The_log_in_goes_where_the_service_root_says_and_the_root_is_read_without_credentials()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc["/redfish/v1/"]["Links"] = ScriptedBmc.Json("{'Sessions':{'@odata.id':'/redfish/v1/Elsewhere/Sessions'}}");
        bmc.Tokens["moved"] = true;
        bmc.On("POST", "/redfish/v1/Elsewhere/Sessions", _ => new Reply(HttpStatusCode.Created, new JsonObject()).With("X-Auth-Token", "moved").With("Location", "/redfish/v1/Elsewhere/Sessions/9"));
        var machine = await bmc.ConnectAsync();

        Assert.Equal("/redfish/v1/Elsewhere/Sessions/9", machine.Session?.AbsolutePath);
        Assert.All(bmc.CallsTo("GET", "/redfish/v1/"), call => Assert.Null(call.Header("Authorization") ?? call.Header("X-Auth-Token")));
    }

    [Fact]
    public async Task Wrong_credentials_are_tried_once_and_never_again()
    {
        await using var bmc = ScriptedBmc.Start();
        var connector = bmc.Connector();
        var target = bmc.Target(password: "wrong-password");
        var fault = await Assert.ThrowsAsync<RedfishException>(() => connector.ConnectAsync(target, Go));

        Assert.Equal(RedfishFailure.BadCredentials, fault.Failure);
        Assert.False(fault.IsTransient);
        Assert.Single(bmc.CallsTo("POST", ScriptedBmc.SessionsPath));
        Assert.DoesNotContain("wrong-password", fault.ToString() + target, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_expired_session_is_renewed_once_and_the_request_replayed_once()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.Tokens.Clear();
        Assert.Equal(PowerState.Off, await machine.ReadPowerAsync(Go));

        Assert.Equal(2, bmc.CallsTo("POST", ScriptedBmc.SessionsPath).Count);
    }

    [Fact]
    public async Task A_new_session_that_is_refused_too_is_not_renewed_again()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("GET", ScriptedBmc.SystemPath, _ => Reply.Error(HttpStatusCode.Unauthorized, "Base.1.12.NoValidSession"));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.ReadPowerAsync(Go));

        Assert.Equal(RedfishFailure.BadCredentials, fault.Failure);
        Assert.Equal(2, bmc.CallsTo("POST", ScriptedBmc.SessionsPath).Count);
    }

    [Fact]
    public async Task Basic_authentication_is_used_where_there_is_no_session_service()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.On("POST", ScriptedBmc.SessionsPath, _ => new Reply(HttpStatusCode.NotFound));
        bmc.On("GET", "/redfish/v1/Systems", Basic).On("GET", ScriptedBmc.SystemPath, Basic).On("GET", ScriptedBmc.ManagerPath, Basic);
        var machine = await bmc.ConnectAsync();

        Assert.Equal(PowerState.Off, await machine.ReadPowerAsync(Go));
        Assert.Null(machine.Session);

        Reply? Basic(Call call) => call.Header("Authorization") == "Basic YWRtaW46Y29ycmVjdC1ob3JzZQ==" ? Reply.Ok(bmc[call.Path].DeepClone()) : new(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_BMC_that_once_gave_a_session_never_gets_the_password_by_Basic()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("POST", ScriptedBmc.SessionsPath, _ => new Reply(HttpStatusCode.NotFound));
        bmc.Tokens.Clear();
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.ReadPowerAsync(Go));

        Assert.Equal(RedfishFailure.Protocol, fault.Failure);
        Assert.DoesNotContain(bmc.Calls, call => call.Header("Authorization") is not null);
    }

    [Fact]
    public async Task A_Dell_with_all_sessions_taken_is_a_failure_of_its_own()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.On("POST", ScriptedBmc.SessionsPath, _ => Reply.Error(HttpStatusCode.ServiceUnavailable, "IDRAC.2.8.RAC0218"));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.ConnectAsync());

        Assert.Equal((RedfishFailure.TooManySessions, true), (fault.Failure, fault.IsTransient));
        Assert.NotNull(fault.RetryAfter);
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.BadGateway)]
    public async Task A_log_in_that_failed_strangely_is_not_sent_again_for_it_may_have_made_a_session(HttpStatusCode status)
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.On("POST", ScriptedBmc.SessionsPath, _ => new Reply(status));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.ConnectAsync());

        Assert.Equal((RedfishFailure.Busy, true), (fault.Failure, fault.IsTransient));
        Assert.Single(bmc.CallsTo("POST", ScriptedBmc.SessionsPath));
    }

    [Fact]
    public async Task An_idle_session_is_deleted_by_itself()
    {
        await using var bmc = ScriptedBmc.Start();
        await bmc.Connector(options => options.SessionIdle = TimeSpan.FromMilliseconds(40)).ConnectAsync(bmc.Target(), Go);

        await bmc.SeenAsync("DELETE", ScriptedBmc.SessionsPath + "/1");
    }

    [Fact]
    public async Task A_machine_outlives_its_idle_connection()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.Connector(options => options.SessionIdle = TimeSpan.FromMilliseconds(40)).ConnectAsync(bmc.Target(), Go);
        await bmc.SeenAsync("DELETE", ScriptedBmc.SessionsPath + "/1");

        Assert.Equal(PowerState.Off, await machine.ReadPowerAsync(Go));
        Assert.Equal(2, bmc.CallsTo("POST", ScriptedBmc.SessionsPath).Count);
    }

    [Fact]
    public async Task Another_password_is_another_session()
    {
        await using var bmc = ScriptedBmc.Start();
        var connector = bmc.Connector();
        await connector.ConnectAsync(bmc.Target(), Go);
        await Assert.ThrowsAsync<RedfishException>(() => connector.ConnectAsync(bmc.Target(password: "other"), Go));

        Assert.Equal(2, bmc.CallsTo("POST", ScriptedBmc.SessionsPath).Count);
    }

    [Fact]
    public async Task The_session_of_a_process_that_died_is_deleted_after_the_next_log_in()
    {
        await using var bmc = ScriptedBmc.Start();
        var target = bmc.Target() with { OrphanedSession = new Uri(bmc.Address, ScriptedBmc.SessionsPath + "/77") };
        await bmc.Connector().ConnectAsync(target, Go);

        Assert.Single(bmc.CallsTo("DELETE", ScriptedBmc.SessionsPath + "/77"));
    }

    [Fact]
    public async Task A_session_that_could_not_be_deleted_is_deleted_after_the_next_log_in()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.First("DELETE", ScriptedBmc.SessionsPath + "/1", new Reply(HttpStatusCode.InternalServerError));
        var connector = bmc.Connector(options => options.SessionIdle = TimeSpan.FromMilliseconds(40));
        await connector.ConnectAsync(bmc.Target(), Go);
        await bmc.SeenAsync("DELETE", ScriptedBmc.SessionsPath + "/1");

        // Slower than idle, so that each connect logs in anew.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(150));
        while (bmc.CallsTo("DELETE", ScriptedBmc.SessionsPath + "/1").Count < 2)
        {
            await connector.ConnectAsync(bmc.Target(), Go);
            await beat.WaitForNextTickAsync(limit.Token);
        }

        Assert.True(bmc.CallsTo("DELETE", ScriptedBmc.SessionsPath + "/1")[1].Header("X-Auth-Token") is { } token && token != "token-1");
    }

    [Fact]
    public async Task The_number_of_open_sessions_is_bounded()
    {
        await using var first = ScriptedBmc.Start();
        await using var second = ScriptedBmc.Start();
        var connector = first.Connector(options => options.MaxSessions = 1);
        await connector.ConnectAsync(first.Target(), Go);
        await connector.ConnectAsync(second.Target(), Go);

        await first.SeenAsync("DELETE", ScriptedBmc.SessionsPath + "/1");
        Assert.Equal(1, connector.Open);
    }
}
