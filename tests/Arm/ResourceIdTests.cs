using ControlPlane.Contracts.Arm;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Arm;

public sealed class ResourceIdTests
{
    private static readonly Gen<string> Name = Gen.String[Gen.Char["abcXYZ019-_. ()'é"], 1, 40];

    [Fact]
    public void An_id_reads_back_as_itself_in_any_case_and_with_any_slashes() =>
        Gen.Select(Name, Name, Name).Sample((subscription, group, name) =>
        {
            var id = ResourceId.Create(subscription, group, new("ControlPlane.BareMetal", "racks"), [name]);
            Assert.Equal(id, ResourceId.Parse(id.Text));
            Assert.Equal(id.Text, ResourceId.Parse(id.Text).Text);
            Assert.Equal(id, ResourceId.Parse(id.Text.ToUpperInvariant()));
            Assert.Equal(id.Key, ResourceId.Parse(id.Text.Replace("/", "//", StringComparison.Ordinal) + "/").Key);
            Assert.Equal(id.GetHashCode(), ResourceId.Parse(id.Text.ToLowerInvariant()).GetHashCode());
        });

    [Fact]
    public void Any_text_is_an_id_or_is_refused_without_an_exception() =>
        Gen.String[Gen.OneOf(Gen.Const('/'), Gen.Char["subscriptionsresourceGroupsproviders/a\0"]), 0, 80].Sample(text =>
        {
            if (ResourceId.TryParse(text, out var id))
                Assert.Equal(id, ResourceId.Parse(id.Text));
        });

    [Theory]
    [InlineData("/subscriptions/s", null)]
    [InlineData("/subscriptions/s/resourceGroups/g", "/subscriptions/s")]
    [InlineData("/subscriptions/s/resourceGroups/g/providers/N.S/things/a", "/subscriptions/s/resourceGroups/g")]
    [InlineData("/subscriptions/s/resourceGroups/g/providers/N.S/things/a/parts/b", "/subscriptions/s/resourceGroups/g/providers/N.S/things/a")]
    [InlineData("/subscriptions/s/providers/N.S/things/a", "/subscriptions/s")]
    [InlineData("/subscriptions/s/providers/N.S/locations/l/things/a", "/subscriptions/s")]
    public void The_parent_is_what_must_exist_before_it(string text, string? parent)
    {
        var id = ResourceId.Parse(text);
        Assert.Equal(text, id.Text);
        Assert.Equal(parent, id.Parent?.Text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("nonsense")]
    [InlineData("/subscriptions")]
    [InlineData("/subscriptions/s/resourceGroups")]
    [InlineData("/subscriptions/s/providers/N.S")]
    [InlineData("/subscriptions/s/providers/N.S/things")]
    [InlineData("/subscriptions/s/resourceGroups/g/things/a")]
    [InlineData("/subscriptions/s/resourceGroups/g/providers/N.S/things/a/parts")]
    public void A_text_that_names_nothing_is_no_id(string text) => Assert.False(ResourceId.TryParse(text, out _));
}
