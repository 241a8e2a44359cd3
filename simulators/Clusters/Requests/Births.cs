using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Requests;

/// <summary>What the API server itself writes into a new object.</summary>
internal static class Births
{
    public static void Complete(ResourceKind kind, JsonObject body)
    {
        var metadata = (JsonObject)body["metadata"]!;
        switch (kind.Shelf)
        {
            case "namespaces":
                if (metadata["labels"] is not JsonObject labels) metadata["labels"] = labels = [];
                labels["kubernetes.io/metadata.name"] = metadata.Text("name");
                body["status"] = new JsonObject { ["phase"] = "Active" };
                break;
            case "services" when body["spec"] is JsonObject service && service.Text("type") != "ExternalName" && service["clusterIP"] is null:
                var address = Address(metadata.Text("uid") ?? "");
                service["clusterIP"] = address;
                service["clusterIPs"] = new JsonArray(address);
                body["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() };
                break;
            case "pods":
                body["status"] = new JsonObject { ["phase"] = "Pending" };
                break;
            case "customresourcedefinitions.apiextensions.k8s.io" when body["spec"] is JsonObject spec && spec["names"] is JsonObject defined:
                defined["singular"] ??= (defined.Text("kind") ?? "").ToLowerInvariant();
                defined["listKind"] ??= defined.Text("kind") + "List";
                break;
        }
    }

    /// <summary>An address of the service network, by the object's uid.</summary>
    private static string Address(string uid)
    {
        var hash = SHA256.HashData(Encoding.ASCII.GetBytes(uid));
        return $"10.{96 + (hash[0] % 16)}.{hash[1]}.{1 + (hash[2] % 254)}";
    }
}
