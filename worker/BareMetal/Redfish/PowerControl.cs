using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Redfish's ComputerSystem.PowerState. PoweringOn and PoweringOff are not yet there.</summary>
internal enum PowerState { Unknown, Off, On, PoweringOn, PoweringOff, Paused }

/// <summary>Redfish's Resource.ResetType, as far as machines are concerned.</summary>
internal enum ResetType { On, ForceOff, GracefulShutdown, GracefulRestart, ForceRestart, PowerCycle, Nmi }

/// <summary>Reads and asks for power.</summary>
internal sealed class PowerControl(RedfishClient client, MachineFacts facts)
{
    public async Task<PowerState> ReadAsync(CancellationToken stop) => StateOf((await client.GetAsync(facts.System, stop)).Body);

    public async Task RequestAsync(ResetType wanted, CancellationToken stop)
    {
        var system = (await client.GetAsync(facts.System, stop)).Body;
        var reset = Effective(wanted, StateOf(system));
        if (reset is null) return;

        var action = system.At("Actions", "#ComputerSystem.Reset");
        var target = client.Resolve(action.Text("target") ?? $"{facts.System.AbsolutePath.TrimEnd('/')}/Actions/ComputerSystem.Reset");
        var type = Choose(reset.Value, await AllowedAsync(action, stop));
        try
        {
            await client.PostAsync(target, new JsonObject { ["ResetType"] = type }, stop);
        }
        catch (RedfishException refused) when (refused.Status is 400 or 409)
        {
            // "Already in that state" comes in many words; the state itself is the answer (ironic power.py).
            if (Effective(wanted, await ReadAsync(stop)) is not null) throw;
        }
    }

    /// <summary>
    /// What is left to ask for: null when the state is the wanted one or leads there, On for restarting a machine that is off.
    /// ForceOff goes on over PoweringOff: a graceful shutdown that hangs shows exactly that. Pure.
    /// </summary>
    public static ResetType? Effective(ResetType wanted, PowerState now) => (wanted, now) switch
    {
        (ResetType.On, PowerState.On or PowerState.PoweringOn) => null,
        (ResetType.ForceOff, PowerState.Off) => null,
        (ResetType.GracefulShutdown, PowerState.Off or PowerState.PoweringOff) => null,
        (ResetType.ForceRestart or ResetType.GracefulRestart or ResetType.PowerCycle, PowerState.PoweringOn) => null,
        (ResetType.ForceRestart or ResetType.GracefulRestart or ResetType.PowerCycle, PowerState.Off) => ResetType.On,
        _ => wanted,
    };

    public static PowerState StateOf(JsonElement system) => Enum.TryParse<PowerState>(system.Text("PowerState"), out var state) ? state : PowerState.Unknown;

    /// <summary>The wanted type, or the next best that ends in the same state; as is when the BMC lists nothing. Pure.</summary>
    /// <exception cref="RedfishException">Rejected when neither is offered.</exception>
    public static string Choose(ResetType wanted, string[] allowed)
    {
        if (allowed.Length == 0 || allowed.Contains(wanted.ToString(), StringComparer.Ordinal)) return wanted.ToString();
        string[] instead = wanted switch
        {
            ResetType.On => ["ForceOn"],
            ResetType.ForceRestart => ["PowerCycle", "FullPowerCycle"],
            ResetType.PowerCycle => ["ForceRestart", "FullPowerCycle"],
            _ => [],
        };
        return instead.FirstOrDefault(allowed.Contains)
            ?? throw new RedfishException(RedfishFailure.Rejected, $"The BMC offers no reset of type {wanted}.");
    }

    private async Task<string[]> AllowedAsync(JsonElement action, CancellationToken stop)
    {
        var listed = action.Texts("ResetType@Redfish.AllowableValues");
        if (listed.Length > 0 || action.Text("@Redfish.ActionInfo") is not { } info) return listed;
        var answer = await client.FindAsync(client.Resolve(info), stop);
        return answer?.Body.Items("Parameters").FirstOrDefault(parameter => parameter.Text("Name") == "ResetType").Texts("AllowableValues") ?? [];
    }
}
