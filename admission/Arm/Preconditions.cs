using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>The conditions of a request (RFC 9110 §13, ARM RPC addendum on ETags); empty when there are none.</summary>
internal sealed record Preconditions(string IfMatch, string IfNoneMatch)
{
    public static Preconditions None { get; } = new("", "");

    public static string Etag(long version) => $"\"{version}\"";

    public void Demand(ResourceRow? current)
    {
        if (IfMatch.Length > 0 && (current is null || !Matches(IfMatch, current)))
            throw ArmErrors.PreconditionFailed("If-Match", IfMatch);
        if (IfNoneMatch.Length > 0 && current is not null && Matches(IfNoneMatch, current))
            throw ArmErrors.PreconditionFailed("If-None-Match", IfNoneMatch);
    }

    public bool NotModified(ResourceRow current) => IfNoneMatch.Length > 0 && Matches(IfNoneMatch, current);

    private static bool Matches(string condition, ResourceRow current) => condition.Trim() == "*"
        || condition.Split(',').Any(tag => tag.Trim() is var given && (given == Etag(current.Version) || given == $"W/{Etag(current.Version)}"));
}
