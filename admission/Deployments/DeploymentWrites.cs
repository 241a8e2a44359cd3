using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Deployments;
using ControlPlane.Persistence.Arm;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace ControlPlane.Admission.Deployments;

/// <summary>Makes a plan of what is asked for, and stores a plan as a deployment, for the front door and for deployments that hold deployments.</summary>
internal sealed class DeploymentWrites(ResourceWrites writes, ResourceLookup lookup, NpgsqlDataSource source, IConfiguration configuration, TimeProvider time)
{
    public async Task<DeploymentPlan> PlanAsync(ResourceId id, DeploymentRequest request, IReadOnlyList<string> groups, CancellationToken cancel)
    {
        var place = await source.FindResourceAsync((id.GroupId ?? ResourceId.OfSubscription(id.Subscription)).Key, cancel) ?? throw await lookup.MissingAsync(id, cancel);
        if (id.ResourceGroup is null && request.Location is null)
            throw ArmErrors.Invalid([new("LocationRequired", "'location' is required for a deployment to a subscription: where the deployment itself is kept.", "location")]);
        if (id.ResourceGroup is null && request.Mode == "Complete")
            throw ArmErrors.Invalid([new("InvalidDeploymentMode", "'properties.mode' must be Incremental for a deployment to a subscription.", "properties.mode")]);
        return Planner.Plan(
            new()
            {
                Template = request.Template,
                Parameters = request.Parameters,
                Groups = groups,
                Context = new()
                {
                    Name = id.Name,
                    Subscription = id.Subscription,
                    Tenant = configuration["Identity:TenantId"] ?? "",
                    ResourceGroup = id.ResourceGroup is null ? null : place.Name,
                    Location = id.ResourceGroup is null ? request.Location : place.Location,
                    GroupTags = TemplateValue.Parse(place.Tags) as TemplateObject ?? TemplateObject.Empty,
                    Mode = request.Mode,
                    Now = time.GetUtcNow(),
                },
            }, NewGuid);
    }

    /// <summary>Stores the deployment; a worker carries it out as the caller.</summary>
    public Task<Written> PutAsync(WriteRequest request, DeploymentPlan plan, TemplateObject tags, CancellationToken cancel)
    {
        var deployment = new Deployment
        {
            Mode = Enum.Parse<DeploymentMode>(plan.Content.Context.Mode, ignoreCase: true),
            Parameters = plan.ShownParameters,
            TemplateHash = Hash(plan.Content.Template),
            CorrelationId = request.Caller.CorrelationId,
            Timestamp = time.GetUtcNow(),
            Providers = plan.Providers,
            Dependencies = plan.Dependencies,
            Content = plan.Content.ToJson(),
        };
        var location = request.Id.ResourceGroup is null ? plan.Content.Context.Location : null;
        return writes.PutAsync(request, Json.Element(new { location, tags = TemplateValue.ToElement(tags), properties = deployment }), cancel);
    }

    /// <summary>A nested deployment, whose body has been evaluated.</summary>
    public async Task<Written> PutNestedAsync(WriteRequest request, PlannedResource nested, TemplateObject body, DeploymentPlan around, CancellationToken cancel)
    {
        var content = Planner.NestedContent(nested, body, around.Content, around.Resources, new());
        // It may go to another group than the deployment around it.
        if (request.Id.GroupId is { } group && await source.FindResourceAsync(group.Key, cancel) is { } place)
            content = content with { Context = content.Context with { Location = place.Location, GroupTags = TemplateValue.Parse(place.Tags) as TemplateObject ?? TemplateObject.Empty } };
        return await PutAsync(request, Planner.Plan(content, NewGuid), body["tags"] as TemplateObject ?? TemplateObject.Empty, cancel);
    }

    /// <summary>Equal for templates that say the same: names sorted, white space and comments gone. 64 bits in decimal, as Azure shows it, but of SHA-256.</summary>
    public static string Hash(TemplateObject template) =>
        BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(TemplateValue.ToJson(template)))).ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static Guid NewGuid()
    {
        var bytes = RandomNumberGenerator.GetBytes(16);
        (bytes[6], bytes[8]) = ((byte)((bytes[6] & 0x0F) | 0x40), (byte)((bytes[8] & 0x3F) | 0x80));
        return new(bytes, bigEndian: true);
    }
}

/// <summary>What else is in the group of a deployment.</summary>
internal static class Surplus
{
    /// <summary>Tracked resources of the group that the plan does not write, and that no other resource has made.</summary>
    public static async Task<IReadOnlyList<ResourceRow>> SurplusAsync(this NpgsqlDataSource source, DeploymentPlan plan, CancellationToken cancel)
    {
        if (plan.Content.Context.ResourceGroup is not { } group)
            return [];
        var kept = plan.DeployedAtAnyDepth.Select(one => one.Id.Key).ToHashSet(StringComparer.Ordinal);
        await source.KeepNestedAsync(kept, [.. plan.Deployed.Where(one => one.Template is not null).Select(one => one.Id.Key)], cancel);
        string[] tracked = [.. ResourceTypes.All.Where(type => type.IsTracked && type.Type != ResourceType.ResourceGroup).Select(type => type.Type.ToString())];
        var surplus = new List<ResourceRow>();
        var page = new ResourcePage { Within = ResourceId.Group(plan.Content.Context.Subscription, group), Types = tracked, Size = 500 };
        while (true)
        {
            var rows = await source.ListResourcesAsync(page, cancel);
            surplus.AddRange(rows.Where(row => row.ManagedBy is null && !kept.Contains(row.Key)));
            if (rows.Count < page.Size)
                return surplus;
            page = page with { After = rows[^1].Key };
        }
    }

    /// <summary>What nested deployments have written is known for certain from themselves alone.</summary>
    private static async Task KeepNestedAsync(this NpgsqlDataSource source, HashSet<string> kept, IReadOnlyList<string> deployments, CancellationToken cancel)
    {
        while (deployments.Count > 0)
        {
            var written = (await source.FindResourcesAsync(deployments, cancel)).SelectMany(row => row.ReadStatus<DeploymentStatus>().OutputResources ?? [])
                .Select(resource => ResourceId.Parse(resource.Id)).Where(id => kept.Add(id.Key)).ToList();
            deployments = [.. written.Where(id => id.Type == Deployment.Type).Select(id => id.Key)];
        }
    }
}
