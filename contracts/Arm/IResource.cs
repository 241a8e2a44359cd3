using System.Text.Json;

namespace ControlPlane.Contracts.Arm;

/// <summary>
/// What a resource type declares about itself; every verb of the front door, the worker's registry, the OpenAPI document and the conformance suite are
/// derived from it. <typeparamref name="TSelf"/> holds the properties a client writes, <typeparamref name="TStatus"/> those that only the control plane
/// writes; a reader sees both in <c>properties</c>.
/// </summary>
public interface IResource<TSelf, TStatus>
    where TSelf : class, IResource<TSelf, TStatus>
    where TStatus : class, new()
{
    static abstract ResourceType Type { get; }

    /// <summary>Newest first: clients without an opinion take the first one.</summary>
    static virtual IReadOnlyList<string> ApiVersions => Arm.ApiVersions.Own;

    /// <summary>What each of <see cref="ApiVersions"/> added to the one before it. The record is the newest one; an older one neither shows nor changes what it does not know.</summary>
    static virtual IReadOnlyList<ApiVersionStep> Ladder => [];

    /// <summary>What a resource of this type may stand below.</summary>
    static virtual ResourceScopes Scopes => ResourceScopes.ResourceGroup;

    /// <summary>A tracked resource has a location and tags and is deleted by an operation; a proxy resource has neither, and one that completes on write is deleted at once (ARM RPC, resource kinds).</summary>
    static virtual bool IsTracked => true;

    /// <summary>Every rule that <paramref name="wanted"/> breaks, all at once; <paramref name="current"/> is null on create.</summary>
    static abstract IEnumerable<Violation> Violations(TSelf wanted, TSelf? current);

    /// <summary>What is wrong with a name beyond ARM's own rules, or null.</summary>
    static virtual string? WrongName(string name) => null;

    /// <summary>Resources of this type that every tenant has, by name; nobody can change them.</summary>
    static virtual IReadOnlyDictionary<string, TSelf> BuiltIns => System.Collections.Immutable.ImmutableDictionary<string, TSelf>.Empty;

    /// <summary>What is known of a resource as soon as it is stored.</summary>
    static virtual TStatus OnStored(ResourceId id, TSelf wanted, TStatus status) => status;

    /// <summary>What a caller must be allowed besides the write itself, and where.</summary>
    static virtual IEnumerable<RequiredAction> AlsoRequires(ResourceId id, TSelf wanted) => [];

    /// <summary>Ids in the properties that must name existing resources of the same subscription or of the tenant.</summary>
    static virtual IEnumerable<Reference> References(TSelf wanted) => [];

    /// <summary>Places taken from a quota while the resource exists.</summary>
    static virtual QuotaDemand? Quota(TSelf wanted) => null;

    /// <summary>A fact that at most one resource may claim, such as the address of a BMC.</summary>
    static virtual string? UniqueKey(ResourceId id, TSelf wanted) => null;

    /// <summary>Facts like <see cref="UniqueKey"/>, any number of them, such as the Kubernetes objects that a placement owns.</summary>
    static virtual IEnumerable<string> Claims(ResourceId id, TSelf wanted) => [];

    /// <summary>The answer (409) when another resource has claimed the fact already.</summary>
    static virtual ErrorBody Taken(string other) => new("ResourceAlreadyClaimed", $"What the properties claim belongs to '{other}'; one of the two must be deleted first.");

    /// <summary>Members beside <c>properties</c> that Azure's clients send for this type and that mean nothing here.</summary>
    static virtual IReadOnlyList<string> IgnoredMembers => [];

    static virtual IReadOnlyList<ResourceAction> Actions => [];

    /// <summary>Why an action or <c>delete</c> must not happen to the resource as it stands, or null; the answer is a 409.</summary>
    static virtual ErrorBody? Refuse(ResourceRequest<TSelf, TStatus> request) => null;

    /// <summary>Why nothing of this type may be written below its parent as that is, or null; the answer is a 409. <paramref name="parent"/> holds the parent's properties.</summary>
    static virtual ErrorBody? RefuseBelow(string parent) => null;

    /// <summary>How long the operation that carries out a request may take in all; after that it fails with <c>OperationTimedOut</c>.</summary>
    static virtual TimeSpan TimeLimit(string request) => TimeSpan.FromHours(1);

    /// <summary>True when PUT and PATCH are complete once stored and need no worker.</summary>
    static virtual bool CompletesOnWrite => false;

    /// <summary>True when a PUT answers 201 even where it replaces, as Azure's own type does and its clients demand.</summary>
    static virtual bool AlwaysAnswersCreated => false;

    /// <summary>True when a PUT is more than its properties: the type has a door of its own for it, and no PATCH.</summary>
    static virtual bool HasOwnDoor => false;
}

/// <summary>Below what a type's resources stand. <see cref="Resource"/> makes it an extension resource: <c>{scope}/providers/{namespace}/{type}/{name}</c>, gone with what it extends.</summary>
[Flags]
public enum ResourceScopes { None = 0, Tenant = 1, Subscription = 2, ResourceGroup = 4, Resource = 8 }

/// <summary>An action or <c>delete</c> asked of a resource as it stands.</summary>
public sealed record ResourceRequest<TSelf, TStatus>(string Name, JsonElement Parameters, TSelf Current, TStatus Status, ProvisioningState State);

/// <summary>A POST action of a resource type; <paramref name="Body"/> is the shape of its parameters, null when it takes none.</summary>
public sealed record ResourceAction(string Name, string Description, Type? Body = null)
{
    /// <summary>The result of the action is the resource as it then is; else there is none.</summary>
    public bool ReturnsResource { get; init; }
}

/// <summary>What a DELETE may say in its query.</summary>
public sealed record DeleteParameters
{
    /// <summary>Forget the resource without touching the outside world: for hardware that is gone (Azure Compute's <c>forceDeletion</c>).</summary>
    public bool ForceDeletion { get; init; }
}

/// <summary>A property that holds the id of another resource.</summary>
public sealed record Reference(string Target, string Id, ResourceType Type)
{
    /// <summary>What is named cannot be deleted before this resource; false when it is only read as this one is written.</summary>
    public bool Keeps { get; init; } = true;

    /// <summary>The key of the resource that is named, however its id was spelled.</summary>
    public string Key => ResourceId.TryParse(Id, out var id) ? id.Key : Id.ToLowerInvariant();
}

/// <summary>An action, such as <c>Microsoft.Authorization/roleDefinitions/write</c>, and the scope at which it must be allowed.</summary>
public sealed record RequiredAction(string Action, string Scope);

/// <summary>So many places of one SKU family.</summary>
public sealed record QuotaDemand(string Family, int Amount);

/// <summary>A rule that a property breaks: <paramref name="Target"/> is its path below <c>properties</c>.</summary>
public sealed record Violation(string Target, string Message)
{
    public static Violation Immutable(string target, string wayOut) => new(target, $"cannot change once the resource exists; {wayOut}");
}

/// <summary>Marks a write-only property: it is stored encrypted and never read back.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SecretAttribute : Attribute;

/// <summary>A status without any property of its own.</summary>
public sealed record NoStatus;

/// <summary>
/// What an api-version added to the one before it. A version only ever adds: what would get another meaning gets another name, so that old clients go on.
/// </summary>
/// <param name="version">The version that added it, such as 2026-11-01.</param>
/// <param name="added">
/// Names directly below <c>properties</c>, each with what it is for a resource that was written without it: through an older version, or before it could be
/// written at all. That value is frozen, and is the initializer of the record's property, for that is how a row from before is read.
/// </param>
public sealed class ApiVersionStep(string version, params (string Name, object? Before)[] added)
{
    public string Version { get; } = version;

    public IReadOnlyDictionary<string, JsonElement> Added { get; } = added.ToDictionary(one => one.Name, one => Json.Element(one.Before), StringComparer.Ordinal);
}

public static class ApiVersions
{
    private const int DateLength = 10;

    /// <summary>Whether a version is from before another: by date, and a preview is before what it previews.</summary>
    public static bool IsBefore(string version, string other)
    {
        var dates = string.CompareOrdinal(version, 0, other, 0, DateLength);
        return dates < 0 || (dates == 0 && version.Length > DateLength && other.Length == DateLength);
    }

    public static IReadOnlyList<string> Own { get; } = ["2026-06-01"];

    /// <summary>What unmodified Azure clients send to the namespaces that Azure owns.</summary>
    public static IReadOnlyList<string> Azure { get; } =
    [
        "2026-06-01", "2025-04-01", "2025-03-01", "2024-11-01", "2024-07-01", "2024-03-01", "2023-07-01", "2023-04-01", "2022-12-01", "2022-09-01", "2022-06-01", "2022-04-01", "2021-10-01", "2021-06-01",
        "2021-04-01", "2021-01-01", "2020-10-01", "2020-09-01", "2020-06-01", "2020-05-01", "2019-11-01", "2019-10-01", "2019-09-01", "2018-07-01", "2018-05-01", "2018-01-01-preview", "2016-09-01",
        "2016-06-01", "2016-02-01", "2015-07-01", "2015-04-01", "2015-01-01",
    ];
}
