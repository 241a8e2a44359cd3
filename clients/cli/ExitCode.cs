namespace ControlPlane.Cli;

/// <summary>What a script can tell from the process's end.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The request was refused, the operation failed, or the control plane cannot be reached.</summary>
    public const int Failed = 1;

    /// <summary>The command line, the manifest or the connection settings are wrong; nothing was sent.</summary>
    public const int Usage = 2;

    /// <summary>Some of several parts succeeded and others failed.</summary>
    public const int Partial = 3;

    /// <summary>Interrupted; what was accepted goes on (128 + SIGINT).</summary>
    public const int Interrupted = 130;
}

/// <summary>The caller's mistake, found before anything was sent.</summary>
internal sealed class UsageException(string message) : Exception(message);
