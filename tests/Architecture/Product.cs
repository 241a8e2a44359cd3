using System.Reflection;
using ControlPlane.Contracts.Arm;
using ControlPlane.Host;
using ControlPlane.Persistence;
using ControlPlane.Simulators;

namespace ControlPlane.Tests.Architecture;

/// <summary>The product's assemblies, and the files of the checkout that the tests were built from.</summary>
internal static class Product
{
    public static Assembly Contracts { get; } = typeof(ResourceId).Assembly;
    public static Assembly Persistence { get; } = typeof(ControlPlaneDb).Assembly;
    public static Assembly Kubernetes { get; } = typeof(Kubernetes.MemberApplier).Assembly;
    public static Assembly Agent { get; } = typeof(Agent.Hub).Assembly;
    public static Assembly Admission { get; } = typeof(ResourceTypes).Assembly;
    public static Assembly Defaults { get; } = typeof(Defaults.ServiceDefaults).Assembly;
    public static Assembly Api { get; } = typeof(Api.Arm.FrontDoor).Assembly;
    public static Assembly Worker { get; } = typeof(Worker.WorkerComposition).Assembly;
    public static Assembly Host { get; } = typeof(HostComposition).Assembly;
    public static Assembly Simulators { get; } = typeof(SimulatedRack).Assembly;

    public static IReadOnlyList<Assembly> Assemblies { get; } = [Contracts, Kubernetes, Persistence, Admission, Defaults, Api, Worker, Host, Agent, Simulators];

    public static string Root { get; } = FindRoot();

    private static readonly string[] Rooms = ["contracts", "kubernetes", "persistence", "admission", "defaults", "api", "worker", "host", "simulators", "clients", "bench", "tests"];

    /// <summary>Every C# file written by hand, by its path below the root.</summary>
    public static IReadOnlyList<string> Sources { get; } =
    [
        .. Rooms.SelectMany(room => Directory.EnumerateFiles(Path.Combine(Root, room), "*.cs", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Where(file => !file.Contains("/Migrations/", StringComparison.Ordinal) && !file.Contains("/Generated/", StringComparison.Ordinal) && !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    public static string Read(string file) => File.ReadAllText(Path.Combine(Root, file));

    /// <summary>The names of our own assemblies that this one refers to.</summary>
    public static IEnumerable<string> OwnReferences(this Assembly assembly) =>
        assembly.GetReferencedAssemblies().Select(reference => reference.Name!).Where(name => name.StartsWith("ControlPlane.", StringComparison.Ordinal));

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "ControlPlane.sln")))
            directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException($"There is no ControlPlane.sln above {AppContext.BaseDirectory}; the architecture tests read the sources.");
    }
}
