using ControlPlane.Admission.Arm;
using ControlPlane.Admission.Authorization;
using ControlPlane.Admission.Deployments;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;
using ControlPlane.Worker.Arm;
using Npgsql;

namespace ControlPlane.Worker.Deployments;

/// <summary>
/// Evaluates what refers to the state of resources. Evaluation itself reads nothing: what it misses is noted, read in one statement, and then it starts again.
/// </summary>
internal sealed class References(DeploymentPlan plan, Func<PlannedResource, bool> isThere, Grants grants, NpgsqlDataSource source)
{
    private readonly Dictionary<string, ResourceRow?> read = new(StringComparer.Ordinal);

    /// <summary>Null while a resource that is referred to is still to be deployed.</summary>
    public async Task<T?> EvaluateAsync<T>(Func<Func<string, bool, object?>, TemplateFaults, T> evaluate, CancellationToken stop) where T : class
    {
        while (true)
        {
            var (missing, waits, faults) = (new HashSet<string>(StringComparer.Ordinal), false, new TemplateFaults());
            object? Reference(string name, bool full)
            {
                var (id, place) = plan.Find(name);
                if (id is null)
                    throw new TemplateException($"reference('{name}') is neither a resource of the template nor the id of one");
                if (place is { } at && plan.Resources[at] is var planned && !isThere(planned))
                {
                    if (!planned.IsEnabled)
                        throw new TemplateException($"reference('{name}') is about a resource whose condition is false, so that it is not deployed");
                    waits = true;
                    return TemplateObject.Empty;
                }

                if (!read.TryGetValue(id.Key, out var row))
                {
                    missing.Add(id.Key);
                    return TemplateObject.Empty;
                }

                var action = $"{ResourceTypes.TryFind(id.Type)?.Permissions ?? id.Type.ToString()}/read";
                if (!grants.Allows(action, id.Key))
                    throw new TemplateException($"reference('{name}') needs permission to perform '{action}' at '{id.Text}'");
                return row is null ? throw new TemplateException($"reference('{name}') names '{id.Text}', which does not exist") : Shown(row, full);
            }

            T? value;
            try
            {
                value = evaluate(Reference, faults);
            }
            catch (ArmException) when (missing.Count > 0 || waits)
            {
                value = null;
            }

            if (missing.Count > 0)
            {
                var rows = await source.FindResourcesAsync([.. missing], stop);
                foreach (var key in missing)
                    read[key] = rows.FirstOrDefault(row => row.Key == key);
                continue;
            }

            if (waits)
                return null;
            faults.Demand();
            return value;
        }
    }

    /// <summary>As a GET shows it.</summary>
    private static TemplateObject Shown(ResourceRow row, bool full)
    {
        var properties = new TemplateObject([.. Members(row.Properties), .. Members(row.Status), new("provisioningState", row.State.ToString())]);
        if (!full)
            return properties;
        return TemplateValue.Object(("id", row.Id), ("name", row.Name), ("type", row.Type), ("resourceId", row.Id), ("subscriptionId", row.Subscription), ("resourceGroupName", row.ResourceGroup),
            ("location", row.Location), ("tags", TemplateValue.Parse(row.Tags)), ("properties", properties));
    }

    private static IEnumerable<KeyValuePair<string, object?>> Members(string json) => ((TemplateObject)TemplateValue.Parse(json)!).Members;
}
