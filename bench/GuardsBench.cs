using System.Diagnostics;
using System.Text.Json;
using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Authorization;
using ControlPlane.Admission.Policy;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Persistence.Arm;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Bench;

/// <summary>
/// What roles, policy and locks add to a PUT: the tenant's owner in a group without policies and locks, against somebody with grants through groups in a group under guard (<see cref="Governance"/>),
/// in turns at the same front door. Processor time of front door and database per request is compared, for rates move with the machine.
/// </summary>
internal static class GuardsBench
{
    private const int Connections = 32;
    private const int Rounds = 4;
    private const string Open = "bench-open";
    private static readonly string[] Server = ["host", "postgres"];
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(5);

    public static async IAsyncEnumerable<Measure> RunAsync(Stack embedded)
    {
        await using var door = await FrontDoorProcess.StartAsync(embedded);
        using var stack = await Stack.OpenAsync(door);
        await stack.PutGroupAsync(Open);
        var (token, principal) = await new Governance(stack).EstablishAsync();
        await stack.ExecuteAsync("vacuum analyze resources");
        var number = 0L;
        long Next() => Interlocked.Increment(ref number);

        await using var load = await Load.OpenAsync(stack, Connections);
        var (open, guarded) = (Put(stack, Open, Governance.StoredTags, stack.Token), Put(stack, Governance.Group, Governance.Tags, token));
        var few = Put(stack, Governance.FewGroup, Governance.FewTags, token);
        await load.WarmUpAsync(open, Next, 201);
        await load.WarmUpAsync(guarded, Next, 201);
        await load.WarmUpAsync(few, Next, 201);
        var (openMeter, guardedMeter, fewMeter) = (new CpuMeter(stack), new CpuMeter(stack), new CpuMeter(stack));
        var (openRates, guardedRates) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            openRates.Add(await openMeter.DuringAsync(Round, async () => (await load.FloodAsync(open, Next, 201, Round)).PerSecond));
            await fewMeter.DuringAsync(Round, async () => (await load.FloodAsync(few, Next, 201, Round)).PerSecond);
            guardedRates.Add(await guardedMeter.DuringAsync(Round, async () => (await load.FloodAsync(guarded, Next, 201, Round)).PerSecond));
        }

        var whole = openMeter.Microseconds(Server);
        yield return Measure.AtMost("guards", (guardedMeter.Microseconds(Server) / whole - 1) * 100, "%", 15);
        yield return Measure.Fact("guards.few", (fewMeter.Microseconds(Server) / whole - 1) * 100, "%");
        yield return Measure.Fact("guards.rate", guardedRates.Median(), "put/s") with { Reference = openRates.Median(), Ratio = guardedRates.Median() / openRates.Median() };
        foreach (var part in openMeter.PerRequest("guards.open").Concat(fewMeter.PerRequest("guards.few")).Concat(guardedMeter.PerRequest("guards.guarded")))
            yield return part;

        await using var inside = Inside.Open(door);
        foreach (var part in await Guards.TimeAsync(inside, stack, principal))
            yield return part;
        await foreach (var part in QuotaAsync(inside, stack, load, Next))
            yield return part;
    }

    /// <summary>A place of a quota: the same machine accepted with and without one, in this process, one after another; and what all of a machine's PUT costs.</summary>
    private static async IAsyncEnumerable<Measure> QuotaAsync(IServiceProvider inside, Stack stack, Load load, Func<long> next)
    {
        var put = new NumberedRequest(stack, "PUT", $"{stack.GroupPath(Open)}/providers/{BareMetalMachine.Type}/machine-{{n}}", Machine(stack));
        await load.WarmUpAsync(put, next, 201);
        var meter = new CpuMeter(stack);
        var rate = await meter.DuringAsync(Round, async () => (await load.FloodAsync(put, next, 201, Round)).PerSecond);

        var acceptor = inside.GetRequiredService<Acceptor>();
        var (with, without) = (new CpuMeter(stack), new CpuMeter(stack));
        for (var round = 0; round <= Rounds; round++)
        {
            await AcceptAsync(without, acceptor, stack, next, quota: null);
            await AcceptAsync(with, acceptor, stack, next, new("general", 1));
            // The first round is for warming up.
            if (round == 0)
                (with, without) = (new(stack), new(stack));
        }

        string[] here = ["client", "postgres"];
        var (added, whole) = (with.Microseconds(here) - without.Microseconds(here), meter.Microseconds(Server));
        yield return Measure.AtMost("guards.quota", added / (whole - added) * 100, "%", 15);
        yield return Measure.Fact("guards.quota.cpu", added, "us/request");
        yield return Measure.Fact("guards.machine.rate", rate, "put/s");
        foreach (var part in meter.PerRequest("guards.machine"))
            yield return part;
    }

    private static async Task AcceptAsync(CpuMeter meter, Acceptor acceptor, Stack stack, Func<long> next, QuotaDemand? quota)
    {
        const int Count = 2000;
        var time = TimeSpan.FromSeconds(1);
        await meter.DuringAsync(time, async () =>
        {
            for (var n = 0; n < Count; n++)
            {
                var id = ResourceId.Create(stack.Subscription, Open, BareMetalMachine.Type, [$"inside-{next()}"]);
                var outcome = await acceptor.AcceptAsync(new()
                {
                    Id = id,
                    ExpectedVersion = null,
                    Location = stack.Location,
                    State = ProvisioningState.Accepted,
                    Properties = Images.Properties,
                    UniqueKey = $"bmc:{id.Name}",
                    Quota = quota,
                    Operation = new(Guid.CreateVersion7(), "put", stack.Location, TimeSpan.FromHours(1)),
                    Action = "ControlPlane.BareMetal/bareMetalMachines/write",
                    Caller = new(stack.Subscription, "Application", stack.Subscription),
                }, CancellationToken.None);
                if (outcome is not AcceptOutcome.Accepted)
                    throw new InvalidOperationException($"A machine was not accepted: {outcome}");
            }

            return Count;
        });
    }

    private static NumberedRequest Put(Stack stack, string group, string tags, string token) =>
        new(stack, "PUT", $"{stack.ImagesPath(group)}/img-{{n}}", $$"""{"location":"{{stack.Location}}","tags":{{tags}},"properties":{{Images.Properties}}}""", token);

    private static string Machine(Stack stack) =>
        $$$"""{"location":"{{{stack.Location}}}","properties":{"bmc":{"endpoint":"https://bmc-{n}.example","credentials":{"userName":"root","password":"calvin"}},"skuFamily":"general"}}""";
}

/// <summary>The guards one by one, in this process and on the front door's database, each repeated by itself: microseconds by the clock for one PUT.</summary>
internal static class Guards
{
    private const int Repeated = 2000;
    private const int Rounds = 5;

    public static async Task<IReadOnlyList<Measure>> TimeAsync(IServiceProvider inside, Stack stack, string principal)
    {
        var (authorizer, lookup, policies) = (inside.GetRequiredService<Authorizer>(), inside.GetRequiredService<ResourceLookup>(), inside.GetRequiredService<PolicyGate>());
        var (type, action) = (ResourceTypes.Find(OsImage.Type), $"{OsImage.Type}/write");
        ResourceId Image(string group) => ResourceId.Parse($"{stack.ImagesPath(group)}/img-new");
        var (open, guarded) = (Image("bench-open"), Image(Governance.Group));
        var body = JsonElement.Parse($$"""{"location":"{{stack.Location}}","tags":{{Governance.Tags}},"properties":{{Images.Properties}}}""");
        var around = await lookup.SurroundingsAsync(guarded, below: false, CancellationToken.None);

        var names = new List<(string Name, Func<Task> Once)>
        {
            // A PUT asks three times: for its subscription's budget, for its route, for its write.
            ("guards.us.roles", async () =>
            {
                (await authorizer.GrantsOfAsync(principal, [], CancellationToken.None)).Sees($"/subscriptions/{stack.Subscription}");
                var grants = await authorizer.GrantsOfAsync(principal, [], CancellationToken.None);
                if (!grants.Sees($"/subscriptions/{stack.Subscription}") || !grants.Allows(action, guarded.Text) || !grants.Allows(action, guarded.Key))
                    throw new InvalidOperationException("The guarded principal may not write images.");
            }),
            ("guards.us.read-open", async () => (await lookup.SurroundingsAsync(open, below: false, CancellationToken.None)).DemandUnlocked(action, isDelete: false)),
            ("guards.us.read-guarded", async () => (await lookup.SurroundingsAsync(guarded, below: false, CancellationToken.None)).DemandUnlocked(action, isDelete: false)),
            ("guards.us.policy", async () => await policies.PutAsync(type, around, body, CancellationToken.None)),
        };
        var times = names.ToDictionary(part => part.Name, _ => new List<double>(), StringComparer.Ordinal);
        for (var round = 0; round <= Rounds; round++)
        {
            foreach (var (name, once) in names)
            {
                var begin = Stopwatch.GetTimestamp();
                for (var n = 0; n < Repeated; n++)
                    await once();
                // The first round is for warming up.
                if (round > 0)
                    times[name].Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds / Repeated);
            }
        }

        return [.. times.Select(part => Measure.Fact(part.Key, part.Value.Median(), "us/request"))];
    }
}
