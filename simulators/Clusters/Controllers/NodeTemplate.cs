using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>What the nodes of a pool are made of: a MachineDeployment's template.</summary>
internal sealed record NodeTemplate(int Replicas, string KubernetesVersion, string Image, JsonObject Labels)
{
    public const string PoolLabel = "agentpool";
    public const string ImageLabel = "kubernetes.azure.com/node-image-version";

    public static NodeTemplate Of(StoredObject pool) => Of(pool.Read());

    public static NodeTemplate Of(JsonObject pool)
    {
        var template = pool["spec"]?["template"] as JsonObject;
        var labels = template?["metadata"]?["labels"]?.DeepClone() as JsonObject ?? [];
        labels[PoolLabel] = (pool["metadata"] as JsonObject).Text("name");
        return new NodeTemplate(
            pool["spec"]?["replicas"]?.GetValue<int>() ?? 1, (template?["spec"] as JsonObject).Text("version") ?? KubernetesApi.Version,
            labels.Text(ImageLabel) ?? "AKSUbuntu-2204gen2containerd-202601.13.0", labels);
    }

    public bool Matches(JsonObject node) =>
        node["metadata"]?["labels"]?[ImageLabel]?.ToString() == Image && (node["status"]?["nodeInfo"] as JsonObject).Text("kubeletVersion") == KubernetesVersion;

    public JsonObject Node(string name, string now)
    {
        var labels = (JsonObject)Labels.DeepClone();
        (labels["kubernetes.io/hostname"], labels["kubernetes.io/os"], labels["kubernetes.io/arch"], labels[ImageLabel]) = (name, "linux", "amd64", Image);
        var size = Size(labels.Text("node.kubernetes.io/instance-type") ?? "");
        return new JsonObject
        {
            ["apiVersion"] = "v1", ["kind"] = "Node", ["metadata"] = new JsonObject { ["labels"] = labels },
            ["spec"] = new JsonObject { ["providerID"] = $"simulated:///{name}" },
            ["status"] = new JsonObject
            {
                ["capacity"] = Resources(size, reserved: 0), ["allocatable"] = Resources(size, reserved: 1),
                ["addresses"] = new JsonArray(new JsonObject { ["type"] = "Hostname", ["address"] = name }),
                ["conditions"] = new JsonArray(
                    Condition("MemoryPressure", "False", "KubeletHasSufficientMemory", now), Condition("DiskPressure", "False", "KubeletHasNoDiskPressure", now),
                    Condition("PIDPressure", "False", "KubeletHasSufficientPID", now), Condition("Ready", "True", "KubeletReady", now)),
                ["nodeInfo"] = new JsonObject
                {
                    ["osImage"] = Image.Contains("Mariner", StringComparison.Ordinal) || Image.Contains("AzureLinux", StringComparison.Ordinal) ? "Microsoft Azure Linux 3.0" : "Ubuntu 22.04.5 LTS",
                    ["kernelVersion"] = "5.15.0-1091-azure", ["kubeletVersion"] = KubernetesVersion, ["kubeProxyVersion"] = KubernetesVersion,
                    ["containerRuntimeVersion"] = "containerd://1.7.27-1", ["operatingSystem"] = "linux", ["architecture"] = "amd64",
                    ["machineID"] = "", ["systemUUID"] = "", ["bootID"] = "",
                },
            },
        };
    }

    private static JsonObject Condition(string type, string status, string reason, string now) => new()
    {
        ["type"] = type, ["status"] = status, ["reason"] = reason, ["message"] = reason, ["lastHeartbeatTime"] = now, ["lastTransitionTime"] = now,
    };

    private static JsonObject Resources((int Cpu, int MemoryGiB) size, int reserved) => new()
    {
        ["cpu"] = reserved == 0 ? $"{size.Cpu}" : $"{size.Cpu * 1000 - 140}m", ["memory"] = $"{(size.MemoryGiB - reserved) * 1024}Mi", ["pods"] = "110",
        ["ephemeral-storage"] = "129886128Ki",
    };

    /// <summary><c>Standard_D4s_v5</c> has 4 processors, and 4 GiB for each of them.</summary>
    private static (int Cpu, int MemoryGiB) Size(string instanceType)
    {
        var digits = new string([.. instanceType.SkipWhile(c => !char.IsAsciiDigit(c)).TakeWhile(char.IsAsciiDigit)]);
        var cpu = int.TryParse(digits, out var number) && number is > 0 and <= 416 ? number : 4;
        return (cpu, cpu * 4);
    }
}
