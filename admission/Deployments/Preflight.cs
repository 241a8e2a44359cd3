using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Authorization;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Admission.Deployments;

/// <summary>What can be said about the resources of a plan before any of them is written: their types, permissions and properties.</summary>
internal sealed class Preflight(NpgsqlDataSource source, ResourceEnvelope envelope)
{
    /// <summary>Throws when any resource would certainly be refused: 403 without permission, else 400 with every fault.</summary>
    public async Task DemandAsync(DeploymentPlan plan, Grants grants, Caller caller, CancellationToken cancel)
    {
        var faults = new List<ErrorBody>();
        foreach (var checkedResource in await CheckAsync(plan, grants, caller, cancel))
        {
            if (checkedResource.Refusal is { Status: 403 } denied)
                throw denied;
            if (checkedResource.Refusal is { } refusal)
                faults.Add(refusal.Error with { Target = checkedResource.Planned.Id.Text, Message = $"'{checkedResource.Planned.Path}' ({checkedResource.Planned.Id.Text}): {refusal.Error.Message}" });
        }

        if (faults.Count > 0)
            throw new ArmException(400, new("InvalidTemplateDeployment", $"The template deployment '{plan.Content.Context.Name}' is not valid: {faults.Count} of its resources would be refused; see details.", Details: faults));
    }

    /// <summary>Every resource that would be written, nested ones included, beside what is stored of it now.</summary>
    public async Task<IReadOnlyList<CheckedResource>> CheckAsync(DeploymentPlan plan, Grants grants, Caller caller, CancellationToken cancel)
    {
        var planned = plan.DeployedAtAnyDepth.ToList();
        var rows = (await source.FindResourcesAsync([.. planned.Select(one => one.Id.Key).Distinct(StringComparer.Ordinal)], cancel)).ToDictionary(row => row.Key, StringComparer.Ordinal);
        return [.. planned.Select(one => Check(one, rows.GetValueOrDefault(one.Id.Key), grants, caller))];
    }

    private CheckedResource Check(PlannedResource planned, ResourceRow? current, Grants grants, Caller caller)
    {
        try
        {
            var type = TypeOf(planned, grants, caller);
            if (planned.IsDeferred || planned.Template is not null)
                return new(planned, current, Wanted: null, Refusal: null);
            return new(planned, current, envelope.Put(type, planned.ApiVersion, planned.Id, TemplateValue.ToElement(planned.Preview), current), Refusal: null);
        }
        catch (ArmException refusal)
        {
            return new(planned, current, Wanted: null, refusal);
        }
    }

    /// <summary>The registered type of a resource, once its version is served and the caller may write it.</summary>
    public static RegisteredType TypeOf(PlannedResource planned, Grants grants, Caller caller)
    {
        var type = ResourceTypes.TryFind(planned.Id.Type) is { Scopes: var scopes } known && (scopes != ResourceScopes.None || planned.Id.Type == ResourceType.ResourceGroup) ? known
            : throw ArmErrors.TypeNotFound(planned.Id.Type.Name, planned.Id.Type.Provider, planned.ApiVersion ?? "");
        if (planned.ApiVersion is { } version && !type.ApiVersions.Contains(version, StringComparer.OrdinalIgnoreCase))
            throw ArmErrors.UnsupportedApiVersion(type.Type, version, type.ApiVersions);
        var stands = planned.Id.Scope is null ? ResourceScopes.Tenant : planned.Id.Scope.Type == ResourceType.Subscription ? ResourceScopes.Subscription
            : planned.Id.Scope.Type == ResourceType.ResourceGroup ? ResourceScopes.ResourceGroup : ResourceScopes.Resource;
        if (planned.Id.Type != ResourceType.ResourceGroup && !type.Scopes.HasFlag(stands))
            throw new ArmException(400, new("InvalidResourceScope", $"A '{type.Type}' does not stand below a {stands}, as '{planned.Id.Text}' would; it stands below: {type.Scopes}."));
        var action = $"{type.Permissions}/write";
        return grants.Allows(action, planned.Id.Key) ? type : throw ArmErrors.Forbidden(caller.Principal, action, planned.Id.Text);
    }
}

/// <summary>A resource that would be written: what is stored now, what would be (null when that is not known yet), or why it would be refused.</summary>
internal sealed record CheckedResource(PlannedResource Planned, ResourceRow? Current, WantedResource? Wanted, ArmException? Refusal);
