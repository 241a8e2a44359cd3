namespace ControlPlane.Admission.Deployments;

/// <summary>Who waits for whom: what <c>dependsOn</c> says, what <c>reference</c> implies, and the batches of serial loops.</summary>
internal static class DependencyGraph
{
    /// <summary>For each resource the places of those before it; faults name what is not there, and cycles.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> Of(IReadOnlyList<PlannedResource> resources, TemplateFaults faults)
    {
        var byName = new Dictionary<string, List<int>>(StringComparer.OrdinalIgnoreCase);
        foreach (var (at, resource) in resources.Index())
        {
            foreach (var name in Names(resource).Distinct(StringComparer.OrdinalIgnoreCase))
            {
                if (!byName.TryGetValue(name, out var known))
                    byName[name] = known = [];
                known.Add(at);
            }
        }

        var edges = resources.Select((resource, at) => Before(resources, resource, at, byName, faults)).ToList();
        if (faults.All.Count == 0 && Cycle(resources.Count, edges) is { } cycle)
            faults.Add(resources[cycle[0]].Path, $"has a circular dependency: {string.Join(" -> ", cycle.Append(cycle[0]).Select(at => $"'{resources[at].Id.Type}/{resources[at].FullName}'"))}");
        return edges;
    }

    private static IEnumerable<string> Names(PlannedResource resource)
    {
        yield return resource.Id.Text;
        yield return resource.FullName;
        yield return $"{resource.Id.Type}/{resource.FullName}";
        if (resource.Loop is { } loop)
            yield return loop;
        if (resource.Symbol is { } symbol)
        {
            yield return symbol;
            if (resource.Loop is not null)
                yield return $"{symbol}[{resource.Round}]";
        }
    }

    private static List<int> Before(IReadOnlyList<PlannedResource> resources, PlannedResource resource, int place, Dictionary<string, List<int>> byName, TemplateFaults faults)
    {
        var before = new SortedSet<int>();
        foreach (var (at, name) in resource.DependsOn.Index())
        {
            if (byName.TryGetValue(name.TrimEnd('/'), out var meant))
                before.UnionWith(meant);
            else
                faults.Add($"{resource.Path}.dependsOn[{at}]", $"names '{name}', which the template does not define; a dependency is the name, id, loop or symbolic name of a resource of the same template");
        }

        foreach (var name in resource.Deferred.SelectMany(deferred => deferred.All).OfType<Expression.Call>().Where(call => call.Is("reference")).Select(call => Target(call, resource)).OfType<string>())
        {
            if (byName.TryGetValue(name.TrimEnd('/'), out var meant))
                before.UnionWith(meant);
        }

        if (resource.BatchSize > 0)
            before.UnionWith(resources.Index().Where(other => other.Item.Loop == resource.Loop && other.Item.Round / resource.BatchSize == (resource.Round / resource.BatchSize) - 1).Select(other => other.Index));
        if (before.Contains(place) && resource.DependsOn.Count == 0)
            faults.Add(resource.Path, "refers to itself: what it will be is not known before it is there");
        return [.. before];
    }

    /// <summary>What a call of <c>reference</c> is about, as far as that is known before anything is deployed.</summary>
    private static string? Target(Expression.Call call, PlannedResource resource)
    {
        try
        {
            return call.Arguments.Count == 0 ? null : Evaluator.Evaluate(call.Arguments[0], resource.Scope) as string;
        }
        catch (TemplateException failure) when (failure.Code != TemplateFault.TooBig)
        {
            // Known only inside a loop or lambda, or once other resources are there: the run waits for it then.
            return null;
        }
    }

    /// <summary>The places of a cycle in order, or null.</summary>
    public static IReadOnlyList<int>? Cycle(int count, IReadOnlyList<IReadOnlyList<int>> edges)
    {
        var left = edges.Select(before => before.Count).ToArray();
        var after = Enumerable.Range(0, count).Select(_ => new List<int>()).ToArray();
        for (var at = 0; at < count; at++)
        {
            foreach (var before in edges[at])
                after[before].Add(at);
        }

        var free = new Queue<int>(Enumerable.Range(0, count).Where(at => left[at] == 0));
        var ordered = 0;
        for (; free.TryDequeue(out var at); ordered++)
        {
            foreach (var next in after[at].Where(next => --left[next] == 0))
                free.Enqueue(next);
        }

        if (ordered == count)
            return null;
        // Whoever still waits has somebody before it who does too: going back long enough is going round.
        var seen = new List<int>();
        for (var at = Array.FindIndex(left, waiting => waiting > 0); ; at = edges[at].First(before => left[before] > 0))
        {
            if (seen.IndexOf(at) is >= 0 and var start)
                return seen[start..];
            seen.Add(at);
        }
    }
}
