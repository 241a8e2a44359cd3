using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>A resource type as the generic verbs see it: the static members of its record, without its .NET type.</summary>
internal abstract class RegisteredType
{
    public abstract ResourceType Type { get; }
    public abstract IReadOnlyList<string> ApiVersions { get; }
    public abstract IReadOnlyList<ResourceAction> Actions { get; }
    public abstract bool CompletesOnWrite { get; }
    public abstract Type PropertiesType { get; }
    public abstract Type StatusType { get; }

    public abstract TimeSpan TimeLimit(string request);

    /// <summary>Why an action or <c>delete</c> must not happen now, or null.</summary>
    public abstract ErrorBody? Refuse(string request, JsonElement parameters, ResourceRow current);

    /// <summary>The properties a client sent, checked against shape and rules; every fault goes to <paramref name="faults"/> and then nothing is returned.</summary>
    public abstract BoundProperties? Bind(JsonElement properties, string? currentProperties, Func<string, JsonElement, bool> isReadOnlyEcho, List<ErrorBody> faults);

    /// <summary>Where a resource of this type lives: below a resource group, or for proxies of a location below the subscription.</summary>
    public string Template => Type == ResourceType.ResourceGroup ? "/subscriptions/{subscription}/resourceGroups/{name}"
        : $"/subscriptions/{{subscription}}/resourceGroups/{{resourceGroup}}/providers/{Type.Provider}/" +
          string.Join('/', Type.Segments.Select((segment, at) => at == Type.Segments.Count - 1 ? $"{segment}/{{name}}" : $"{segment}/{{parent{at}}}"));
}

/// <summary>Properties as they will be stored, and what they ask of the rest of the world.</summary>
internal sealed record BoundProperties(string Stored, IReadOnlyDictionary<string, string> Secrets, string? UniqueKey, QuotaDemand? Quota, IReadOnlyList<Reference> References);

internal sealed class RegisteredType<T, TStatus> : RegisteredType
    where T : class, IResource<T, TStatus>
    where TStatus : class, new()
{
    public override ResourceType Type => T.Type;
    public override IReadOnlyList<string> ApiVersions => T.ApiVersions;
    public override IReadOnlyList<ResourceAction> Actions => T.Actions;
    public override bool CompletesOnWrite => T.CompletesOnWrite;
    public override Type PropertiesType => typeof(T);
    public override Type StatusType => typeof(TStatus);

    public override TimeSpan TimeLimit(string request) => T.TimeLimit(request);

    public override ErrorBody? Refuse(string request, JsonElement parameters, ResourceRow current) =>
        T.Refuse(new(request, parameters, current.Read<T>(), current.ReadStatus<TStatus>(), current.State));

    public override BoundProperties? Bind(JsonElement properties, string? currentProperties, Func<string, JsonElement, bool> isReadOnlyEcho, List<ErrorBody> faults)
    {
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        faults.AddRange(Shape.Faults(properties, typeof(T), "properties", secrets, isReadOnlyEcho));
        var wanted = faults.Count == 0 ? properties.Deserialize<T>(Json.Options)! : Sound.Part<T>(properties, "properties", faults);
        if (wanted is null)
            return null;
        var current = currentProperties is null ? null : Json.Read<T>(currentProperties);
        var broken = T.Violations(wanted, current).Select(v => Shape.Fault(v.Target.Length == 0 ? "properties" : $"properties.{v.Target}", v.Message));
        faults.AddRange(broken.Where(fault => !Sound.Concerns(faults, fault.Target!)).ToList());
        return faults.Count > 0 ? null
            : new(JsonSerializer.Serialize(wanted, Json.WithoutSecrets), secrets, T.UniqueKey(wanted), T.Quota(wanted), [.. T.References(wanted)]);
    }
}
