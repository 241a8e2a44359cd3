using System.Diagnostics;

namespace ControlPlane.Bench;

/// <summary>A template of two hundred images, each with an operation of one step, compared with what is there and deployed, at the all-in-one host.</summary>
internal static class DeploymentBench
{
    private const int Many = 200;
    private const int Rounds = 5;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>What-if of the template: in a group where nothing of it is there, then where all of it is.</summary>
    public static async IAsyncEnumerable<Measure> CompareAsync(Stack stack)
    {
        const string Group = "bench-whatif";
        await stack.PutGroupAsync(Group);
        yield return Measure.Fact("whatif.first", await CompareAsync(stack, Group, "Create"), "s");
        yield return Measure.AtMost("whatif", await MedianAsync(() => CompareAsync(stack, Group, "Create")), "s", 1);
        await DeployAsync(stack, Group, "present");
        yield return Measure.AtMost("whatif.present", await MedianAsync(() => CompareAsync(stack, Group, "NoChange")), "s", 1);
    }

    /// <summary>From sending the PUT of the deployment to reading Succeeded, each time into a new group.</summary>
    public static async IAsyncEnumerable<Measure> DeployAsync(Stack stack)
    {
        var round = 0;
        async Task<double> InNewGroupAsync()
        {
            var group = $"bench-deploy-{round++}";
            await stack.PutGroupAsync(group);
            return await DeployAsync(stack, group, "main");
        }

        yield return Measure.Fact("deploy.first", await InNewGroupAsync(), "s");
        yield return Measure.AtMost("deploy", await MedianAsync(InNewGroupAsync), "s", 10);
    }

    private static async Task<double> CompareAsync(Stack stack, string group, string expected)
    {
        var watch = Stopwatch.StartNew();
        var answer = await stack.PostAsync($"{Path(stack, group, "main")}/whatIf", Body);
        var seconds = watch.Elapsed.TotalSeconds;
        var changes = answer.GetProperty("properties").GetProperty("changes").EnumerateArray().Count(change => change.GetProperty("changeType").ValueEquals(expected));
        return changes == Many ? seconds : throw new InvalidOperationException($"{changes} of {Many} resources are said to be {expected}.");
    }

    private static async Task<double> DeployAsync(Stack stack, string group, string name)
    {
        var watch = Stopwatch.StartNew();
        await stack.FinishAsync(await stack.PutAsync(Path(stack, group, name), Body), Poll, Limit);
        return watch.Elapsed.TotalSeconds;
    }

    private static async Task<double> MedianAsync(Func<Task<double>> measure)
    {
        var seconds = new List<double>();
        for (var round = 0; round < Rounds; round++)
            seconds.Add(await measure());
        return seconds.Median();
    }

    private static string Path(Stack stack, string group, string name) => $"{stack.GroupPath(group)}/providers/Microsoft.Resources/deployments/{name}";

    private static string Body => $$$"""
        {"properties":{"mode":"Incremental","template":{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0","resources":[
        {"type":"ControlPlane.BareMetal/osImages","apiVersion":"2026-06-01","name":"[format('image-{0}', copyIndex())]","location":"[resourceGroup().location]",
        "copy":{"name":"images","count":{{{Many}}}},"properties":{{{Images.Properties}}}}]} } }
        """;
}
