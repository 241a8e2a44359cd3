using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class WireTests
{
    private static readonly CancellationToken Go = CancellationToken.None;

    [Fact]
    public async Task Every_request_speaks_OData_4_and_refuses_compression()
    {
        await using var bmc = ScriptedBmc.Start();
        await bmc.ConnectAsync();

        Assert.All(bmc.Calls, call => Assert.Equal(("4.0", "identity"), (call.Header("OData-Version"), call.Header("Accept-Encoding"))));
    }

    [Fact]
    public async Task A_406_to_identity_is_asked_again_without_it_and_remembered()
    {
        await using var bmc = ScriptedBmc.Start();
        foreach (var path in new[] { "/redfish/v1/Systems", ScriptedBmc.SystemPath, ScriptedBmc.ManagerPath })
            bmc.On("GET", path, call => call.Header("Accept-Encoding") is null ? null : new Reply(HttpStatusCode.NotAcceptable));
        var machine = await bmc.ConnectAsync();

        Assert.Equal(PowerState.Off, await machine.ReadPowerAsync(Go));
        Assert.Single(bmc.Calls, call => call.Path == "/redfish/v1/Systems" && call.Header("Accept-Encoding") is not null);
        Assert.All(bmc.CallsTo("GET", ScriptedBmc.SystemPath), call => Assert.Null(call.Header("Accept-Encoding")));
    }

    [Fact]
    public async Task Every_write_carries_the_idempotency_key()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        await machine.BootFromNetworkAsync(Contracts.BareMetal.BootMethod.Pxe, null, Go);
        await machine.RequestPowerAsync(ResetType.On, Go);

        Assert.Equal(2, bmc.Writes.Count);
        Assert.All(bmc.Writes, call => Assert.Equal("operation-1/step-2", call.Header("Idempotency-Key")));
    }

    [Fact]
    public async Task Nothing_is_written_after_the_lease_ended()
    {
        await using var bmc = ScriptedBmc.Start();
        var holds = true;
        var machine = await bmc.Connector().ConnectAsync(bmc.Target() with { MayWrite = () => holds }, Go);
        holds = false;
        await Assert.ThrowsAsync<WriteNotAllowedException>(() => machine.RequestPowerAsync(ResetType.On, Go));

        Assert.Empty(bmc.Writes);
        Assert.Equal(PowerState.Off, await machine.ReadPowerAsync(Go));
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.ServiceUnavailable)]
    [InlineData(HttpStatusCode.BadGateway)]
    public async Task A_GET_is_repeated_on_any_5xx(HttpStatusCode status)
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.First("GET", ScriptedBmc.SystemPath, new Reply(status), new Reply(status));

        Assert.Equal(PowerState.Off, await machine.ReadPowerAsync(Go));
    }

    [Fact]
    public async Task A_5xx_that_stays_is_Busy_and_carries_Retry_After()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("GET", ScriptedBmc.SystemPath, _ => new Reply(HttpStatusCode.ServiceUnavailable).With("Retry-After", "17"));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.ReadPowerAsync(Go));

        Assert.Equal((RedfishFailure.Busy, TimeSpan.FromSeconds(17)), (fault.Failure, fault.RetryAfter));
    }

    [Fact]
    public async Task A_POST_is_never_repeated_on_an_unknown_5xx()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("POST", ScriptedBmc.ResetPath, _ => new Reply(HttpStatusCode.InternalServerError));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.RequestPowerAsync(ResetType.On, Go));

        Assert.Equal(RedfishFailure.Busy, fault.Failure);
        Assert.Single(bmc.CallsTo("POST", ScriptedBmc.ResetPath));
    }

    [Fact]
    public async Task A_write_is_repeated_when_an_iDRAC_says_that_it_was_not_ready()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor("Dell", "Integrated Dell Remote Access Controller", "16G Monolithic", "7.00.60.00");
        var machine = await bmc.ConnectAsync();
        bmc.First("POST", ScriptedBmc.ResetPath, Reply.Error(HttpStatusCode.ServiceUnavailable, "IDRAC.2.8.SYS518"), new Reply(HttpStatusCode.NoContent));
        await machine.RequestPowerAsync(ResetType.On, Go);

        Assert.Equal(2, bmc.CallsTo("POST", ScriptedBmc.ResetPath).Count);
    }

    [Fact]
    public async Task A_redirect_is_refused()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("GET", ScriptedBmc.SystemPath, _ => new Reply(HttpStatusCode.TemporaryRedirect).With("Location", "http://127.0.0.1:1/redfish/v1/Systems/1"));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.ReadPowerAsync(Go));

        Assert.Equal(RedfishFailure.NotAllowed, fault.Failure);
    }

    [Fact]
    public async Task A_link_to_another_origin_is_not_followed()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc["/redfish/v1/Systems"] = ScriptedBmc.Collection("http://169.254.169.254/latest/meta-data");
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.ConnectAsync());

        Assert.Equal(RedfishFailure.NotAllowed, fault.Failure);
    }

    [Fact]
    public async Task An_answer_beyond_4_MiB_is_not_read_to_its_end()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("GET", ScriptedBmc.SystemPath, _ => new Reply(HttpStatusCode.OK) { Raw = $$"""{"PowerState":"On","Pad":"{{new string('x', RedfishAnswer.MaxBytes)}}"}""" });
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.ReadPowerAsync(Go));

        Assert.Equal((RedfishFailure.Protocol, false), (fault.Failure, fault.IsTransient));
    }

    [Fact]
    public async Task An_answer_nested_too_deeply_is_a_protocol_fault()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("GET", ScriptedBmc.SystemPath, _ => new Reply(HttpStatusCode.OK) { Raw = new string('[', 40) + new string(']', 40) });
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.ReadPowerAsync(Go));

        Assert.Equal(RedfishFailure.Protocol, fault.Failure);
    }

    [Fact]
    public async Task Messages_repeat_nothing_that_the_BMC_wrote_in_prose()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("POST", ScriptedBmc.ResetPath, _ => Reply.Error(HttpStatusCode.Forbidden, "Base.1.12.InsufficientPrivilege"));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.RequestPowerAsync(ResetType.On, Go));

        Assert.Equal((RedfishFailure.Rejected, "InsufficientPrivilege"), (fault.Failure, fault.MessageId));
        Assert.DoesNotContain("own words", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_BMC_that_keeps_silent_is_a_time_out_and_is_asked_only_once()
    {
        await using var bmc = ScriptedBmc.Start();
        using var released = new ManualResetEventSlim();
        var machine = await bmc.Connector(options => options.ReadTimeout = options.ConnectTimeout = TimeSpan.FromMilliseconds(100)).ConnectAsync(bmc.Target(), Go);
        var before = bmc.CallsTo("GET", ScriptedBmc.SystemPath).Count;
        bmc.On("GET", ScriptedBmc.SystemPath, _ =>
        {
            released.Wait(TimeSpan.FromSeconds(20));
            return null;
        });
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.ReadPowerAsync(Go));
        released.Set();

        Assert.Equal((RedfishFailure.Timeout, true), (fault.Failure, fault.IsTransient));
        Assert.Equal(before + 1, bmc.CallsTo("GET", ScriptedBmc.SystemPath).Count);
    }

    [Fact]
    public async Task Nobody_listening_is_Unreachable()
    {
        await using var bmc = ScriptedBmc.Start();
        var target = bmc.Target() with { Endpoint = new Uri("http://127.0.0.1:9") };
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.Connector().ConnectAsync(target, Go));

        Assert.Equal((RedfishFailure.Unreachable, true), (fault.Failure, fault.IsTransient));
    }

    [Fact]
    public async Task Connections_are_kept_within_a_burst_unless_the_vendor_loses_them()
    {
        await using var kept = ScriptedBmc.Start();
        await (await kept.ConnectAsync()).ReadPowerAsync(Go);
        await using var closed = ScriptedBmc.Start();
        closed.Vendor("Supermicro", "", "AST2600", "01.02.03");
        await (await closed.ConnectAsync()).ReadPowerAsync(Go);

        Assert.DoesNotContain(kept.Calls, call => call.Header("Connection") == "close");
        Assert.Contains(closed.Calls, call => call.Header("Connection") == "close");
    }

    [Fact]
    public async Task Several_systems_need_the_path_of_one_in_the_address()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc["/redfish/v1/Systems"] = ScriptedBmc.Collection(ScriptedBmc.SystemPath, "/redfish/v1/Systems/2");
        bmc["/redfish/v1/Systems/2"] = ScriptedBmc.Json("{'PowerState':'On','Links':{'ManagedBy':[{'@odata.id':'/redfish/v1/Managers/1'}]}}");
        var fault = await Assert.ThrowsAsync<RedfishException>(() => bmc.ConnectAsync());
        var second = await bmc.Connector().ConnectAsync(bmc.Target("/redfish/v1/Systems/2"), Go);

        Assert.Equal(RedfishFailure.Rejected, fault.Failure);
        Assert.Contains("/redfish/v1/Systems/2", fault.Message, StringComparison.Ordinal);
        Assert.Equal(PowerState.On, await second.ReadPowerAsync(Go));
    }

    [Fact]
    public async Task A_gzipped_answer_is_read_all_the_same()
    {
        await using var bmc = ScriptedBmc.Start();
        var zipped = new MemoryStream();
        await using (var zip = new System.IO.Compression.GZipStream(zipped, System.IO.Compression.CompressionMode.Compress, leaveOpen: true))
            await zip.WriteAsync("{\"PowerState\":\"On\"}"u8.ToArray());
        using var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(zipped.ToArray()) };
        response.Content.Headers.ContentEncoding.Add("gzip");
        var answer = await RedfishAnswer.ReadAsync(response, default, Go);

        Assert.Equal("On", answer.Body.Text("PowerState"));
    }

    [Theory]
    [InlineData("4", 4)]
    [InlineData("Wed, 25 Nov 2026 10:00:30 GMT", 30)]
    public async Task Retry_After_is_read_in_seconds_and_as_a_date(string header, int seconds)
    {
        using var response = new HttpResponseMessage(HttpStatusCode.Accepted);
        response.Headers.TryAddWithoutValidation("Retry-After", header);
        var answer = await RedfishAnswer.ReadAsync(response, new DateTimeOffset(2026, 11, 25, 10, 0, 0, TimeSpan.Zero), Go);

        Assert.Equal(TimeSpan.FromSeconds(seconds), answer.RetryAfter);
    }
}
