using System.Text.Json;
using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Authorization;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Deployments;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Admission.Deployments;

/// <summary>What a deployment would change, compared by what is stored: defaults as the type fills them in, read-only and secret properties left out.</summary>
internal sealed class WhatIf(Preflight preflight, NpgsqlDataSource source)
{
    public async Task<IReadOnlyList<WhatIfChange>> ChangesAsync(DeploymentPlan plan, bool idsOnly, Grants grants, Caller caller, CancellationToken cancel)
    {
        var (changes, secure) = (new List<WhatIfChange>(), new SecureValues(plan));
        foreach (var one in await preflight.CheckAsync(plan, grants, caller, cancel))
        {
            // A nested deployment is what it does.
            if (one.Planned.Template is null || one.Planned.Nested is null || one.Refusal is not null)
                changes.Add(Change(one, secure));
        }

        foreach (var row in await source.SurplusAsync(plan, cancel))
        {
            var before = TemplateValue.ToElement(Before(row, apiVersion: null));
            changes.Add(plan.Content.Context.Mode == "Complete" ? new(row.Id, WhatIfChangeType.Delete, Before: before) : new(row.Id, WhatIfChangeType.Ignore, Before: before, After: before));
        }

        return idsOnly ? [.. changes.Select(change => new WhatIfChange(change.ResourceId, change.ChangeType is WhatIfChangeType.Modify or WhatIfChangeType.NoChange ? WhatIfChangeType.Deploy : change.ChangeType))] : changes;
    }

    private static WhatIfChange Change(CheckedResource one, SecureValues secure)
    {
        var (id, version) = (one.Planned.Id.Text, one.Planned.ApiVersion);
        var before = one.Current is null ? null : (TemplateObject)secure.Hide((object)Before(one.Current, version))!;
        if (one.Refusal is { } refusal)
            return new(id, WhatIfChangeType.Unsupported, secure.Hide($"{refusal.Error.Code}: {Reasons(refusal.Error)}"), before is null ? null : TemplateValue.ToElement(before));
        if (one.Wanted is not { } wanted)
        {
            // What it will be depends on resources that are not there yet.
            var preview = TemplateValue.ToElement(secure.Hide((object)Shown(one.Planned.Id, version, Public(one.Planned))));
            return before is null ? new(id, WhatIfChangeType.Create, After: preview) : new(id, WhatIfChangeType.Deploy, Before: TemplateValue.ToElement(before), After: preview);
        }

        var after = (TemplateObject)secure.Hide((object)Resource(one.Planned.Id, version, wanted.Location, wanted.Tags, wanted.Properties.Stored))!;
        if (before is null)
            return new(id, WhatIfChangeType.Create, After: TemplateValue.ToElement(after));
        var delta = Delta.Between(before, after);
        return new(id, delta.Count == 0 ? WhatIfChangeType.NoChange : WhatIfChangeType.Modify, Before: TemplateValue.ToElement(before), After: TemplateValue.ToElement(after), Delta: delta);
    }

    /// <summary>What is known of it beforehand, without write-only properties; of a nested deployment, without what it is given.</summary>
    private static TemplateObject Public(PlannedResource planned)
    {
        if (planned.Template is not null)
            return planned.Preview.Without("properties");
        return planned.Preview["properties"] is { } properties && ResourceTypes.TryFind(planned.Id.Type) is { } type
            ? planned.Preview.With("properties", SecureValues.WithoutSecrets(properties, type.PropertiesType)) : planned.Preview;
    }

    private static string Reasons(ErrorBody error) => error.Details is { Count: > 0 } details ? string.Join(" ", details.Select(detail => detail.Message)) : error.Message;

    private static TemplateObject Before(ResourceRow row, string? apiVersion) => Resource(row.ResourceId, apiVersion, row.Location, row.Tags, row.Properties);

    private static TemplateObject Resource(ResourceId id, string? apiVersion, string? location, string tags, string properties) => Shown(id, apiVersion, new(
        [.. location is null ? [] : (KeyValuePair<string, object?>[])[new("location", location)], new("tags", TemplateValue.Parse(tags)), new("properties", TemplateValue.Parse(properties))]));

    private static TemplateObject Shown(ResourceId id, string? apiVersion, TemplateObject body) => new(
        [.. apiVersion is null ? [] : (KeyValuePair<string, object?>[])[new("apiVersion", apiVersion)], new("id", id.Text), new("name", id.Name), new("type", id.Type.ToString()), .. body.Members]);
}

/// <summary>The difference of two resources, by path.</summary>
internal static class Delta
{
    public static IReadOnlyList<WhatIfPropertyChange> Between(TemplateObject before, TemplateObject after) =>
        [.. Members(before, after, "").Where(change => change.Path is not ("apiVersion" or "id" or "name" or "type"))];

    private static IEnumerable<WhatIfPropertyChange> Members(TemplateObject before, TemplateObject after, string path)
    {
        var names = before.Members.Select(member => member.Key).Concat(after.Members.Select(member => member.Key)).Distinct(StringComparer.OrdinalIgnoreCase);
        return names.SelectMany(name => Values(before[name], after[name], $"{path}{name}"));
    }

    private static IEnumerable<WhatIfPropertyChange> Values(object? before, object? after, string path)
    {
        switch (before, after)
        {
            case (TemplateObject left, TemplateObject right):
                return Members(left, right, $"{path}.");
            case (TemplateArray left, TemplateArray right) when !TemplateValue.AreEqual(left, right):
                var children = Enumerable.Range(0, Math.Max(left.Items.Count, right.Items.Count)).SelectMany(at => Values(left.Items.ElementAtOrDefault(at), right.Items.ElementAtOrDefault(at), $"{at}"));
                return [new(path, WhatIfPropertyChangeType.Array, Children: [.. children])];
            case (null, not null):
                return [new(path, WhatIfPropertyChangeType.Create, After: TemplateValue.ToElement(after))];
            case (not null, null):
                return [new(path, WhatIfPropertyChangeType.Delete, TemplateValue.ToElement(before))];
            default:
                return TemplateValue.AreEqual(before, after) ? [] : [new(path, WhatIfPropertyChangeType.Modify, TemplateValue.ToElement(before), TemplateValue.ToElement(after))];
        }
    }
}
