using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.BareMetal.Redfish;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.BareMetal.Redfish;

public sealed class PreconditionTests
{
    private static readonly CancellationToken Go = CancellationToken.None;

    [Fact]
    public async Task After_412_the_resource_is_read_again_and_decided_upon_again()
    {
        await using var bmc = ScriptedBmc.Start();
        var machine = await bmc.ConnectAsync();
        var changes = 0;
        bmc.ETag = (_, version) => $"\"{version + changes}\"";
        bmc.On("PATCH", ScriptedBmc.SystemPath, _ =>
        {
            if (changes > 0) return null;
            changes = 1;
            return Reply.Error(HttpStatusCode.PreconditionFailed, "Base.1.12.PreconditionFailed");
        });
        var sent = await PxeAsync(bmc, machine);

        Assert.Equal(["\"0\"", "\"1\""], sent[..2]);
        Assert.True(bmc.CallsTo("GET", ScriptedBmc.SystemPath).Count >= 4);
    }

    [Fact]
    public async Task A_weak_tag_that_is_refused_goes_again_as_a_strong_one()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.ETag = (_, version) => $"W/\"{version}\"";
        var machine = await bmc.ConnectAsync();
        bmc.On("PATCH", ScriptedBmc.SystemPath, call => call.Header("If-Match") == "\"0\"" ? Apply(bmc, call) : new Reply(HttpStatusCode.PreconditionFailed));

        Assert.Equal(["W/\"0\"", "\"0\""], await PxeAsync(bmc, machine));
    }

    [Fact]
    public async Task A_tag_that_is_refused_in_both_forms_is_left_out()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.ETag = (_, version) => $"W/\"{version}\"";
        var machine = await bmc.ConnectAsync();
        bmc.On("PATCH", ScriptedBmc.SystemPath, call => call.Header("If-Match") is null ? Apply(bmc, call) : new Reply(HttpStatusCode.PreconditionFailed));

        Assert.Equal(["W/\"0\"", "\"0\"", null], await PxeAsync(bmc, machine));
    }

    [Fact]
    public async Task No_tag_and_an_empty_tag_send_no_precondition()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.ETag = (_, _) => "";
        var machine = await bmc.ConnectAsync();

        Assert.Equal([null], await PxeAsync(bmc, machine));
    }

    [Fact]
    public async Task A_tag_in_the_body_alone_is_used()
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.ETag = (_, _) => null;
        bmc[ScriptedBmc.SystemPath]["@odata.etag"] = "W/\"77\"";
        var machine = await bmc.ConnectAsync();
        bmc.On("PATCH", ScriptedBmc.SystemPath, call => Apply(bmc, call));

        Assert.Equal(["W/\"77\""], await PxeAsync(bmc, machine));
    }

    [Theory]
    [InlineData(428, "Base.1.12.PreconditionRequired")]
    [InlineData(412, "Ami.1.0.PreconditionHeaderMissing")]
    public async Task A_BMC_that_demands_the_header_and_gives_no_tag_gets_a_star(int status, string messageId)
    {
        await using var bmc = ScriptedBmc.Start();
        bmc.ETag = (_, _) => null;
        var machine = await bmc.ConnectAsync();
        bmc.On("PATCH", ScriptedBmc.SystemPath, call => call.Header("If-Match") is null ? Reply.Error((HttpStatusCode)status, messageId) : Apply(bmc, call));

        Assert.Equal([null, "*"], await PxeAsync(bmc, machine));
    }

    [Fact]
    public async Task A_resource_that_never_holds_still_is_Busy_in_the_end()
    {
        await using var bmc = ScriptedBmc.Start();
        var reads = 0;
        bmc.ETag = (_, _) => $"\"{++reads}\"";
        var machine = await bmc.ConnectAsync();
        var fault = await Assert.ThrowsAsync<RedfishException>(() => PxeAsync(bmc, machine));

        Assert.Equal(RedfishFailure.Busy, fault.Failure);
        Assert.Equal(5, bmc.Writes.Count);
    }

    [Fact]
    public void Strong_is_idempotent_quoted_and_never_weak() => Gen.String[Gen.Char['!', '~'], 0, 12].Sample(text =>
    {
        var opaque = text.Replace("\"", "", StringComparison.Ordinal);
        foreach (var tag in new[] { opaque, $"\"{opaque}\"", $"W/\"{opaque}\"" })
        {
            var strong = EntityTag.Strong(tag);
            Assert.Equal(strong, EntityTag.Strong(strong));
            Assert.False(EntityTag.IsWeak(strong));
            Assert.StartsWith("\"", strong, StringComparison.Ordinal);
            Assert.EndsWith("\"", strong, StringComparison.Ordinal);
        }

        Assert.Equal($"\"{opaque}\"", EntityTag.Strong($"W/\"{opaque}\""));
    });

    [Fact]
    public void The_forms_of_a_tag_that_stays_come_to_an_end() => Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool).Sample((weak, has, demanded) =>
    {
        var tag = !has ? null : weak ? "W/\"1\"" : "\"1\"";
        var seen = new HashSet<IfMatch>();
        for (IfMatch? form = IfMatch.AsGiven; form is { } current; form = EntityTag.Next(current, tag, tag, demanded))
            Assert.True(seen.Add(current), $"{current} came twice for {tag ?? "no tag"}.");
    }, iter: 100);

    private static Reply Apply(ScriptedBmc bmc, Call call)
    {
        foreach (var (name, value) in call.Body!["Boot"]!.AsObject()) bmc[call.Path]["Boot"]![name] = value?.DeepClone();
        return Reply.Ok(new JsonObject());
    }

    private static async Task<string?[]> PxeAsync(ScriptedBmc bmc, RedfishMachine machine)
    {
        await machine.BootFromNetworkAsync(BootMethod.Pxe, null, Go);
        return [.. bmc.CallsTo("PATCH", ScriptedBmc.SystemPath).Select(call => call.Header("If-Match"))];
    }
}
