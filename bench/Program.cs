using ControlPlane.Bench;

var benches = new Dictionary<string, Func<Stack, IAsyncEnumerable<Measure>>>(StringComparer.Ordinal)
{
    ["accept"] = AcceptBench.RunAsync,
    ["guards"] = GuardsBench.RunAsync,
    ["roles"] = RolesBench.RunAsync,
    ["get"] = GetBench.RunAsync,
    ["list.p99-at-200"] = PageBench.RunAsync,
    ["whatif"] = DeploymentBench.CompareAsync,
    ["deploy"] = DeploymentBench.DeployAsync,
    ["graph"] = GraphBench.RunAsync,
    ["operation"] = OperationBench.RunAsync,
    ["rack"] = RackBench.RunAsync,
    ["machines"] = MachinesBench.RunAsync,
    ["list"] = ListBench.RunAsync,
    ["fleet.2500"] = FleetBench.RunAsync,
    ["fleet.10000"] = FleetScaleBench.LargeAsync,
    ["fleet.bindings"] = FleetBindingsBench.RunAsync,
    ["fleet.agents"] = FleetAgentsBench.RunAsync,
    ["fleet.blackhole"] = FleetScaleBench.BlackHoleAsync,
    // Last: it leaves the database of the others for the one that people use.
    ["up"] = StartBench.RunAsync,
};

var json = args.Contains("--json", StringComparer.Ordinal);
var names = args.Where(arg => arg != "--json").ToList();
// A name stands for all that begin with it: fleet for fleet.2500 and the others.
bool Means(string name, string bench) => bench == name || bench.StartsWith($"{name}.", StringComparison.Ordinal);
if (names.Find(name => !benches.Keys.Any(bench => Means(name, bench))) is { } unknown)
{
    await Console.Error.WriteLineAsync($"There is no measure '{unknown}'. There are: {string.Join(", ", benches.Keys)}.");
    return 2;
}

var report = new Report(json);
var failed = false;
foreach (var (name, run) in benches.Where(bench => names.Count == 0 || names.Exists(name => Means(name, bench.Key))))
{
    await Console.Error.WriteLineAsync($"Measuring {name}");
    try
    {
        using var stack = await Stack.OpenAsync();
        await foreach (var measure in run(stack))
            report.Add(measure);
    }
    catch (Exception failure)
    {
        failed = true;
        await Console.Error.WriteLineAsync($"{name} could not be measured: {failure}");
    }
}

return failed ? 1 : 0;
