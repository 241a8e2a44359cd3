using ControlPlane.Contracts.BareMetal;
using ControlPlane.Worker.Arm;
using ControlPlane.Worker.BareMetal.Redfish;
using Microsoft.Extensions.Options;
using MachineContext = ControlPlane.Worker.Arm.StepContext<ControlPlane.Contracts.BareMetal.BareMetalMachine, ControlPlane.Contracts.BareMetal.BareMetalMachineStatus>;

namespace ControlPlane.Worker.BareMetal;

/// <summary>Talks to the BMC of a machine on behalf of a step, and turns what goes wrong into what the operation should do about it.</summary>
internal sealed class MachineBmc(RedfishConnector connector, IOptions<MachineTimeouts> timeouts)
{
    public Task ActAsync(MachineContext context, Func<RedfishMachine, Task> act, CancellationToken stop) => AskAsync(context, async bmc =>
    {
        await act(bmc);
        return true;
    }, stop);

    public async Task<TAnswer> AskAsync<TAnswer>(MachineContext context, Func<RedfishMachine, Task<TAnswer>> ask, CancellationToken stop)
    {
        var password = await context.SecretAsync("bmc.credentials.password", stop)
            ?? throw new OperationFailedException("BmcCredentialsMissing", "The machine has no BMC password; PUT it again with bmc.credentials.password.");
        try
        {
            var bmc = context.Wanted.Bmc;
            var machine = await connector.ConnectAsync(
                new(Bmc.Address(bmc.Endpoint)!, bmc.Credentials.UserName, password, bmc.Tls, context.IdempotencyKey) { MayWrite = () => context.Lease.IsHeld }, stop);
            return await ask(machine);
        }
        catch (WriteNotAllowedException)
        {
            throw new LeaseLostException(context.Operation.Id);
        }
        catch (RedfishException failure)
        {
            throw Translate(failure, context.Wanted.Bmc.Endpoint!, context.Status.HardwareInventory is null ? TimeSpan.Zero : timeouts.Value.BmcPatience);
        }
    }

    /// <summary>Wrong credentials and certificates are never tried twice: BMCs lock accounts, and a changed certificate may be somebody else's.</summary>
    private static Exception Translate(RedfishException failure, string endpoint, TimeSpan patience)
    {
        string? Evidence() => failure.MessageId;
        OperationFailedException Final(string code, string message) => new(code, message, evidence: new { failure = failure.Failure.ToString(), status = failure.Status, messageId = Evidence(), said = failure.Message });
        return failure.Failure switch
        {
            RedfishFailure.BadCredentials => Final("BmcCredentialsRejected", $"The BMC at {endpoint} refuses the user name or password. It was asked once only, so that it does not lock the account; PUT the machine with the right credentials."),
            RedfishFailure.CertificateChanged => Final("BmcCertificateChanged", $"The BMC at {endpoint} shows another certificate than the pinned one. No credential was sent. If the change is yours, PUT the machine with the new fingerprint."),
            RedfishFailure.CertificateUntrusted => Final("BmcCertificateUntrusted", $"The certificate of the BMC at {endpoint} leads to no CA of bmc.tls. No credential was sent."),
            RedfishFailure.NotAllowed => Final("BmcAddressNotAllowed", $"{endpoint} is outside the management networks of this control plane (BareMetal:ManagementNetworks): {failure.Message}"),
            RedfishFailure.Protocol => Final("BmcProtocolError", $"What answers at {endpoint} does not speak Redfish: {failure.Message}"),
            RedfishFailure.Rejected => Final("BmcRejected", $"The BMC at {endpoint} refused: {failure.Message}"),
            RedfishFailure.NotReadBack => new TransientStepException("BmcSettingNotKept", $"The BMC at {endpoint} accepted a setting and did not keep it: {failure.Message}", failure),
            RedfishFailure.TooManySessions => new TransientStepException("BmcSessionsExhausted", $"All sessions of the BMC at {endpoint} are taken.", failure, patience),
            RedfishFailure.Busy => new TransientStepException("BmcBusy", $"The BMC at {endpoint} is busy: {failure.Message}", failure, patience),
            _ => new TransientStepException("BmcUnreachable", $"The BMC at {endpoint} does not answer: {failure.Message}", failure, patience),
        };
    }
}
