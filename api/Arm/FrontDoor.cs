using ControlPlane.Admission;
using ControlPlane.Api.Authorization;
using ControlPlane.Api.BareMetal;
using ControlPlane.Api.Clusters;
using ControlPlane.Api.Deployments;
using ControlPlane.Api.Fleets;
using ControlPlane.Api.Identity;
using ControlPlane.Api.Metering;
using ControlPlane.Api.Policy;
using ControlPlane.Api.ResourceGraph;
using ControlPlane.Api.Subscriptions;
using ControlPlane.Contracts.Arm;
using ControlPlane.Defaults;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>The front door as one piece, so that a process of its own and the all-in-one host compose the same thing.</summary>
internal static class FrontDoor
{
    public static WebApplicationBuilder AddFrontDoor(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            RequestLimits.Apply(kestrel, builder.Configuration);
        });
        builder.AddTls();
        builder.Services.AddAdmission();
        builder.Services.AddOptions<ThrottlingOptions>().Bind(builder.Configuration.GetSection("Throttling"));
        builder.Services.AddOptions<RequestLimits>().Bind(builder.Configuration.GetSection("Limits"));
        builder.Services.AddSingleton<ResourceVerbs>();
        builder.Services.AddSingleton<OperationHints>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<OperationHints>());
        builder.Services.AddOpenApiDocument();
        builder.Services.AddSingleton<ProvisioningDoor>();
        builder.AddAgentDoor();
        builder.Services.AddAgentWorkDoor();
        builder.AddIdentity();
        return builder;
    }

    public static WebApplication UseFrontDoor(this WebApplication app)
    {
        app.UseArmHeaders();
        app.UseMiddleware<ArmErrorRendering>();
        app.UseCanonicalPath();
        app.UseIdentity();
        app.UseMiddleware<Throttling>();
        app.UseRouting();
        app.UseMiddleware<RouteAuthorization>();
        app.UseMiddleware<FairShare>();
        var open = app.MapGroup("").WithMetadata(OpenRoute.Instance);
        open.MapServiceDefaults();
        ProvisioningDoor.Map(open);
        AgentDoor.Map(app, open);
        AgentWorkDoor.Map(open);
        app.MapIdentity();
        OpenApi.Map(app);
        ResourceVerbs.Map(app);
        OperationEndpoints.Map(app);
        SubscriptionEndpoints.Map(app);
        SubscriptionLifecycle.Map(app);
        ProviderEndpoints.Map(app);
        ProviderOperations.Map(app);
        TagEndpoints.Map(app);
        PermissionEndpoints.Map(app);
        PolicyInsightsEndpoints.Map(app);
        ResourceGraphEndpoints.Map(app);
        ActivityLogEndpoints.Map(app);
        DeploymentEndpoints.Map(app);
        HardwareEndpoints.Map(app);
        PlacementEndpoints.Map(app);
        InsightEndpoints.Map(app);
        GateEndpoints.Map(app);
        UsageEndpoints.Map(app);
        ConsumptionEndpoints.Map(app);
        return app;
    }

    /// <summary>What must be in the store before the first request.</summary>
    public static async Task InitializeFrontDoorAsync(this WebApplication app, CancellationToken cancel)
    {
        await Schema.MigrateAsync(app.Services, cancel);
        await app.Services.InitializeIdentityAsync(cancel);
        if (app.Configuration["Identity:Bootstrap:SubscriptionId"] is { Length: > 0 } subscription)
            await SubscriptionLifecycle.EnsureAsync(app.Services, subscription, cancel);
    }
}
