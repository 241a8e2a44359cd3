using System.Net;
using System.Text.Json;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Turns a refusing answer into its type. Pure.</summary>
internal static class RedfishError
{
    /// <summary>
    /// The keys of a body's messages, registry and version taken off: "IDRAC.2.8.SYS518" is SYS518, "Base.1.12.0.ActionParameterMissing" is
    /// ActionParameterMissing. Both the standard error object and bare @Message.ExtendedInfo are read.
    /// </summary>
    public static string[] MessageIds(JsonElement body) =>
    [
        .. body.Items("error", "@Message.ExtendedInfo").Concat(body.Items("@Message.ExtendedInfo"))
            .Select(message => message.Text("MessageId") ?? message.Text("MessageID"))
            .Append(body.Text("error", "code"))
            .OfType<string>()
            .Select(id => id[(id.LastIndexOf('.') + 1)..])
            .Where(key => key is not ("GeneralError" or "ExtendedInfo" or "ExtendedError"))
            .Distinct(StringComparer.Ordinal),
    ];

    public static bool Says(this RedfishAnswer answer, string key) => MessageIds(answer.Body).Contains(key, StringComparer.OrdinalIgnoreCase);

    /// <summary>The refusal that an answer is, whoever asked.</summary>
    public static RedfishException From(RedfishAnswer answer, HttpMethod method, Uri target, VendorProfile profile)
    {
        var ids = MessageIds(answer.Body);
        var status = (int)answer.Status;
        var (failure, wait) = Classify(answer.Status, ids, profile);
        var id = ids.FirstOrDefault();
        return new(failure, $"{method} {target.AbsolutePath} was answered {status}{(id is null ? "" : $" {id}")}.")
        {
            Status = status,
            MessageIds = ids,
            WasWrite = method != HttpMethod.Get,
            NothingWasDone = ids.Any(profile.MeansNotYet),
            RetryAfter = answer.RetryAfter ?? wait,
        };
    }

    private static (RedfishFailure Failure, TimeSpan? Wait) Classify(HttpStatusCode status, string[] ids, VendorProfile profile)
    {
        // iDRAC: "The maximum number of user sessions is reached": its idle sessions end after 20 to 30 minutes (gofish#75, badfish#447).
        if (ids.Any(id => id is "RAC0218" or "SessionLimitExceeded")) return (RedfishFailure.TooManySessions, TimeSpan.FromMinutes(1));
        if (ids.Any(profile.MeansNotYet)) return (RedfishFailure.Busy, profile.NotYetDelay);
        if (status == HttpStatusCode.Unauthorized) return (RedfishFailure.BadCredentials, null);
        return status == HttpStatusCode.TooManyRequests || (int)status >= 500 ? (RedfishFailure.Busy, null) : (RedfishFailure.Rejected, null);
    }
}
