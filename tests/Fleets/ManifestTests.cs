using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>What may be sent to members, as what, and when it counts as available.</summary>
public sealed class ManifestTests
{
    [Theory]
    [InlineData("""{"kind":"ConfigMap","metadata":{"name":"a","namespace":"x"}}""", "manifests[0].apiVersion")]
    [InlineData("""{"apiVersion":"v1","metadata":{"name":"a"}}""", "manifests[0].kind")]
    [InlineData("""{"apiVersion":"v1","kind":"Namespace"}""", "manifests[0].metadata")]
    [InlineData("""{"apiVersion":"v1","kind":"Namespace","metadata":{}}""", "manifests[0].metadata.name")]
    [InlineData("""{"apiVersion":"v1","kind":"Namespace","metadata":{"generateName":"a","name":"a"}}""", "manifests[0].metadata.generateName")]
    [InlineData("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"A b"}}""", "manifests[0].metadata.name")]
    [InlineData("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a","namespace":"x"}}""", "manifests[0].metadata.namespace")]
    [InlineData("""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}""", "manifests[0].metadata.namespace")]
    [InlineData("""{"apiVersion":"apps/v1/x","kind":"Deployment","metadata":{"name":"a","namespace":"x"}}""", "manifests[0].apiVersion")]
    [InlineData("""{"apiVersion":"v1","kind":"List","items":[],"metadata":{"name":"a"}}""", "manifests[0].kind")]
    [InlineData("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"},"status":{}}""", "manifests[0].status")]
    [InlineData("""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a","resourceVersion":"1"}}""", "manifests[0].metadata.resourceVersion")]
    [InlineData("""{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"x"},"stringData":{"a":"b"}}""", "manifests[0]")]
    [InlineData("""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"a"},"roleRef":{"name":"cluster-admin"}}""", "manifests[0]")]
    [InlineData("""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"a"},"rules":[{"verbs":["escalate"],"resources":["roles"]}]}""", "manifests[0]")]
    [InlineData("""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"a"},"rules":[{"verbs":["get"],"resources":["secrets"]}]}""", "manifests[0]")]
    [InlineData("7", "manifests[0]")]
    public void What_no_member_should_get_is_named(string manifest, string target)
    {
        var violation = Assert.Single(ManifestRules.Violations([Json(manifest)], allowEscalation: false));
        Assert.Equal(target, violation.Target);
    }

    [Fact]
    public void The_same_object_twice_is_named_whatever_its_version()
    {
        var violation = Assert.Single(ManifestRules.Violations([Json("""{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"a","namespace":"x"}}"""), Json("""{"apiVersion":"batch/v1beta1","kind":"CronJob","metadata":{"name":"a","namespace":"x"}}""")], allowEscalation: false));
        Assert.Equal(("manifests[1]", "is the same object as manifests[0]"), (violation.Target, violation.Message));
    }

    [Fact]
    public void Rights_over_the_cluster_are_taken_when_they_are_asked_for() =>
        Assert.Empty(ManifestRules.Violations([Json("""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"system:mine"},"roleRef":{"name":"cluster-admin"}}""")], allowEscalation: true));

    [Fact]
    public void Overrides_apply_to_selected_members_in_their_order()
    {
        var manifest = JsonNode.Parse("""{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":1,"list":[1,2]}}""")!.AsObject();
        ResourceOverride Rule(string env, params JsonPatchOverride[] patches) => new() { ClusterSelector = new() { MatchLabels = new Dictionary<string, string>(StringComparer.Ordinal) { ["env"] = env } }, JsonPatchOverrides = patches };
        var overrides = new[]
        {
            Rule("prod", new() { Op = JsonPatchOperation.Replace, Path = "/spec/replicas", Value = Json("3") }, new() { Op = JsonPatchOperation.Add, Path = "/spec/list/1", Value = Json("9") }),
            Rule("prod", new() { Op = JsonPatchOperation.Replace, Path = "/spec/replicas", Value = Json("5") }, new() { Op = JsonPatchOperation.Remove, Path = "/spec/list/0" }),
            Rule("prod", new JsonPatchOverride { Op = JsonPatchOperation.Add, Path = "/metadata/labels", Value = Json("""{"where":"${MEMBER-CLUSTER-LABEL-KEY-env}-${MEMBER-CLUSTER-NAME}"}""") }),
        };

        var prod = ManifestRendering.Render(manifest, overrides, "store-1", Labels("prod"))!;
        Assert.Equal("""{"replicas":5,"list":[9,2]}""", prod["spec"]!.ToJsonString());
        Assert.Equal("prod-store-1", prod["metadata"]!["labels"]!["where"]!.GetValue<string>());
        Assert.Equal(manifest.ToJsonString(), ManifestRendering.Render(manifest, overrides, "store-2", Labels("test"))!.ToJsonString());
        Assert.Null(ManifestRendering.Render(manifest, [new() { OverrideType = OverrideType.Delete, Target = new() { Kind = "Deployment" } }], "store-1", Labels("prod")));
        Assert.Throws<RenderingException>(() => ManifestRendering.Render(manifest, [new() { JsonPatchOverrides = [new() { Op = JsonPatchOperation.Remove, Path = "/spec/none" }] }], "store-1", Labels("prod")));

        static Dictionary<string, string> Labels(string env) => new(StringComparer.Ordinal) { ["env"] = env };
    }

    [Theory]
    [InlineData("""{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2}}""", "Available")]
    [InlineData("""{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"availableReplicas":2}}""", "Progressing")]
    [InlineData("""{"kind":"Deployment","metadata":{"generation":1},"spec":{"replicas":2}}""", "Progressing")]
    [InlineData("""{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":3,"updatedReplicas":2,"availableReplicas":2}}""", "Progressing")]
    [InlineData("""{"kind":"Deployment","metadata":{"generation":2},"spec":{"replicas":2},"status":{"observedGeneration":2,"conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}]}}""", "Failed")]
    [InlineData("""{"kind":"StatefulSet","metadata":{"generation":1},"spec":{"replicas":3,"updateStrategy":{"rollingUpdate":{"partition":2}}},"status":{"observedGeneration":1,"availableReplicas":3,"updatedReplicas":1}}""", "Available")]
    [InlineData("""{"kind":"Job","status":{"conditions":[{"type":"Complete","status":"True"}]}}""", "Available")]
    [InlineData("""{"kind":"Job","status":{"conditions":[{"type":"Failed","status":"True"}]}}""", "Failed")]
    [InlineData("""{"kind":"Job","status":{"active":1}}""", "Progressing")]
    [InlineData("""{"kind":"Namespace","status":{"phase":"Terminating"}}""", "Progressing")]
    [InlineData("""{"kind":"CustomResourceDefinition","status":{"conditions":[{"type":"Established","status":"True"}]}}""", "Available")]
    [InlineData("""{"kind":"CustomResourceDefinition"}""", "Progressing")]
    [InlineData("""{"kind":"Service","spec":{"type":"LoadBalancer","clusterIP":"10.0.0.1"},"status":{"loadBalancer":{}}}""", "Progressing")]
    [InlineData("""{"kind":"ConfigMap"}""", "Available")]
    [InlineData("""{"kind":"Widget","status":{"conditions":[{"type":"Ready","status":"False"}]}}""", "Progressing")]
    [InlineData("""{"kind":"Widget","status":"odd"}""", "Available")]
    public void An_object_is_available_when_it_does_what_it_is_for(string thing, string availability) =>
        Assert.Equal(availability, AvailabilityRules.Of(Json(thing)).Availability.ToString());

    [Theory]
    [InlineData("""{"apiVersion":"shop.example/v1","kind":"Till"}""", true)]
    [InlineData("""{"apiVersion":"shop.example/v1","kind":"Till","status":{"conditions":[{"type":"Ready","status":"True"}]}}""", false)]
    [InlineData("""{"apiVersion":"v1","kind":"ConfigMap"}""", false)]
    [InlineData("""{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role"}""", false)]
    public void Of_a_custom_resource_without_conditions_nobody_can_say_whether_it_is_available(string thing, bool isUntracked) =>
        Assert.Equal(isUntracked, AvailabilityRules.Of(Json(thing)).IsUntracked);

    private static JsonElement Json(string text) => JsonSerializer.Deserialize<JsonElement>(text);
}
