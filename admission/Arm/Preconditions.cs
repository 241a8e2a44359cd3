using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>The conditions of a request (RFC 9110 §13, ARM RPC addendum on ETags); empty when there are none.</summary>
internal sealed record Preconditions(string IfMatch, string IfNoneMatch)
{
    public static Preconditions None { get; } = new("", "");

    public static string Etag(long version) => $"\"{version}\"";

    public void Demand(ResourceRow? current) => Demand(current?.Version);

    /// <summary>Of what is no resource row but has a version all the same; null when there is none.</summary>
    public void Demand(long? version)
    {
        if (IfMatch.Length > 0 && (version is null || !Matches(IfMatch, version.Value)))
            throw ArmErrors.PreconditionFailed("If-Match", IfMatch);
        if (IfNoneMatch.Length > 0 && version is not null && Matches(IfNoneMatch, version.Value))
            throw ArmErrors.PreconditionFailed("If-None-Match", IfNoneMatch);
    }

    public bool NotModified(ResourceRow current) => IfNoneMatch.Length > 0 && Matches(IfNoneMatch, current.Version);

    private static bool Matches(string condition, long version) => condition.Trim() == "*"
        || condition.Split(',').Any(tag => tag.Trim() is var given && (given == Etag(version) || given == $"W/{Etag(version)}"));
}
