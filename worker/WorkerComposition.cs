using ControlPlane.Worker.Arm;
using ControlPlane.Worker.BareMetal;
using ControlPlane.Worker.Clusters;
using ControlPlane.Worker.Fleets;
using ControlPlane.Worker.Metering;
using ControlPlane.Worker.NodePools;
using ControlPlane.Worker.Policy;

namespace ControlPlane.Worker;

/// <summary>The worker as one piece, so that a process of its own and the all-in-one host compose the same thing.</summary>
internal static class WorkerComposition
{
    public static WebApplicationBuilder AddWorker(this WebApplicationBuilder builder)
    {
        builder.Services.AddOperations(builder.Configuration);
        builder.Services.AddClusters(builder.Configuration);
        builder.Services.AddFleets(builder.Configuration);
        builder.Services.AddNodePools();
        builder.Services.AddBareMetal(builder.Configuration);
        builder.Services.AddHostedService<MeterRecorder>();
        builder.Services.AddHostedService<NodeHourRecorder>();
        builder.Services.AddHostedService<PolicyEvaluation>();
        return builder;
    }
}
