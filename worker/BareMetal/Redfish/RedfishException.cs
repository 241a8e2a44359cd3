namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Why a BMC did not do what it was asked.</summary>
internal enum RedfishFailure
{
    /// <summary>No connection, or it broke.</summary>
    Unreachable,

    /// <summary>Connected, or trying to, and no answer in time. What was asked may have happened: look before asking again.</summary>
    Timeout,

    /// <summary>The BMC does not know this user or password. Asking again locks the account.</summary>
    BadCredentials,

    /// <summary>Not the pinned certificate. No credential was sent.</summary>
    CertificateChanged,

    /// <summary>The certificate does not lead to a trusted CA, or names somebody else. No credential was sent.</summary>
    CertificateUntrusted,

    /// <summary>The address, or one that the BMC pointed at, is outside the management networks or the BMC's own origin.</summary>
    NotAllowed,

    /// <summary>The answer is not Redfish, or too large.</summary>
    Protocol,

    /// <summary>Not now: starting, in POST, or a fault of the BMC's own (5xx).</summary>
    Busy,

    /// <summary>All sessions of the BMC are taken.</summary>
    TooManySessions,

    /// <summary>The BMC understood and said no.</summary>
    Rejected,

    /// <summary>The BMC said yes, and reading it back says otherwise.</summary>
    NotReadBack,
}

/// <summary>
/// A typed refusal or fault. The message never carries a credential, an artefact's address or the BMC's own prose (which may
/// repeat either): only its message id and the path.
/// </summary>
internal sealed class RedfishException(RedfishFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public RedfishFailure Failure { get; } = failure;

    /// <summary>The HTTP status, if there was an answer.</summary>
    public int? Status { get; init; }

    /// <summary>Redfish's message id without registry and version: SYS518, ActionParameterMissing …</summary>
    public string? MessageId => MessageIds.FirstOrDefault();

    public string[] MessageIds { get; init; } = [];

    /// <summary>True when the BMC promised that nothing was done: the one case in which a write is repeated without looking.</summary>
    public bool NothingWasDone { get; init; }

    /// <summary>When asking again has a chance.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>True when the request that failed was a write, the log-in included: reading again may be harmless, sending it again is not.</summary>
    public bool WasWrite { get; init; }

    public bool Says(string messageId) => MessageIds.Contains(messageId, StringComparer.OrdinalIgnoreCase);

    /// <summary>True when the same request may succeed later without anybody changing anything.</summary>
    public bool IsTransient => Failure is RedfishFailure.Unreachable or RedfishFailure.Timeout or RedfishFailure.Busy
        or RedfishFailure.TooManySessions or RedfishFailure.NotReadBack;
}

/// <summary>The caller's lease ended between two requests: nothing more is written.</summary>
internal sealed class WriteNotAllowedException() : OperationCanceledException("The lease on this machine ended; the BMC was not written to.");
