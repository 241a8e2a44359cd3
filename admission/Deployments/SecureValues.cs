using System.Text.Json.Serialization.Metadata;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Deployments;

/// <summary>The values of a plan's secure parameters: wherever a template puts them, they are taken out of what is shown of the deployment.</summary>
internal sealed class SecureValues
{
    private const string Hidden = "*****";

    /// <summary>Shorter ones stand in too many other words.</summary>
    private const int Shortest = 4;

    private readonly List<string> values;

    public SecureValues(DeploymentPlan plan) => values = [.. Of(plan).Where(value => value.Length > 0).Distinct(StringComparer.Ordinal).OrderByDescending(value => value.Length)];

    public string Hide(string text)
    {
        foreach (var value in values)
            text = text == value ? Hidden : value.Length >= Shortest ? text.Replace(value, Hidden, StringComparison.Ordinal) : text;
        return text;
    }

    public object? Hide(object? value) => values.Count == 0 ? value : value switch
    {
        string text => Hide(text),
        TemplateArray array => new TemplateArray([.. array.Items.Select(Hide)]),
        TemplateObject members => new TemplateObject([.. members.Members.Select(member => KeyValuePair.Create(Hide(member.Key), Hide(member.Value)))]),
        _ => value,
    };

    public ErrorBody Hide(ErrorBody error) => values.Count == 0 ? error
        : error with { Message = Hide(error.Message), Details = error.Details is null ? null : [.. error.Details.Select(Hide)], AdditionalInfo = null };

    /// <summary>A body without the write-only properties of its type.</summary>
    public static object? WithoutSecrets(object? value, Type type)
    {
        var info = Json.Options.GetTypeInfo(Nullable.GetUnderlyingType(type) ?? type);
        return (info.Kind, value) switch
        {
            (JsonTypeInfoKind.Object, TemplateObject members) => new TemplateObject([.. members.Members
                .Select(member => (Member: member, Property: info.Properties.FirstOrDefault(property => property.Name.Equals(member.Key, StringComparison.OrdinalIgnoreCase))))
                .Where(one => one.Property is null || !Json.IsSecret(one.Property))
                .Select(one => KeyValuePair.Create(one.Member.Key, one.Property is null ? one.Member.Value : WithoutSecrets(one.Member.Value, one.Property.PropertyType)))]),
            (JsonTypeInfoKind.Dictionary, TemplateObject members) => new TemplateObject([.. members.Members.Select(member => KeyValuePair.Create(member.Key, WithoutSecrets(member.Value, info.ElementType!)))]),
            (JsonTypeInfoKind.Enumerable, TemplateArray array) => new TemplateArray([.. array.Items.Select(item => WithoutSecrets(item, info.ElementType!))]),
            _ => value,
        };
    }

    private static IEnumerable<string> Of(DeploymentPlan plan) =>
        plan.Template.Parameters.Where(parameter => parameter.IsSecure).SelectMany(parameter => Texts(plan.Content.Parameters[parameter.Name]))
            .Concat(plan.Resources.Where(resource => resource.Nested is not null).SelectMany(resource => Of(resource.Nested!)));

    private static IEnumerable<string> Texts(object? value) => value switch
    {
        string text => [text],
        TemplateArray array => array.Items.SelectMany(Texts),
        TemplateObject members => members.Members.SelectMany(member => Texts(member.Value)),
        _ => [],
    };
}
