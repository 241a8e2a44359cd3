using System.Diagnostics;
using System.Text.Json.Nodes;
using Xunit;

namespace ControlPlane.Tests.Simulators.Fleet;

/// <summary>The unmodified kubectl at a simulated cluster.</summary>
public sealed class KubectlTests
{
    [Fact]
    public async Task Kubectl_gets_applies_cordons_and_waits()
    {
        await using var fleet = await TestFleet.StartAsync(new() { Nodes = 2 });
        using var home = new Home(fleet.Cluster().Kubeconfig());
        Assert.Contains("nodepool1-000001", await home.KubectlAsync("get", "nodes"), StringComparison.Ordinal);
        await home.WriteAsync("shop.json", new JsonObject
        {
            ["apiVersion"] = "v1", ["kind"] = "List",
            ["items"] = new JsonArray(Manifests.Namespace("shop"), WithNamespace(Manifests.Deployment()), Manifests.CustomResourceDefinition()),
        });
        var applied = await home.KubectlAsync("apply", "--server-side", "-f", "shop.json");
        Assert.Contains("deployment.apps/web serverside-applied", applied, StringComparison.Ordinal);
        Assert.Contains("successfully rolled out", await home.KubectlAsync("-n", "shop", "rollout", "status", "deployment/web", "--timeout=30s"), StringComparison.Ordinal);
        Assert.Contains("3/3", await home.KubectlAsync("-n", "shop", "get", "deployment", "web"), StringComparison.Ordinal);
        await home.KubectlAsync("wait", "--for=condition=Established", "crd/tills.shop.example", "--timeout=30s");
        Assert.Contains("tills", await home.KubectlAsync("api-resources", "--api-group=shop.example"), StringComparison.Ordinal);

        await home.KubectlAsync("cordon", "nodepool1-000000");
        Assert.Contains("SchedulingDisabled", await home.KubectlAsync("get", "node", "nodepool1-000000"), StringComparison.Ordinal);
        await home.KubectlAsync("uncordon", "nodepool1-000000");
        await home.KubectlAsync("-n", "shop", "scale", "deployment/web", "--replicas=5");
        Assert.Contains("conflict", await home.KubectlAsync(1, "apply", "--server-side", "--field-manager=other", "-f", "shop.json"), StringComparison.Ordinal);
        Assert.Contains("namespace \"shop\" deleted", await home.KubectlAsync("delete", "namespace", "shop", "--timeout=30s"), StringComparison.Ordinal);
    }

    private static JsonObject WithNamespace(JsonObject item)
    {
        item["metadata"]!["namespace"] = "shop";
        return item;
    }

    /// <summary>A folder of its own, with the kubeconfig and everything that kubectl keeps.</summary>
    private sealed class Home : IDisposable
    {
        private readonly string folder = Directory.CreateTempSubdirectory("kubectl").FullName;

        public Home(string kubeconfig) => File.WriteAllText(Path.Combine(folder, "config"), kubeconfig);

        public Task WriteAsync(string name, JsonObject body) => File.WriteAllTextAsync(Path.Combine(folder, name), body.ToJsonString());

        public Task<string> KubectlAsync(params string[] arguments) => KubectlAsync(0, arguments);

        public async Task<string> KubectlAsync(int expected, params string[] arguments)
        {
            var start = new ProcessStartInfo("kubectl", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
            (start.Environment["KUBECONFIG"], start.Environment["HOME"]) = (Path.Combine(folder, "config"), folder);
            using var kubectl = Process.Start(start)!;
            var (output, errors) = (kubectl.StandardOutput.ReadToEndAsync(), kubectl.StandardError.ReadToEndAsync());
            await kubectl.WaitForExitAsync(TestContext.Current.CancellationToken);
            var said = await output + await errors;
            Assert.True(kubectl.ExitCode == expected, $"kubectl {string.Join(' ', arguments)}: {kubectl.ExitCode}\n{said}");
            return said;
        }

        public void Dispose() => Directory.Delete(folder, recursive: true);
    }
}
