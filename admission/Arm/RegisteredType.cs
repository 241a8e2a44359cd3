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
    public abstract VersionLadder Ladder { get; }
    public abstract IReadOnlyList<ResourceAction> Actions { get; }
    public abstract IReadOnlyList<string> IgnoredMembers { get; }
    public abstract ResourceScopes Scopes { get; }
    public abstract bool IsTracked { get; }
    public abstract bool CompletesOnWrite { get; }
    public abstract bool HasOwnDoor { get; }
    public abstract bool AlwaysAnswersCreated { get; }
    public abstract Type PropertiesType { get; }
    public abstract Type StatusType { get; }

    /// <summary>The shape of a whole resource, <see cref="ResourceOf{T,TStatus}"/>, and of a merge patch of it, <see cref="PatchOf{T}"/>: for the OpenAPI document.</summary>
    public abstract (Type Resource, Type Patch) Shapes { get; }

    /// <summary>What its permissions begin with, such as <c>ControlPlane.BareMetal/racks</c>; a resource group's is Azure's own.</summary>
    public string Permissions => Type == ResourceType.ResourceGroup ? "Microsoft.Resources/subscriptions/resourceGroups" : Type.ToString();

    public abstract TimeSpan TimeLimit(string request);

    /// <summary>The names of the built-in resources of this type.</summary>
    public abstract IEnumerable<string> BuiltInNames { get; }

    /// <summary>A resource that every tenant has, as a row that is nowhere stored, or null.</summary>
    public abstract ResourceRow? BuiltIn(string name);

    /// <summary>What is wrong with a name beyond ARM's own rules, or null.</summary>
    public abstract string? WrongName(string name);

    /// <summary>The answer when another resource has claimed what this one claims.</summary>
    public abstract ErrorBody Taken(string other);

    /// <summary>Why an action or <c>delete</c> must not happen now, or null.</summary>
    public abstract ErrorBody? Refuse(string request, JsonElement parameters, ResourceRow current);

    /// <summary>Why nothing of this type may be written below its parent as that is, or null.</summary>
    public abstract ErrorBody? RefuseBelow(ResourceRow parent);

    /// <summary>The properties a client sent, checked against shape and rules; every fault goes to <paramref name="faults"/> and then nothing is returned.</summary>
    public abstract BoundProperties? Bind(ResourceId id, JsonElement properties, ResourceRow? row, Func<string, JsonElement, bool> isReadOnlyEcho, List<ErrorBody> faults);

    /// <summary>It stands below any other resource and goes with it.</summary>
    public bool IsExtension => Scopes.HasFlag(ResourceScopes.Resource);

    /// <summary>Deleted at once, by the request itself.</summary>
    public bool IsDeletedAtOnce => CompletesOnWrite && !IsTracked && Scopes != ResourceScopes.None;

    /// <summary>The route patterns at which resources of this type are, one per scope; <paramref name="extended"/> are the types that an extension may stand below.</summary>
    public IEnumerable<string> Templates(IEnumerable<RegisteredType> extended)
    {
        if (Type == ResourceType.ResourceGroup)
        {
            yield return "/subscriptions/{subscription}/resourceGroups/{name}";
            yield break;
        }

        var path = $"/providers/{Type.Provider}/" + string.Join('/', Type.Segments.Select((segment, at) => at == Type.Segments.Count - 1 ? $"{segment}/{{name}}" : $"{segment}/{{parent{at}}}"));
        if (Scopes.HasFlag(ResourceScopes.Tenant))
            yield return path;
        if (Scopes.HasFlag(ResourceScopes.Subscription))
            yield return "/subscriptions/{subscription}" + path;
        if (Scopes.HasFlag(ResourceScopes.ResourceGroup))
            yield return "/subscriptions/{subscription}/resourceGroups/{resourceGroup}" + path;
        if (IsExtension)
        {
            foreach (var template in extended.Where(type => !type.IsExtension && type.Type != ResourceType.ResourceGroup).SelectMany(type => type.Templates([])))
                yield return template.Replace("{name}", "{extendedName}", StringComparison.Ordinal).Replace("{parent", "{extendedParent", StringComparison.Ordinal) + path;
        }
    }
}

/// <summary>Properties as they will be stored, and what they ask of the rest of the world.</summary>
internal sealed record BoundProperties
{
    public required string Stored { get; init; }

    /// <summary>What is known of the resource once it is stored; null when that is nothing new.</summary>
    public required string? Status { get; init; }

    public required IReadOnlyDictionary<string, string> Secrets { get; init; }
    public required string? UniqueKey { get; init; }
    public required IReadOnlyList<string> Claims { get; init; }
    public required QuotaDemand? Quota { get; init; }
    public required IReadOnlyList<Reference> References { get; init; }
    public required IReadOnlyList<RequiredAction> AlsoRequires { get; init; }
}

internal sealed class RegisteredType<T, TStatus> : RegisteredType
    where T : class, IResource<T, TStatus>
    where TStatus : class, new()
{
    public override ResourceType Type => T.Type;
    public override IReadOnlyList<string> ApiVersions => T.ApiVersions;
    public override VersionLadder Ladder { get; } = new(T.Ladder);
    public override IReadOnlyList<ResourceAction> Actions => T.Actions;
    public override IReadOnlyList<string> IgnoredMembers => T.IgnoredMembers;
    public override ResourceScopes Scopes => T.Scopes;
    public override bool IsTracked => T.IsTracked;
    public override bool CompletesOnWrite => T.CompletesOnWrite;
    public override bool HasOwnDoor => T.HasOwnDoor;
    public override bool AlwaysAnswersCreated => T.AlwaysAnswersCreated;
    public override Type PropertiesType => typeof(T);
    public override Type StatusType => typeof(TStatus);
    public override (Type Resource, Type Patch) Shapes => (typeof(ResourceOf<T, TStatus>), typeof(PatchOf<T>));

    public override TimeSpan TimeLimit(string request) => T.TimeLimit(request);

    public override IEnumerable<string> BuiltInNames => T.BuiltIns.Keys;

    public override ResourceRow? BuiltIn(string name)
    {
        if (!T.BuiltIns.TryGetValue(name, out var properties))
            return null;
        var id = ResourceId.Below(scope: null, T.Type, [name]);
        return new()
        {
            Key = id.Key, Id = id.Text, Type = T.Type.ToString(), Name = name, Subscription = "", Tags = "{}",
            Properties = Json.Write(properties), Status = Json.Write(T.OnStored(id, properties, new())), State = ProvisioningState.Succeeded, Version = 1,
            CreatedAt = DateTimeOffset.UnixEpoch, CreatedBy = "system", CreatedByType = "Application", ModifiedAt = DateTimeOffset.UnixEpoch, ModifiedBy = "system", ModifiedByType = "Application",
        };
    }

    public override string? WrongName(string name) => T.WrongName(name);

    public override ErrorBody Taken(string other) => T.Taken(other);

    public override ErrorBody? Refuse(string request, JsonElement parameters, ResourceRow current) =>
        T.Refuse(new(request, parameters, current.Read<T>(), current.ReadStatus<TStatus>(), current.State));

    public override ErrorBody? RefuseBelow(ResourceRow parent) => T.RefuseBelow(parent.Properties);

    public override BoundProperties? Bind(ResourceId id, JsonElement properties, ResourceRow? row, Func<string, JsonElement, bool> isReadOnlyEcho, List<ErrorBody> faults)
    {
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        faults.AddRange(Shape.Faults(properties, typeof(T), "properties", secrets, isReadOnlyEcho));
        var wanted = faults.Count == 0 ? properties.Deserialize<T>(Json.Options)! : Sound.Part<T>(properties, "properties", faults);
        if (wanted is null)
            return null;
        var current = row?.Read<T>();
        var broken = T.Violations(wanted, current).Select(v => Shape.Fault(v.Target.Length == 0 ? "properties" : $"properties.{v.Target}", v.Message));
        faults.AddRange(broken.Where(fault => !Sound.Concerns(faults, fault.Target!)).ToList());
        if (faults.Count > 0)
            return null;
        var (before, after) = (row?.Status ?? "{}", Json.Write(T.OnStored(id, wanted, row?.ReadStatus<TStatus>() ?? new())));
        return new()
        {
            Stored = JsonSerializer.Serialize(wanted, Json.WithoutSecrets),
            Status = after == "{}" || after == before ? null : after,
            Secrets = secrets,
            UniqueKey = T.UniqueKey(id, wanted),
            Claims = [.. T.Claims(id, wanted)],
            Quota = T.Quota(wanted),
            References = [.. T.References(wanted)],
            AlsoRequires = [.. T.AlsoRequires(id, wanted)],
        };
    }
}

/// <summary>Stands for a resource of a type where a .NET type is asked for: envelope, wanted properties, status and provisioning state.</summary>
internal sealed record ResourceOf<T, TStatus>;

/// <summary>Stands for an RFC 7396 merge patch of a resource.</summary>
internal sealed record PatchOf<T>;
