using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Engine;

/// <summary>One trace from the HTTP request through the database row and the bus to the call of the outside world, and metrics per kind of operation.</summary>
[Collection(EngineAlone.Name)]
public sealed class TelemetryTests
{
    private const string TraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    private static readonly (string Name, string Value) TraceParent = ("traceparent", $"00-{TraceId}-00f067aa0ba902b7-01");

    [Fact]
    public async Task A_request_and_what_it_causes_are_one_trace_up_to_the_call_of_the_cluster()
    {
        await using var cluster = await ScriptedCluster.StartAsync();
        await using var plane = await ControlPlaneFixture.StartAsync();
        using var spans = new Spans();
        await Eventually.Async(async () =>
        {
            await PutAsync(plane.Arm, $"ControlPlane.BareMetal/osImages/{Guid.NewGuid():N}", EngineTests.Image(), trace: null);
            return spans.HintsArrive;
        }, "hints arrive");
        var script = cluster.Add();

        var started = await PutAsync(plane.Arm, "Microsoft.Kubernetes/connectedClusters/one", script.Resource, TraceParent);
        await plane.Arm.FinishAsync(started.Accepted);

        Assert.Contains(TraceId, (string)(await plane.Database.ScalarAsync("select trace_parent from operations where id = $1", started.Operation))!, StringComparison.Ordinal);
        Assert.All(script.TraceParents, header => Assert.Contains(TraceId, header, StringComparison.Ordinal));
        await spans.HaveAsync("Microsoft.AspNetCore", _ => true, "the request");
        await spans.HaveAsync("MassTransit", span => span.Kind is ActivityKind.Producer, "the hint is sent");
        await spans.HaveAsync("MassTransit", span => span.Kind is ActivityKind.Consumer, "the hint is received");
        await spans.HaveAsync("ControlPlane.Worker", span => span.DisplayName == "Microsoft.Kubernetes/connectedClusters/put", "the operation");
        await spans.HaveAsync("ControlPlane.Worker", span => span.DisplayName == "AskForVersion", "its step");
        await spans.HaveAsync("System.Net.Http", span => ((string?)span.GetTagItem("url.full"))?.EndsWith("/version", StringComparison.Ordinal) is true, "the call");
        await spans.HaveAsync("Npgsql", _ => true, "the database");
    }

    [Fact]
    public async Task A_request_and_what_it_causes_are_one_trace_up_to_the_call_of_the_BMC()
    {
        await using var rack = await SimulatedRack.StartAsync(new() { Machines = 1 });
        await using var plane = await ControlPlaneFixture.StartAsync();
        using var spans = new Spans();

        var started = await PutAsync(plane.Arm, "ControlPlane.BareMetal/bareMetalMachines/one", new JsonObject
        {
            ["location"] = "westeurope",
            ["properties"] = new JsonObject
            {
                ["allowUncertifiedHardware"] = true,
                ["bmc"] = new JsonObject
                {
                    ["endpoint"] = $"https://127.0.0.1:{rack.Ready.BmcPortBase}",
                    ["credentials"] = new JsonObject { ["userName"] = rack.Ready.UserName, ["password"] = rack.Ready.Password },
                    ["tls"] = new JsonObject { ["mode"] = "Pinned", ["sha256Fingerprint"] = rack.Ready.BmcFingerprint },
                },
            },
        }, TraceParent);
        var status = await plane.Arm.FinishAsync(started.Accepted);

        Assert.Equal("Succeeded", status.OperationStatus);
        await spans.HaveAsync("ControlPlane.Worker", span => span.DisplayName == "Inspect", "the step");
        await spans.HaveAsync("System.Net.Http", span => ((string?)span.GetTagItem("url.full"))?.Contains($":{rack.Ready.BmcPortBase}/redfish/v1", StringComparison.Ordinal) is true, "the call of the BMC");
        // What a trace says may be read by many: no credential is in it.
        Assert.DoesNotContain(spans.All, span => span.TagObjects.Any(tag => tag.Value?.ToString()?.Contains(rack.Ready.Password, StringComparison.Ordinal) is true));
    }

    [Fact]
    public async Task Each_end_of_an_operation_is_measured_with_its_kind_and_outcome()
    {
        await using var cluster = await ScriptedCluster.StartAsync();
        await using var plane = await ControlPlaneFixture.StartAsync();
        var measured = new ConcurrentBag<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, mine) =>
        {
            if (instrument is { Name: "controlplane.operation.duration", Unit: "s" })
                mine.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, seconds, tags, _) =>
        {
            var labels = tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value, StringComparer.Ordinal);
            if (seconds >= 0)
                measured.Add($"{labels["operation.kind"]} {labels["operation.outcome"]}");
        });
        listener.Start();
        var (good, bad) = (cluster.Add(), cluster.Add());
        bad.Status = 403;

        await plane.Arm.FinishAsync((await PutAsync(plane.Arm, "Microsoft.Kubernetes/connectedClusters/good", good.Resource, trace: null)).Accepted);
        await plane.Arm.FinishAsync((await PutAsync(plane.Arm, "Microsoft.Kubernetes/connectedClusters/bad", bad.Resource, trace: null)).Accepted);

        await Eventually.Async(() => measured.Count >= 2, "both ends are measured");
        Assert.Single(measured, "Microsoft.Kubernetes/connectedClusters/put Succeeded");
        Assert.Single(measured, "Microsoft.Kubernetes/connectedClusters/put Failed");
    }

    private static async Task<Started> PutAsync(ArmHttp arm, string path, JsonObject resource, (string Name, string Value)? trace)
    {
        var group = $"{ArmHttp.SubscriptionPath}/resourceGroups/traced";
        await arm.PutAsync(group, new JsonObject { ["location"] = "westeurope" });
        return EngineTests.Begun($"{group}/providers/{path}", await arm.PutAsync($"{group}/providers/{path}", resource, trace is { } header ? [header] : []));
    }

    /// <summary>The spans of this process that belong to the trace of the test.</summary>
    private sealed class Spans : IDisposable
    {
        private readonly ConcurrentQueue<Activity> spans = new();
        private readonly ActivityListener listener;

        public Spans()
        {
            listener = new()
            {
                ShouldListenTo = source => source.Name is "Microsoft.AspNetCore" or "System.Net.Http" or "MassTransit" or "Npgsql" || source.Name.StartsWith("ControlPlane.", StringComparison.Ordinal),
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = span =>
                {
                    if (span is { Kind: ActivityKind.Consumer, Source.Name: "MassTransit" })
                        HintsArrive = true;
                    if (span.TraceId.ToHexString() == TraceId)
                        spans.Enqueue(span);
                },
            };
            ActivitySource.AddActivityListener(listener);
        }

        public IReadOnlyCollection<Activity> All => spans;

        /// <summary>The bus delivers by now: it connects while the host already serves, and a hint sent before is lost, as hints may be.</summary>
        public bool HintsArrive { get; private set; }

        public Task HaveAsync(string source, Func<Activity, bool> condition, string what) => Eventually.Async(
            () => Task.FromResult(string.Join('\n', spans.Select(span => $"{span.Source.Name} {span.Kind} {span.DisplayName}"))),
            _ => spans.Any(span => span.Source.Name == source && condition(span)), $"the trace has {what} ({source})");

        public void Dispose() => listener.Dispose();
    }
}
