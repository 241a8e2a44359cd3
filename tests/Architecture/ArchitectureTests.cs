using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Worker.Arm;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace ControlPlane.Tests.Architecture;

/// <summary>What must stay true of the code itself.</summary>
public sealed class ArchitectureTests
{
    private const int LongestFile = 300;

    /// <summary>What a room may refer to; nothing else of ours.</summary>
    private static readonly Dictionary<string, string[]> MayReference = new(StringComparer.Ordinal)
    {
        ["contracts/Contracts.csproj"] = [],
        ["defaults/Defaults.csproj"] = [],
        ["persistence/Persistence.csproj"] = ["contracts/Contracts.csproj"],
        ["kubernetes/Kubernetes.csproj"] = ["contracts/Contracts.csproj"],
        ["admission/Admission.csproj"] = ["persistence/Persistence.csproj", "kubernetes/Kubernetes.csproj"],
        ["api/Api.csproj"] = ["admission/Admission.csproj", "defaults/Defaults.csproj"],
        ["worker/Worker.csproj"] = ["admission/Admission.csproj", "defaults/Defaults.csproj"],
        ["host/Host.csproj"] = ["api/Api.csproj", "worker/Worker.csproj", "defaults/Defaults.csproj"],
        ["simulators/Simulators.csproj"] = [],
        ["clients/sdk/csharp/Sdk.csproj"] = [],
        ["clients/agent/Agent.csproj"] = ["kubernetes/Kubernetes.csproj"],
        ["clients/cli/Cli.csproj"] = ["clients/sdk/csharp/Sdk.csproj"],
        ["bench/Bench.csproj"] = ["admission/Admission.csproj"],
        ["tests/Tests.csproj"] = ["host/Host.csproj", "api/Api.csproj", "worker/Worker.csproj", "simulators/Simulators.csproj", "clients/cli/Cli.csproj", "clients/agent/Agent.csproj", "clients/sdk/csharp/Sdk.csproj", "bench/Bench.csproj"],
    };

    [Fact]
    public void Projects_refer_to_what_their_room_may_refer_to()
    {
        var projects = Directory.EnumerateFiles(Product.Root, "*.csproj", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Product.Root, file))
            .Where(file => !file.StartsWith("artifacts", StringComparison.Ordinal) && !file.StartsWith(".local", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToList();
        Assert.All(projects, project => Assert.True(MayReference.ContainsKey(project), $"{project} is in no room that this test knows; say what it may refer to."));
        foreach (var project in projects)
        {
            var references = XDocument.Parse(Product.Read(project)).Descendants("ProjectReference")
                .Select(reference => Path.GetRelativePath(Product.Root, Path.GetFullPath(Path.Combine(Product.Root, Path.GetDirectoryName(project)!, reference.Attribute("Include")!.Value)))).ToList();
            Assert.True(references.Except(MayReference[project], StringComparer.Ordinal).ToList() is [], $"{project} refers to {string.Join(", ", references)}; allowed are {string.Join(", ", MayReference[project])}.");
        }
    }

    [Fact]
    public void Api_and_worker_never_see_each_other_and_simulators_know_nothing_of_the_inside()
    {
        Assert.DoesNotContain(Product.Worker.GetName().Name, Product.Api.OwnReferences());
        Assert.DoesNotContain(Product.Api.GetName().Name, Product.Worker.OwnReferences());
        Assert.Empty(Product.Simulators.OwnReferences());
        Assert.Empty(Product.Contracts.OwnReferences());
        Assert.Empty(Product.Defaults.OwnReferences());
        Assert.Equal(["ControlPlane.Contracts"], Product.Persistence.OwnReferences());
        Assert.Equal(["ControlPlane.Contracts"], Product.Kubernetes.OwnReferences());
        Assert.Equal(["ControlPlane.Contracts", "ControlPlane.Kubernetes"], Product.Agent.OwnReferences().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Shared_machinery_does_not_know_the_domains_and_a_domain_only_those_it_builds_on()
    {
        // Composition names the domains; everything else in Arm is for every type alike.
        string[] composition = ["api/Arm/FrontDoor.cs"];
        var builtOn = new Dictionary<string, string[]>(StringComparer.Ordinal)
        {
            ["Arm"] = ["Identity", "Authorization", "Policy"],
            ["Identity"] = ["Arm", "Authorization"],
            ["Clusters"] = ["Arm", "Identity"],
            ["Metering"] = ["Arm", "Identity", "Authorization"],
            ["Subscriptions"] = ["Arm", "Metering"],
            ["BareMetal"] = ["Arm", "Identity", "Clusters", "Metering"],
            ["NodePools"] = ["Arm", "Identity", "Clusters", "BareMetal"],
            ["Fleets"] = ["Arm", "Identity", "Authorization", "Policy", "Clusters", "Metering"],
        };
        var domains = Product.Sources.Where(file => file.Count(c => c == '/') >= 2).Select(file => file.Split('/')[1]).Where(name => char.IsUpper(name[0])).ToHashSet(StringComparer.Ordinal);
        foreach (var file in Product.Sources.Where(file => Regex.IsMatch(file, "^(api|worker|contracts|persistence|admission)/[A-Z]", RegexOptions.None, TimeSpan.FromSeconds(1)) && file.Count(c => c == '/') >= 2 && !composition.Contains(file)))
        {
            var domain = file.Split('/')[1];
            var used = Regex.Matches(Product.Read(file), @"ControlPlane\.(?:Api|Worker|Contracts|Persistence|Admission)\.(?<domain>[A-Z]\w+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))
                .Select(match => match.Groups["domain"].Value).Where(name => name != domain && domains.Contains(name)).Distinct(StringComparer.Ordinal).ToList();
            var allowed = builtOn.TryGetValue(domain, out var known) ? known : ["Arm", "Identity", "Authorization"];
            Assert.True(used.Except(allowed, StringComparer.Ordinal).ToList() is [], $"{file} uses {string.Join(", ", used)}; {domain} is built on {string.Join(", ", allowed)}.");
        }
    }

    [Fact]
    public void No_interface_has_a_single_implementation()
    {
        var types = Product.Assemblies.SelectMany(assembly => assembly.GetTypes()).ToList();
        foreach (var contract in types.Where(type => type.IsInterface && type.Namespace?.StartsWith("ControlPlane", StringComparison.Ordinal) is true))
        {
            var implementations = types.Where(type => !type.IsInterface && type.GetInterfaces().Any(one => (one.IsGenericType ? one.GetGenericTypeDefinition() : one) == contract)).ToList();
            Assert.True(implementations.Count != 1, $"{contract.FullName} has one implementation, {implementations.FirstOrDefault()?.FullName}: use the class itself.");
        }
    }

    [Fact]
    public void Nothing_is_left_for_later()
    {
        var marks = new Regex(@"\b(?:TO" + @"DO|FIX" + @"ME|HA" + @"CK|XX" + @"X)\b|NotImplemented" + @"Exception|Skip\s*=\s*""", RegexOptions.None, TimeSpan.FromSeconds(1));
        var left = Product.Sources.SelectMany(file => Product.Read(file).Split('\n').Select((line, at) => (Where: $"{file}:{at + 1}", Line: line))).Where(entry => marks.IsMatch(entry.Line)).ToList();
        Assert.True(left.Count == 0, string.Join('\n', left.Select(entry => $"{entry.Where} {entry.Line.Trim()}")));
    }

    [Fact]
    public void A_file_tells_one_story_and_ends()
    {
        var long_ = Product.Sources.Select(file => (file, Lines: Product.Read(file).AsSpan().Count('\n'))).Where(entry => entry.Lines > LongestFile).ToList();
        Assert.True(long_.Count == 0, string.Join('\n', long_.Select(entry => $"{entry.file} has {entry.Lines} lines; at most {LongestFile}.")));
    }

    [Fact]
    public void Every_request_that_a_type_accepts_has_an_operation_that_carries_it_out_and_no_operation_is_idle()
    {
        var registry = OperationRegistry.Register(new ServiceCollection());
        var wanted = ResourceTypes.All.SelectMany(type => type.Actions.Select(action => action.Name).Concat(type.IsDeletedAtOnce ? [] : ["delete"]).Concat(type.CompletesOnWrite ? [] : ["put"]).Select(request => (Type: type.Type.ToString(), Request: request))).ToHashSet();
        Assert.True(wanted.Except(registry.Requests).ToList() is [], $"Accepted, but carried out by nothing: {string.Join(", ", wanted.Except(registry.Requests))}");
        Assert.True(registry.Requests.Except(wanted).ToList() is [], $"Carried out, but accepted by nothing: {string.Join(", ", registry.Requests.Except(wanted))}");
    }

    [Fact]
    public void What_a_resource_shows_a_client_can_write()
    {
        foreach (var type in ResourceTypes.All)
            AssertWritable(type.PropertiesType, []);

        static void AssertWritable(Type type, HashSet<Type> seen)
        {
            type = Nullable.GetUnderlyingType(type) ?? type;
            if (type.Assembly != Product.Contracts || !seen.Add(type))
                return;
            foreach (var property in Json.Options.GetTypeInfo(type).Properties.Where(property => property.Get is not null))
            {
                Assert.True(property.Set is not null || property.AssociatedParameter is not null, $"{type.Name}.{property.Name} is computed: it would be stored and shown, and what a client sends for it ignored. Mark it [JsonIgnore].");
                AssertWritable(property.PropertyType, seen);
            }
        }
    }

    [Fact]
    public void A_resource_type_costs_at_most_four_files()
    {
        // The cheapest type shows the price: its record, its operations, and its sample in the tests.
        var product = Product.Sources.Where(file => !file.StartsWith("tests/", StringComparison.Ordinal) && !file.StartsWith("simulators/", StringComparison.Ordinal)).ToList();
        var clusters = product.Where(file => Regex.IsMatch(Product.Read(file), @"Operation<ConnectedCluster,|RegisteredType<ConnectedCluster,|record ConnectedCluster\b", RegexOptions.None, TimeSpan.FromSeconds(1))).ToList();
        var images = product.Where(file => Regex.IsMatch(Product.Read(file), @"Operation<OsImage,|RegisteredType<OsImage,|record OsImage\b", RegexOptions.None, TimeSpan.FromSeconds(1))).ToList();
        Assert.Equal(["contracts/Clusters/ConnectedCluster.cs", "worker/Clusters/ClusterOperations.cs"], clusters);
        Assert.Equal(["contracts/BareMetal/OsImage.cs", "worker/BareMetal/OsImageOperations.cs"], images);

        // And nothing of the shared machinery knows any type but its own, the subscription and the resource group.
        var shared = Product.Sources.Where(file => Regex.IsMatch(file, "^(api|worker|persistence|contracts|admission)/Arm/", RegexOptions.None, TimeSpan.FromSeconds(1)));
        var names = ResourceTypes.All.Where(type => type.PropertiesType.Namespace != typeof(ResourceGroup).Namespace).Select(type => type.PropertiesType.Name).ToList();
        foreach (var file in shared)
            Assert.True(names.Find(name => Regex.IsMatch(Product.Read(file), $@"\b{name}\b", RegexOptions.None, TimeSpan.FromSeconds(1))) is null, $"{file} knows a type that only its own room should know.");
    }
}
