using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Fixtures;

namespace ControlPlane.Tests.Conformance;

/// <summary>A resource of one type, at an address of its own, that a rule is tried on.</summary>
internal sealed class Subject
{
    private static int count;
    private readonly string group;

    private Subject(ControlPlaneFixture plane, Samples samples, string type, string group, bool claimMachine)
    {
        (Plane, Type, this.group) = (plane, ResourceTypes.All.Single(known => known.Type.ToString() == type), group);
        Sample = samples.Of(Type.Type);
        Name = $"{(Sample.IsLowerCase ? "thing" : "Thing")}-{Interlocked.Increment(ref count):0000}";
        Path = PathOf(Name);
        Body = new() { ["location"] = "westeurope", ["tags"] = new JsonObject { ["purpose"] = "test" }, ["properties"] = Sample.Properties(claimMachine) };
    }

    public ControlPlaneFixture Plane { get; }
    public ArmHttp Arm => Plane.Arm;
    public RegisteredType Type { get; }
    public Sample Sample { get; }
    public string Name { get; }

    /// <summary>Its resource id.</summary>
    public string Path { get; }

    public string Collection => Path[..Path.LastIndexOf('/')];

    /// <summary>What creates it; tests change it before they send it.</summary>
    public JsonObject Body { get; }

    public JsonObject Properties => Body["properties"]!.AsObject();

    /// <summary>On the front door without workers: what it accepts goes on until <see cref="EndAsync"/>.</summary>
    public static Subject Frozen(ConformanceFixture fixture, string type, string group = ConformanceFixture.Group) =>
        new(fixture.Frozen, fixture.Samples, type, group, claimMachine: false);

    /// <summary>On the whole control plane: operations run and end.</summary>
    public static Subject Running(ConformanceFixture fixture, string type, string group = ConformanceFixture.Group) =>
        new(fixture.Whole, fixture.Samples, type, group, claimMachine: true);

    public Task<ArmAnswer> PutAsync(params (string Name, string Value)[] headers) => Arm.PutAsync(Path, Body, headers);

    public Task<ArmAnswer> PatchAsync(JsonObject patch, params (string Name, string Value)[] headers) => Arm.PatchAsync(Path, patch, headers);

    public Task<ArmAnswer> GetAsync(params (string Name, string Value)[] headers) => Arm.GetAsync(Path, headers);

    public Task<ArmAnswer> DeleteAsync(params (string Name, string Value)[] headers) => Arm.DeleteAsync(Path, headers);

    /// <summary>PUTs it; the answer is that of the PUT.</summary>
    public async Task<ArmAnswer> CreateAsync() => (await PutAsync()).Is(201);

    /// <summary>Creates it and lets its operation succeed; the answer is how it reads then.</summary>
    public async Task<ArmAnswer> SettleAsync()
    {
        await CreateAsync();
        await EndAsync(ProvisioningState.Succeeded);
        return (await GetAsync()).Is(200);
    }

    /// <summary>Ends the active operation as a worker would, on a front door that has none.</summary>
    public async Task EndAsync(ProvisioningState end, string? error = null)
    {
        await Plane.Database.ExecuteAsync("""
            with ended as (
                update operations set status = $2, ended_at = now(), lease_until = null, error = $3::jsonb, percent = case when $2 = 'Succeeded' then 100 else percent end
                where resource_key = $1 and ended_at is null returning request),
            gone as (delete from resources where key = $1 and $2 = 'Succeeded' and exists (select from ended where request = 'delete'))
            update resources set state = $2, version = version + 1 where key = $1 and exists (select from ended where request <> 'delete' or $2 <> 'Succeeded')
            """, Path.ToLowerInvariant(), end.ToString(), error);
    }

    public string PathOf(string name) => Type.Type == ResourceType.ResourceGroup
        ? $"{ArmHttp.SubscriptionPath}/resourceGroups/{name}"
        : $"{ArmHttp.SubscriptionPath}/resourceGroups/{group}/providers/{Type.Type}/{name}";

    /// <summary>Puts a value at a path below <c>properties</c> of what will be sent.</summary>
    public void Set(string path, JsonNode? value)
    {
        var parts = path.Split('.');
        var at = parts[..^1].Aggregate(Properties, (node, part) => node[part]!.AsObject());
        at[parts[^1]] = value;
    }

    public void Remove(string path)
    {
        var parts = path.Split('.');
        parts[..^1].Aggregate(Properties, (node, part) => node[part]!.AsObject()).Remove(parts[^1]);
    }

    /// <summary>The merge patch that puts a value at a path below <c>properties</c>.</summary>
    public static JsonObject PatchOf(string path, JsonNode? value) =>
        new() { ["properties"] = path.Split('.').Reverse().Aggregate(value, (inner, part) => new JsonObject { [part] = inner }) };

    /// <summary>What an answer shows at a path below <c>properties</c>, as JSON text; null when it is not there.</summary>
    public static string? Read(ArmAnswer answer, string path)
    {
        var at = answer.Json.GetProperty("properties");
        foreach (var part in path.Split('.'))
        {
            if (at.ValueKind is not JsonValueKind.Object || !at.TryGetProperty(part, out at))
                return null;
        }

        return JsonSerializer.Serialize(at, Json.Options);
    }

    public static string Text(JsonNode value) => value.ToJsonString(Json.Options);

    public override string ToString() => Path;
}
