using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Authorization;
using ControlPlane.Admission.Deployments;
using ControlPlane.Admission.Fleets;
using ControlPlane.Admission.Policy;
using ControlPlane.Persistence.Arm;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ControlPlane.Admission;

/// <summary>Everything that decides about a write; the front door and a worker in one process share it.</summary>
internal static class AdmissionServices
{
    public static IServiceCollection AddAdmission(this IServiceCollection services)
    {
        services.TryAddSingleton<Quotas>();
        services.TryAddSingleton<Acceptor>();
        services.TryAddSingleton<Locations>();
        services.TryAddSingleton<Authorizer>();
        services.TryAddSingleton<ResourceEnvelope>();
        services.TryAddSingleton<ResourceLookup>();
        services.TryAddSingleton<PolicyCatalogue>();
        services.TryAddSingleton<PolicyGate>();
        services.TryAddSingleton<ResourceWrites>();
        services.TryAddSingleton<DeploymentWrites>();
        services.TryAddSingleton<Preflight>();
        services.TryAddSingleton<PreparedRevisions>();
        services.TryAddSingleton<WhatIf>();
        return services;
    }
}
