using System.Net;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.BareMetal;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.BareMetal;

/// <summary>The provisioning door, with the test in the place of the in-band agent: the machine itself never gets through POST.</summary>
[Collection(BareMetalSuite.Name)]
public sealed class DoorTests(BareMetalWorld world)
{
    [Theory]
    [InlineData("GET", "boot.efi")]
    [InlineData("GET", "instructions")]
    [InlineData("POST", "hello")]
    [InlineData("POST", "wipe-started")]
    [InlineData("POST", "progress")]
    [InlineData("POST", "join-credentials")]
    public async Task An_unknown_token_opens_nothing(string method, string step)
    {
        var answer = await SendAsync(new string('A', 43), new HttpMethod(method), step, method == "POST" ? "{}" : null);
        Assert.Equal(404, answer.Status);
        Assert.DoesNotContain("AAAA", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Boot_artefacts_answer_head_and_ranges()
    {
        var agent = await KnockAsync("artefacts");
        foreach (var file in new[] { "boot.efi", "boot.iso" })
        {
            var head = await SendAsync(agent.Token, HttpMethod.Head, file);
            Assert.Equal((200, "bytes", world.BootFile.Length.ToString()), (head.Status, head.Header("Accept-Ranges"), head.Header("Content-Length")));
            using var client = LoopbackCertificate.Client(world.Plane.Endpoint);
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/provision/{agent.Token}/{file}");
            request.Headers.Range = new(1000, 1999);
            using var part = await client.SendAsync(request);
            Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
            Assert.Equal(world.BootFile[1000..2000], await part.Content.ReadAsByteArrayAsync());
            request.Dispose();
            using var beyond = new HttpRequestMessage(HttpMethod.Get, $"/provision/{agent.Token}/{file}");
            beyond.Headers.Range = new(5000, 6000);
            using var refused = await client.SendAsync(beyond);
            Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, refused.StatusCode);
        }
    }

    [Fact]
    public async Task Another_machine_is_turned_away_and_the_attempt_ends()
    {
        var agent = await KnockAsync("impostor");
        var answer = await agent.PostAsync("hello", new() { ["mac"] = agent.Place.Machine.Identity.Mac, ["serial"] = "SOMEBODY", ["uuid"] = agent.Place.Machine.Identity.Uuid.ToString() });
        Assert.Equal((403, "MachineIdentityMismatch"), (answer.Status, answer.ErrorCode));
        Assert.Equal("MachineIdentityMismatch", (await world.FinishAsync(agent.Accepted)).ErrorCode);
        Assert.Equal(404, (await SendAsync(agent.Token, HttpMethod.Get, "boot.efi")).Status);
        Assert.Equal((409, "AttemptEnded"), Refusal(await agent.PostAsync("progress", new() { ["seq"] = 1, ["phase"] = "writing", ["percent"] = 1 })));
    }

    [Fact]
    public async Task The_permit_is_consumed_once_by_however_many_ask_at_once()
    {
        var agent = await KnockAsync("permit");
        await agent.ReportAsync();
        var order = (await SendAsync(agent.Token, HttpMethod.Get, "instructions")).Copy();
        var asked = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => agent.PostAsync("wipe-started", new() { ["permit"] = order["permit"]!.DeepClone() })));
        Assert.Single(asked, answer => answer.Status == 204);
        Assert.Equal(11, asked.Count(answer => answer is { Status: 409, ErrorCode: "PermitConsumed" }));
        Assert.Equal("none", (await SendAsync(agent.Token, HttpMethod.Get, "instructions")).Json.GetProperty("action").GetString());
    }

    [Fact]
    public async Task Nothing_can_be_skipped()
    {
        var agent = await KnockAsync("orderly");
        await agent.HelloAsync();
        Assert.Equal((409, "InventoryRequired"), Refusal(await SendAsync(agent.Token, HttpMethod.Get, "instructions")));
        Assert.Equal((403, "PermitUnknown"), Refusal(await agent.PostAsync("wipe-started", new() { ["permit"] = Guid.NewGuid().ToString() })));
        Assert.Equal((409, "PermitRequired"), Refusal(await agent.PostAsync("wiped", new() { ["seq"] = 1, ["disks"] = new JsonArray() })));
        Assert.Equal((409, "WipeRequired"), Refusal(await agent.PostAsync("written", new() { ["seq"] = 1, ["sha256"] = "", ["sizeBytes"] = 1 })));
        Assert.Equal((409, "ImageRequired"), Refusal(await agent.PostAsync("join-credentials", [])));
        Assert.Equal((409, "WipeRequired"), Refusal(await agent.PostAsync("done", new() { ["seq"] = 1 })));
    }

    [Fact]
    public async Task A_wipe_that_falls_short_of_what_was_ordered_ends_the_attempt()
    {
        var agent = await KnockAsync("short-wipe");
        await agent.StartWipeAsync();
        var answer = await agent.PostAsync("wiped", new() { ["seq"] = 1, ["disks"] = new JsonArray(Wiped(agent.Place.RootSerial, "discard"), Wiped(agent.Place.DataSerial, "metadata")) });
        Assert.Equal((409, "WipeIncomplete"), Refusal(answer));
        Assert.Equal("WipeIncomplete", (await world.FinishAsync(agent.Accepted)).ErrorCode);
    }

    [Fact]
    public async Task Join_credentials_are_handed_out_once()
    {
        var agent = await KnockAsync("credentials");
        await agent.StartWipeAsync();
        await agent.PostAsync("wiped", new() { ["seq"] = 1, ["disks"] = new JsonArray(Wiped(agent.Place.RootSerial, "discard"), Wiped(agent.Place.DataSerial, "discard")) });
        await agent.PostAsync("written", new() { ["seq"] = 2, ["sha256"] = agent.Place.Rack.Ready.Images[0].Sha256, ["sizeBytes"] = 1 });
        var given = await Eventually.Async(() => agent.PostAsync("join-credentials", []), answer => answer.Status != 503, "the cluster has given a token");
        Assert.Equal(200, given.Status);
        Assert.Equal("no-store", given.Header("Cache-Control"));
        Assert.Equal(agent.Place.Rack.Ready.Cluster.CaHash, given.Json.GetProperty("caHash").GetString());
        Assert.Matches("^[a-z0-9]{6}\\.[a-z0-9]{16}$", given.Json.GetProperty("token").GetString());
        Assert.Equal((409, "JoinCredentialsConsumed"), Refusal(await agent.PostAsync("join-credentials", [])));
        Assert.Equal("Succeeded", (await world.DeleteAsync(BareMetalWorld.MachinePath("credentials"), "?forceDeletion=true")).OperationStatus);
        Assert.Equal(404, (await agent.PostAsync("join-credentials", [])).Status);
    }

    [Fact]
    public async Task A_wrong_image_ends_the_attempt()
    {
        var agent = await KnockAsync("tampered");
        await agent.StartWipeAsync();
        await agent.PostAsync("wiped", new() { ["seq"] = 1, ["disks"] = new JsonArray(Wiped(agent.Place.RootSerial, "discard"), Wiped(agent.Place.DataSerial, "overwrite")) });
        Assert.Equal((409, "ChecksumMismatch"), Refusal(await agent.PostAsync("written", new() { ["seq"] = 2, ["sha256"] = new string('0', 64), ["sizeBytes"] = 1 })));
        Assert.Equal("ImageChecksumMismatch", (await world.FinishAsync(agent.Accepted)).ErrorCode);
    }

    [Fact]
    public async Task Progress_is_shown_and_an_older_report_changes_nothing()
    {
        var agent = await KnockAsync("reporting");
        await agent.StartWipeAsync();
        Assert.Equal(204, (await agent.PostAsync("progress", new() { ["seq"] = 5, ["phase"] = "wiping", ["percent"] = 60, ["message"] = "second disk" })).Status);
        Assert.Equal(204, (await agent.PostAsync("progress", new() { ["seq"] = 4, ["phase"] = "wiping", ["percent"] = 10, ["message"] = "first disk" })).Status);
        var machine = await Eventually.Async(() => world.PropertiesAsync(BareMetalWorld.MachinePath("reporting")), seen => seen.GetProperty("attempt").GetProperty("percentComplete").GetDouble() > 0, "progress is shown");
        Assert.Equal((60, "second disk"), (machine.GetProperty("attempt").GetProperty("percentComplete").GetDouble(), machine.GetProperty("attempt").GetProperty("message").GetString()));
    }

    [Theory]
    [InlineData("hello", "[]")]
    [InlineData("hello", "not json")]
    [InlineData("hello", "{\"mac\":7}")]
    [InlineData("inventory", "{}")]
    [InlineData("inventory", "{\"disks\":null}")]
    [InlineData("inventory", "{\"disks\":[null]}")]
    [InlineData("inventory", "{\"disks\":[{}]}")]
    [InlineData("inventory", "{\"disks\":[{\"name\":\"a\",\"serial\":\"b\",\"sizeBytes\":1,\"supports\":null}]}")]
    [InlineData("inventory", "{\"disks\":[{\"name\":\"a\",\"serial\":\"b\",\"sizeBytes\":\"large\"}]}")]
    [InlineData("wipe-started", "{\"permit\":\"no-guid\"}")]
    [InlineData("progress", "{\"seq\":\"first\"}")]
    [InlineData("progress", "{\"seq\":1e99}")]
    [InlineData("progress", "{\"seq\":1,\"seq\":2}")]
    [InlineData("wiped", "{\"disks\":null}")]
    [InlineData("wiped", "{\"disks\":[null]}")]
    [InlineData("wiped", "{\"disks\":[{\"serial\":null,\"method\":\"x\"}]}")]
    [InlineData("written", "{\"sha256\":[]}")]
    [InlineData("failed", "{\"code\":{}}")]
    public async Task A_hostile_body_is_the_callers_fault(string step, string body)
    {
        var agent = await SharedAsync();
        var answer = await SendAsync(agent.Token, HttpMethod.Post, step, body);
        Assert.True(answer.Status is 400, answer.ToString());
    }

    [Fact]
    public async Task A_body_larger_than_any_report_is_refused()
    {
        var agent = await SharedAsync();
        var large = $"{{\"message\":\"{new string('x', 300 * 1024)}\"}}";
        Assert.Equal(413, (await SendAsync(agent.Token, HttpMethod.Post, "progress", large)).Status);
        using var client = LoopbackCertificate.Client(world.Plane.Endpoint);
        using var chunked = new HttpRequestMessage(HttpMethod.Post, $"/provision/{agent.Token}/progress") { Content = ArmHttp.Text(large) };
        chunked.Headers.TransferEncodingChunked = true;
        using var refused = await client.SendAsync(chunked);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
    }

    [Fact]
    public async Task An_agent_that_gives_up_is_quoted()
    {
        var agent = await KnockAsync("giving-up");
        Assert.Equal(204, (await agent.PostAsync("failed", new() { ["seq"] = 1, ["code"] = "WriteFailed", ["message"] = "I/O error on nvme0n1", ["evidence"] = new JsonObject { ["sector"] = 2048 } })).Status);
        var ended = await world.FinishAsync(agent.Accepted);
        Assert.Equal("WriteFailed", ended.ErrorCode);
        Assert.Contains("I/O error on nvme0n1", ended.Text, StringComparison.Ordinal);
        Assert.Contains("2048", ended.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_canceled_operation_tells_its_agent_to_stop_and_can_be_tried_again()
    {
        var agent = await KnockAsync("canceled");
        await agent.StartWipeAsync();
        var operation = new Uri(agent.Accepted.Header("Azure-AsyncOperation")!);
        await BareMetalWorld.SucceedAsync(world.Arm.PostAsync($"{operation.AbsolutePath}/cancel"));
        Assert.Equal("Canceled", (await world.FinishAsync(agent.Accepted)).OperationStatus);
        Assert.Equal((409, "AttemptEnded"), Refusal(await agent.PostAsync("progress", new() { ["seq"] = 1, ["phase"] = "wiping", ["percent"] = 1 })));
        Assert.Equal(404, (await SendAsync(agent.Token, HttpMethod.Get, "instructions")).Status);
        Assert.Equal(("Error", "Canceled"), StatesOf(await world.PropertiesAsync(BareMetalWorld.MachinePath("canceled"))));

        agent.Place.Suffers(Scenario.None);
        Assert.Equal("Succeeded", (await world.ActAsync(BareMetalWorld.MachinePath("canceled"), "retry")).OperationStatus);
        Assert.Equal(("Provisioned", "Succeeded"), StatesOf(await world.PropertiesAsync(BareMetalWorld.MachinePath("canceled"))));
        Assert.Equal(1, agent.Place.WipesOf(agent.Place.RootSerial));
    }

    [Fact]
    public async Task The_first_pxe_look_up_wins()
    {
        var place = (await world.TakeAsync()).Suffers(Scenario.NeverBoots);
        var accepted = await world.Arm.PutAsync(BareMetalWorld.MachinePath("pxe"), place.Body(properties => properties["bootMethod"] = "Pxe"));
        Assert.Equal(201, accepted.Status);
        await Eventually.Async(() => place.Machine.Power == PowerState.On, "the machine boots");
        using var client = LoopbackCertificate.Client(world.Plane.Endpoint);
        var looks = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => client.GetAsync($"/provision/pxe/{place.Machine.Identity.Mac}/boot.ipxe")));
        var won = Assert.Single(looks, look => look.StatusCode == HttpStatusCode.OK);
        Assert.Equal(7, looks.Count(look => look.StatusCode == HttpStatusCode.NotFound));
        var script = await won.Content.ReadAsStringAsync();
        Assert.StartsWith("#!ipxe\nchain https://", script, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri(script["#!ipxe\nchain ".Length..].Trim()))).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/provision/pxe/02:00:00:00:00:99/boot.ipxe")).StatusCode);
    }

    /// <summary>One attempt for all requests that must change nothing.</summary>
    private async Task<DoorAgent> SharedAsync() => world.Victim ??= await KnockAsync("victim");

    private Task<DoorAgent> KnockAsync(string name) => DoorAgent.KnockAsync(world, name);

    private Task<ArmAnswer> SendAsync(string token, HttpMethod method, string step, string? body = null) => DoorAgent.SendAsync(world, token, method, step, body);

    private static JsonObject Wiped(string serial, string method) => new() { ["serial"] = serial, ["method"] = method };

    private static (string? Detailed, string? Provisioning) StatesOf(System.Text.Json.JsonElement machine) => (machine.GetProperty("detailedStatus").GetString(), machine.GetProperty("provisioningState").GetString());

    private static (int, string?) Refusal(ArmAnswer answer) => (answer.Status, answer.ErrorCode);
}
