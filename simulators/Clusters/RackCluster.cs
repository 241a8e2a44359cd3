using ControlPlane.Simulators.BareMetal;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters;

/// <summary>The door of the cluster that the rack's machines join: the fault rules of the rack, then the API server, and the journal of both.</summary>
internal sealed class RackCluster(KubernetesApi api, FaultRules faults, VirtualClock clock, Journal journal)
{
    public async Task HandleAsync(HttpContext http)
    {
        var request = http.Request;
        var fault = faults.Strike("cluster", 0, request.Method, request.Path);
        if (fault?.Rule.Action == FaultAction.Delay) await clock.WallDelayAsync(TimeSpan.FromMilliseconds(fault.Rule.DelayMilliseconds), http.RequestAborted);
        if (fault?.Rule.Action is FaultAction.Drop)
        {
            journal.Call("cluster", 0, request, 0);
            http.Abort();
            return;
        }

        var answer = fault?.Rule.Action is FaultAction.Status
            ? KubernetesAnswer.Failure(fault.Rule.Status, "ServiceUnavailable", "injected fault")
            : await api.AnswerAsync(http);
        journal.Call("cluster", 0, request, answer.Status, answer.Effect);
        if (fault?.Rule.Action is FaultAction.DropAfter) http.Abort();
        else await answer.SendAsync(http);
    }
}
