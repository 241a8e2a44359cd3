using System.Net;
using ControlPlane.Worker.BareMetal.Redfish;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class PowerTests
{
    private static readonly CancellationToken Go = CancellationToken.None;

    [Theory]
    [InlineData("On", ResetType.On)]
    [InlineData("PoweringOn", ResetType.On)]
    [InlineData("Off", ResetType.ForceOff)]
    [InlineData("Off", ResetType.GracefulShutdown)]
    [InlineData("PoweringOff", ResetType.GracefulShutdown)]
    [InlineData("PoweringOn", ResetType.ForceRestart)]
    public async Task Already_there_or_on_its_way_is_no_call(string state, object wanted)
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["PowerState"] = state;
        await (await bmc.ConnectAsync()).RequestPowerAsync((ResetType)wanted, Go);

        Assert.Empty(bmc.Writes);
    }

    [Theory]
    [InlineData("Off", ResetType.On, "On")]
    [InlineData("On", ResetType.ForceOff, "ForceOff")]
    [InlineData("PoweringOff", ResetType.ForceOff, "ForceOff")]
    [InlineData("On", ResetType.ForceRestart, "ForceRestart")]
    [InlineData("Off", ResetType.ForceRestart, "On")]
    [InlineData("On", ResetType.PowerCycle, "ForceRestart")]
    public async Task What_is_left_is_asked_for_in_words_that_the_BMC_offers(string state, object wanted, string sent)
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["PowerState"] = state;
        await (await bmc.ConnectAsync()).RequestPowerAsync((ResetType)wanted, Go);

        Assert.Equal(sent, Assert.Single(bmc.Writes).Body?["ResetType"]?.GetValue<string>());
    }

    [Fact]
    public async Task A_reset_type_that_is_not_offered_is_refused_here()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["PowerState"] = "On";
        var machine = await bmc.ConnectAsync();
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.RequestPowerAsync(ResetType.Nmi, Go));

        Assert.Equal(RedfishFailure.Rejected, fault.Failure);
        Assert.Empty(bmc.Writes);
    }

    [Fact]
    public async Task Reset_types_may_stand_in_an_ActionInfo()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["PowerState"] = "On";
        bmc[ScriptedBmc.SystemPath]["Actions"] = ScriptedBmc.Json($"{{'#ComputerSystem.Reset':{{'target':'{ScriptedBmc.ResetPath}','@Redfish.ActionInfo':'/redfish/v1/Systems/1/ResetActionInfo'}}}}");
        bmc["/redfish/v1/Systems/1/ResetActionInfo"] = ScriptedBmc.Json("{'Parameters':[{'Name':'ResetType','AllowableValues':['On','ForceOff','PowerCycle']}]}");
        await (await bmc.ConnectAsync()).RequestPowerAsync(ResetType.ForceRestart, Go);

        Assert.Equal("PowerCycle", Assert.Single(bmc.Writes).Body?["ResetType"]?.GetValue<string>());
    }

    [Theory]
    [InlineData(HttpStatusCode.BadRequest)]
    [InlineData(HttpStatusCode.Conflict)]
    public async Task A_refusal_is_a_success_when_the_state_is_there_meanwhile(HttpStatusCode status)
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("POST", ScriptedBmc.ResetPath, _ =>
        {
            bmc[ScriptedBmc.SystemPath]["PowerState"] = "On";
            return Reply.Error(status, "Base.1.12.ActionNotSupported");
        });
        await machine.RequestPowerAsync(ResetType.On, Go);

        Assert.Single(bmc.Writes);
    }

    [Fact]
    public async Task A_refusal_in_another_state_stays_a_refusal()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        bmc.On("POST", ScriptedBmc.ResetPath, _ => Reply.Error(HttpStatusCode.Conflict, "Base.1.12.ActionNotSupported"));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.RequestPowerAsync(ResetType.On, Go));

        Assert.Equal((RedfishFailure.Rejected, "ActionNotSupported"), (fault.Failure, fault.MessageId));
    }

    [Fact]
    public async Task On_right_after_off_is_Busy_on_an_iDRAC_10_and_says_for_how_long()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.Vendor("Dell", "Integrated Dell Remote Access Controller", "17G Monolithic", "1.20.50.50");
        var machine = await bmc.ConnectAsync();
        bmc.On("POST", ScriptedBmc.ResetPath, _ => Reply.Error(HttpStatusCode.Conflict, "Base.1.18.ActionParameterValueConflict"));
        var fault = await Assert.ThrowsAsync<RedfishException>(() => machine.RequestPowerAsync(ResetType.On, Go));

        Assert.Equal("Idrac10", machine.Profile.Name);
        Assert.Equal((RedfishFailure.Busy, true, TimeSpan.FromSeconds(10)), (fault.Failure, fault.IsTransient, fault.RetryAfter));
    }

    [Theory]
    [InlineData("PoweringOn", PowerState.PoweringOn)]
    [InlineData("Paused", PowerState.Paused)]
    [InlineData("Reset", PowerState.Unknown)]
    [InlineData(null, PowerState.Unknown)]
    public async Task A_power_state_that_is_missing_or_new_is_unknown(string? said, object state)
    {
        await using var bmc = ScriptedBmc.Start();
        bmc[ScriptedBmc.SystemPath]["PowerState"] = said;

        Assert.Equal((PowerState)state, await (await bmc.ConnectAsync()).ReadPowerAsync(Go));
    }
}
