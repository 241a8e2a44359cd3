using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>Whatever is sent, the answer is an error of the client: never a 500, never silence.</summary>
[Collection(ConformanceSuite.Name)]
public sealed class HostileInputTests(ConformanceFixture fixture)
{
    private ArmHttp Arm => fixture.Frozen.Arm;

    [Theory, EachType]
    public async Task JSON_nested_too_deeply_is_400(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var depth in new[] { 65, 10_000, 200_000 })
        {
            await RefusedAsync(thing, $"{{\"location\":\"westeurope\",\"properties\":{{\"x\":{new string('[', depth)}{new string(']', depth)}}}}}");
            await RefusedAsync(thing, string.Concat(Enumerable.Repeat("{\"properties\":", depth)) + "1" + new string('}', depth));
        }
    }

    [Theory, EachType]
    public async Task A_name_that_appears_twice_is_400_at_any_depth(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        await RefusedAsync(thing, """{"location":"westeurope","location":"westus"}""");
        await RefusedAsync(thing, """{"location":"westeurope","tags":{"a":"1","a":"2"}}""");
        await RefusedAsync(thing, """{"location":"westeurope","properties":{},"properties":{}}""");
        if (thing.Sample.Required.Length == 0)
            return;
        thing.Set(thing.Sample.Required.ToUpperInvariant(), thing.Properties[thing.Sample.Required]!.DeepClone());
        (await thing.PutAsync()).Is(400);
    }

    [Theory, EachType]
    public async Task Numbers_that_fit_nowhere_are_400(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var number in new[] { "1e999", "-1e999", new string('9', 100_000), "1.5", "-0", "9223372036854775808" })
        {
            await RefusedAsync(thing, $"{{\"location\":{number}}}");
            foreach (var name in thing.Properties.Select(member => member.Key))
                await RefusedAsync(thing, thing.Body.ToJsonString().Replace($"\"{name}\":", $"\"{name}\":{number},\"x{name}\":", StringComparison.Ordinal));
        }
    }

    [Theory, EachType]
    public async Task Characters_that_no_text_may_hold_are_400_wherever_they_stand(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var poison in new[] { "\\u0000", "a\\u0000b", "\\ud800", "\\udc00x" })
        {
            await RefusedAsync(thing, $"{{\"location\":\"{poison}\"}}");
            await RefusedAsync(thing, $"{{\"location\":\"westeurope\",\"{poison}\":1}}");
            await RefusedAsync(thing, $"{{\"location\":\"westeurope\",\"tags\":{{\"k\":\"{poison}\"}}}}");
            await RefusedAsync(thing, $"{{\"location\":\"westeurope\",\"tags\":{{\"{poison}\":\"v\"}}}}");
            await RefusedAsync(thing, $"{{\"location\":\"westeurope\",\"properties\":{{\"{poison}\":\"v\"}}}}");
            foreach (var (name, value) in thing.Properties.Where(member => member.Value is JsonValue))
                await RefusedAsync(thing, thing.Body.ToJsonString().Replace($"\"{name}\":{value!.ToJsonString()}", $"\"{name}\":\"{poison}\"", StringComparison.Ordinal));
        }

        using var broken = new ByteArrayContent([.. "{\"location\":\"westeurope\",\"tags\":{\"k\":\""u8, 0xff, 0xfe, 0xc0, .. "\"}}"u8]);
        broken.Headers.ContentType = new("application/json");
        (await Arm.SendAsync(HttpMethod.Put, thing.Path, broken)).Is(400);
        await thing.SettleAsync();
        (await Arm.SendAsync(HttpMethod.Patch, thing.Path, ArmHttp.Text("""{"tags":{"k":"\u0000"}}"""))).Is(400);
        (await Arm.SendAsync(HttpMethod.Patch, thing.Path, ArmHttp.Text("""{"properties":{"\ud800":{"\u0000":null}}}"""))).Is(400);
    }

    [Theory, EachType]
    public async Task Names_and_groups_of_any_bytes_are_4xx(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var bytes in new[] { "%00", "a%00b", "%ff", "%ed%a0%80", "%c0%ae%c0%ae", "%252e%252e", "..%2f..%2f", "%2e%2e", new string('n', 3000), "%F0%9F%92%A9%00" })
        {
            foreach (var path in new[] { thing.PathOf(bytes), thing.Path.Replace($"/{ConformanceFixture.Group}/", $"/{bytes}/", StringComparison.Ordinal), $"/subscriptions/{bytes}/resources", $"{thing.Path}/{bytes}" })
            {
                if (path == thing.Path)
                    continue;
                foreach (var verb in new[] { HttpMethod.Get, HttpMethod.Put, HttpMethod.Patch, HttpMethod.Delete, HttpMethod.Post, HttpMethod.Head })
                {
                    var answer = await Arm.SendAsync(verb, path, verb == HttpMethod.Put || verb == HttpMethod.Patch ? ArmHttp.Json(thing.Body) : null);
                    Assert.True(answer.Status is >= 400 and < 500 || (verb == HttpMethod.Delete && answer.Status == 204) || Resolves(path, answer), answer.ToString());
                }
            }
        }
    }

    [Theory, EachType(Which.Grouped)]
    public async Task Operations_and_queries_of_any_bytes_are_4xx(string type)
    {
        var thing = Subject.Frozen(fixture, type);
        foreach (var bytes in new[] { "%00", "%ff", "'--", new string('9', 3000), "{}" })
        {
            foreach (var path in new[]
            {
                $"{ArmHttp.SubscriptionPath}/providers/{type.Split('/')[0]}/locations/westeurope/operationStatuses/{bytes}", $"{ArmHttp.SubscriptionPath}/providers/{bytes}",
                $"{thing.Collection}?$top={bytes}", $"{thing.Collection}?$skipToken={bytes}", $"{thing.Collection}?$filter={bytes}", $"{thing.Path}?api-version={bytes}",
            })
            {
                var answer = await Arm.SendAsync(HttpMethod.Get, path);
                Assert.True(answer.Status is >= 400 and < 500, answer.ToString());
            }
        }
    }

    [Theory, EachType]
    public async Task Any_value_at_any_place_of_a_body_is_accepted_or_refused_and_never_500(string type)
    {
        var places = Places(Subject.Frozen(fixture, type).Body, []).ToList();
        string[] values = ["null", "\"\"", "0", "-1", "1e308", "123456789012345678901234567890", "true", "[]", "{}", "[null]", "[[1]]", """{"a":null}""", "\"\\\\\"", $"\"{new string('x', 70_000)}\"", "\"{slot:99999999999}\"", "\"https://\""];
        foreach (var place in places)
        {
            foreach (var value in values)
            {
                var thing = Subject.Frozen(fixture, type);
                var at = place[..^1].Aggregate((JsonNode)thing.Body, (node, name) => node[name]!);
                at[place[^1]] = JsonNode.Parse(value);
                var put = await thing.PutAsync();
                Assert.True(put.Status is 201 or 400 or 409, $"{string.Join('.', place)} = {value[..Math.Min(50, value.Length)]}: {put.Status} {put.Text}");
                if (put.Status == 201)
                    (await thing.PatchAsync(new() { ["tags"] = new JsonObject() })).Is(type == ResourceType.ResourceGroup.ToString() ? 200 : 409);
            }
        }
    }

    [Theory, EachType]
    public async Task The_longest_names_are_accepted_and_read_back(string type)
    {
        // Three bytes in UTF-8 a character, none alike: the longest keys that an index must hold.
        var (group, name) = (Distinct(0x4e00), Distinct(0x5e00));
        var thing = Subject.Frozen(fixture, type, Uri.EscapeDataString(group));
        if (type != ResourceType.ResourceGroup.ToString())
            Assert.InRange((await Arm.PutAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/{Uri.EscapeDataString(group)}", new JsonObject { ["location"] = "westeurope" })).Status, 200, 201);
        var path = thing.PathOf(thing.Sample.IsLowerCase ? new string('n', 50) : Uri.EscapeDataString(name));
        (await Arm.PutAsync(path, thing.Body)).Is(201);
        Assert.Equal(Uri.UnescapeDataString(path), (await Arm.GetAsync(path)).Is(200).Json.GetProperty("id").GetString());

        static string Distinct(int first) => string.Concat(Enumerable.Range(first, 260).Select(code => (char)code));
    }

    [Fact]
    public async Task Conditions_and_ids_in_headers_of_any_kind_are_never_500()
    {
        var path = $"{ArmHttp.SubscriptionPath}/resourceGroups/{ConformanceFixture.Group}";
        foreach (var value in new[] { "", "*", "\"", "W/", "\"1", ",,,", new string('"', 4000) })
        {
            foreach (var name in new[] { "If-Match", "If-None-Match", "x-ms-correlation-request-id", "x-ms-client-request-id", "x-ms-return-client-request-id", "traceparent", "Accept", "Content-Encoding", "X-Forwarded-Host" })
                Assert.True((await Arm.GetAsync(path, (name, value))).Status < 500);
        }
    }

    [Fact]
    public async Task A_body_that_ends_early_leaves_nothing_behind()
    {
        var thing = Subject.Frozen(fixture, ResourceType.ResourceGroup.ToString());
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync("127.0.0.1", Arm.Endpoint.Port);
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"PUT {thing.Path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{"));
        }

        (await thing.GetAsync()).Is(404);
    }

    /// <summary>The path of every member at any depth.</summary>
    private static IEnumerable<string[]> Places(JsonObject body, string[] above)
    {
        foreach (var (name, value) in body)
        {
            yield return [.. above, name];
            foreach (var below in value is JsonObject inner ? Places(inner, [.. above, name]) : [])
                yield return below;
        }
    }

    private async Task RefusedAsync(Subject thing, string body)
    {
        var answer = await Arm.SendAsync(HttpMethod.Put, thing.Path, ArmHttp.Text(body));
        Assert.True(answer.Status == 400 && answer.ErrorCode is not null, answer.ToString()[..Math.Min(2000, answer.ToString().Length)]);
    }

    /// <summary>Dot segments are resolved before routing: what is then addressed is a list or a parent.</summary>
    private static bool Resolves(string path, ArmAnswer answer) => path.Contains("%2e%2e", StringComparison.Ordinal) && answer.Status is 200 or 204;
}
