using System.Text.Json;
using ControlPlane.Admission.Fleets;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Fleets;
using ControlPlane.Kubernetes;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Fleets;

/// <summary>Versions, what carries a vulnerability, and what happens to a node: decisions without a store or a cluster.</summary>
public sealed class ExposureTests
{
    private static readonly Gen<int[]> Numbers = Gen.Int[0, 1200].Array[1, 4];

    private static readonly Gen<string> Versions = Gen.Select(Gen.OneOf("", "v"), Numbers, Gen.OneOf("", "-rc.1", "-rc.2", "-rc.10", "-alpha", "-1", "+build.7")).Select((prefix, numbers, suffix) => $"{prefix}{string.Join('.', numbers)}{suffix}");

    [Fact]
    public void Numbers_of_versions_are_compared_as_numbers() => Gen.Select(Numbers, Numbers).Sample((left, right) =>
    {
        var expected = Enumerable.Range(0, 4).Select(at => left.ElementAtOrDefault(at).CompareTo(right.ElementAtOrDefault(at))).FirstOrDefault(order => order != 0);
        Assert.Equal(expected, SemanticVersion.Compare(string.Join('.', left), $"v{string.Join('.', right)}"));
    });

    [Fact]
    public void Versions_are_in_one_order() => Gen.Select(Versions, Versions, Versions).Sample((a, b, c) =>
    {
        Assert.Equal(0, SemanticVersion.Compare(a, a));
        Assert.Equal(SemanticVersion.Compare(a, b), -SemanticVersion.Compare(b, a));
        if (SemanticVersion.Compare(a, b) <= 0 && SemanticVersion.Compare(b, c) <= 0)
            Assert.True(SemanticVersion.Compare(a, c) <= 0, $"{a} {b} {c}");
        Assert.Equal(SemanticVersion.Compare(a, b) < 0, VersionRange.TryParse($"<{b}")!.Contains(a));
        Assert.Equal(SemanticVersion.Compare(a, b) >= 0 && SemanticVersion.Compare(a, c) < 0, VersionRange.TryParse($">={b} <{c}")!.Contains(a));
    });

    [Fact]
    public void Any_text_is_a_version_or_none() => Gen.String.Sample(text =>
    {
        Assert.Equal(SemanticVersion.TryParse(text) is null, SemanticVersion.Compare(text, text) is null);
        VersionRange.TryParse(text)?.Contains(text);
    });

    [Theory]
    [InlineData("1.10.0", "1.9.9", 1)]
    [InlineData("v1.32", "1.32.0", 0)]
    [InlineData("1.0.0-rc.2", "1.0.0-rc.10", -1)]
    [InlineData("1.0.0-rc.1", "1.0.0", -1)]
    [InlineData("1.0.0-1", "1.0.0-alpha", -1)]
    [InlineData("1.0.0-alpha", "1.0.0-alpha.1", -1)]
    [InlineData("1.0.0+a", "1.0.0+b", 0)]
    [InlineData("202601.13.0", "202602.1.0", -1)]
    [InlineData("99999999999999999999999.1", "99999999999999999999998.9", 1)]
    public void Versions_are_ordered_as_semantic_versioning_says(string left, string right, int order) => Assert.Equal(order, SemanticVersion.Compare(left, right));

    [Theory]
    [InlineData("1.2.x")]
    [InlineData("")]
    [InlineData("latest")]
    [InlineData("1.2.3\n")]
    public void What_is_no_version_has_no_order(string text) => Assert.Null(SemanticVersion.Compare(text, "1.2.3"));

    [Fact]
    public void What_runs_is_matched_by_image_and_by_add_on()
    {
        RunningComponent[] running =
        [
            new("AKSUbuntu-2204-202601.1.0", null, null), new("AKSUbuntu-2204-202602.1.0", null, null), new("Mariner?[a]", null, null),
            new(null, "csi", "1.4.2"), new(null, "csi", "1.4.8"), new(null, "csi", "latest"), new(null, "dns", "1.4.2"),
        ];
        KnownVulnerability Of(string cve, params AffectedComponent[] affects) => new(cve, VulnerabilitySeverity.High, affects);
        IEnumerable<RunningComponent> Found(params AffectedComponent[] affects) => Exposure.Match([Of("CVE-2026-1", affects)], running).Select(hit => hit.Component);

        Assert.Equal([running[0]], Found(new AffectedComponent { NodeImage = "aksubuntu-*", Versions = "<202602.1.0" }));
        Assert.Equal([running[0], running[1]], Found(new AffectedComponent { NodeImage = "AKSUbuntu-2204-202601.1.0" }, new AffectedComponent { NodeImage = "AKSUbuntu*" }));
        Assert.Equal([running[2]], Found(new AffectedComponent { NodeImage = "Mariner?[a]" }));
        Assert.Empty(Found(new AffectedComponent { NodeImage = "AKSUbuntu?2204*" }));
        Assert.Equal([running[3]], Found(new AffectedComponent { AddOn = "CSI", Versions = ">=1.4.0 <1.4.5" }));
        Assert.Equal([running[3], running[4], running[5]], Found(new AffectedComponent { AddOn = "csi" }));
        Assert.Equal(["CVE-2026-1", "CVE-2026-2"], Exposure.Match([Of("cve-2026-2", new AffectedComponent { AddOn = "dns" }), Of("CVE-2026-1", new AffectedComponent { AddOn = "dns" })], running).Select(hit => hit.Cve));
    }

    [Fact]
    public void A_remedy_is_what_the_catalogue_says_when_it_says_one_thing()
    {
        static Hit Hit(RunningComponent component, string? fixedIn) => new("CVE-2026-1", VulnerabilitySeverity.High, component, fixedIn);
        var (image, addOn) = (new RunningComponent("a-1", null, null), new RunningComponent(null, "csi", "1"));
        Assert.Equal(new RemediationTarget { NodeImage = "a-2" }, Remedy.Fixed([Hit(image, "a-2"), Hit(image with { NodeImage = "a-0" }, "a-2")]));
        Assert.Equal(new RemediationTarget { AddOn = "csi", Version = "2" }, Remedy.Fixed([Hit(addOn, "2"), Hit(addOn, null)]));
        Assert.Null(Remedy.Fixed([Hit(image, "a-2"), Hit(addOn, "2")]));
        Assert.Null(Remedy.Fixed([Hit(image, null)]));
    }

    [Theory]
    [InlineData(false, null, "p", "cordon")]
    [InlineData(true, null, "p", null)]
    [InlineData(true, "p", "p", null)]
    [InlineData(true, "p", "p q", "cordon")]
    [InlineData(false, "p", "p", "cordon")]
    [InlineData(true, "p", "", "uncordon")]
    [InlineData(false, "p", "", "uncordon")]
    [InlineData(true, null, "", null)]
    [InlineData(false, null, "", null)]
    public void A_node_is_cordoned_and_uncordoned_for_policies_and_for_nobody_else(bool isCordoned, string? stamp, string owners, string? expected)
    {
        var node = JsonSerializer.SerializeToElement(new
        {
            metadata = new { resourceVersion = "7", annotations = stamp is null ? null : new Dictionary<string, string>(StringComparer.Ordinal) { [NodeCordon.Annotation] = stamp } },
            spec = isCordoned ? new { unschedulable = true } : (object)new { },
        });
        var change = NodeCordon.Decide(node, owners) is { } patch ? JsonSerializer.SerializeToElement(patch) : (JsonElement?)null;
        Assert.Equal(expected, change is not { } given ? null : given.GetProperty("spec").GetProperty("unschedulable").ValueKind is JsonValueKind.True ? "cordon" : "uncordon");
        if (change is { } made)
        {
            Assert.Equal("7", made.GetProperty("metadata").GetProperty("resourceVersion").GetString());
            Assert.Equal(expected == "cordon" ? owners : null, made.GetProperty("metadata").GetProperty("annotations").GetProperty(NodeCordon.Annotation).GetString());
        }
    }
}
