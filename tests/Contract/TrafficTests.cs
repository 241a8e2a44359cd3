using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Tests.Architecture;
using ControlPlane.Tests.Conformance;
using ControlPlane.Tests.Fixtures;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace ControlPlane.Tests.Contract;

/// <summary>Every operation of the contract is asked once, and what is asked and answered keeps to the Swagger documents.</summary>
[Collection(ConformanceSuite.Name)]
public sealed partial class TrafficTests(ConformanceFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_and_answers_keep_to_the_documents()
    {
        var traffic = Traffic.KeepApart("contract");
        foreach (var name in EachTypeAttribute.Names(Which.All))
            await AskAboutAsync(Subject.Frozen(fixture, name));
        await AskTheRestAsync(fixture.Frozen);
        await ConformanceFixture.MakeGroupAsync(fixture.Frozen, "Traffic");
        foreach (var type in ResourceTypes.All.Where(type => !type.IsTracked && type.Scopes != ResourceScopes.None))
            await AskAboutProxyAsync(type);
        await fixture.Frozen.Arm.PatchAsync($"{ArmHttp.SubscriptionPath}/resourceGroups/Traffic/providers/Microsoft.ContainerService/fleets/any/gates/{Guid.NewGuid()}", new JsonObject { ["properties"] = new JsonObject { ["state"] = "Completed" } });

        var report = JsonSerializer.Deserialize<JsonElement>(await Node.RunAsync("traffic.cjs", Cancel, Path.Combine(Product.Root, "docs", "swagger"), traffic));

        Assert.True(report.GetProperty("violations").GetArrayLength() == 0, report.GetProperty("violations").ToString());
        Assert.True(report.GetProperty("uncovered").GetArrayLength() == 0, $"Never asked: {report.GetProperty("uncovered")}");
    }

    /// <summary>Every verb and action of a type; an action that is refused has answered too.</summary>
    private static async Task AskAboutAsync(Subject subject)
    {
        var created = (await subject.PutAsync()).Is(201);
        if (created.Header("Azure-AsyncOperation") is { } watch)
        {
            (await subject.Arm.SendRawAsync(HttpMethod.Get, watch)).Is(200);
            (await subject.Arm.SendRawAsync(HttpMethod.Get, watch.Replace("/operationStatuses/", "/operationResults/", StringComparison.Ordinal))).Is(202);
            (await subject.Arm.SendRawAsync(HttpMethod.Post, watch.Replace("?", "/cancel?", StringComparison.Ordinal))).Is(202);
        }

        await subject.EndAsync(ProvisioningState.Succeeded);
        (await subject.GetAsync()).Is(200);
        (await subject.Arm.HeadAsync(subject.Path)).Is(204);
        (await subject.Arm.GetAsync(subject.Collection)).Is(200);
        foreach (var action in subject.Type.Actions)
        {
            await subject.Arm.PostAsync($"{subject.Path}/{action.Name}", action.Body is null ? null : new JsonObject());
            await subject.EndAsync(ProvisioningState.Succeeded);
        }

        var patch = new JsonObject { ["properties"] = new JsonObject() };
        if (subject.Type.IsTracked)
            patch["tags"] = new JsonObject { ["purpose"] = "traffic" };
        await subject.PatchAsync(patch);
        await subject.EndAsync(ProvisioningState.Succeeded);
        await subject.DeleteAsync();
        await subject.EndAsync(ProvisioningState.Succeeded);
    }

    /// <summary>In a group of its own: a lock would keep others from deleting theirs.</summary>
    private async Task AskAboutProxyAsync(RegisteredType type)
    {
        var (arm, path) = (fixture.Frozen.Arm, $"{await ParentAsync(type)}/{Guid.NewGuid()}");
        if (Operations(type)["put"] is { } put)
            await arm.PutAsync(path, put["x-ms-examples"]!.AsObject().First().Value!["parameters"]!["body"]!);
        if (Operations(type)["patch"] is not null)
            await arm.PatchAsync(path, new JsonObject { ["properties"] = new JsonObject() });
        await arm.DeleteAsync(path);
    }

    /// <summary>What the document says of a resource of the type at its own address.</summary>
    private JsonObject Operations(RegisteredType type) => fixture.Frozen.Services.GetRequiredService<ApiDocuments>().Of(type.Type.Provider)["paths"]!.AsObject()
        .First(entry => entry.Value!["delete"] is not null && NameParameter().Replace(entry.Key, "").EndsWith($"/providers/{type.Type}", StringComparison.Ordinal)).Value!.AsObject();

    /// <summary>The collection to ask; a nested type's stands below a resource that there is, and one that is nested deeper below one that there is not.</summary>
    private async Task<string> ParentAsync(RegisteredType type)
    {
        if (type.Type.Segments.Count == 1)
            return $"{(type.IsExtension ? $"{ArmHttp.SubscriptionPath}/resourceGroups/Traffic" : type.Scopes == ResourceScopes.Tenant ? "" : ArmHttp.SubscriptionPath)}/providers/{type.Type}";
        var parent = Subject.Frozen(fixture, $"{type.Type.Provider}/{type.Type.Segments[0]}", "Traffic");
        await parent.SettleAsync();
        return $"{parent.Path}/{string.Join("/any/", type.Type.Segments.Skip(1))}";
    }

    /// <summary>A name in a path.</summary>
    [GeneratedRegex(@"/\{\w+\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex NameParameter();

    /// <summary>What is not a verb of a type: every GET as it stands, and writes as far as any answer of theirs shows their shape.</summary>
    private static async Task AskTheRestAsync(ControlPlaneFixture plane)
    {
        var documents = plane.Services.GetRequiredService<ApiDocuments>();
        foreach (var provider in documents.Namespaces)
        {
            // Descending: what is unregistered is registered again.
            foreach (var (path, item) in documents.Of(provider)["paths"]!.AsObject().OrderByDescending(entry => entry.Key, StringComparer.Ordinal))
            {
                var address = path.Replace("{scope}", ArmHttp.SubscriptionPath[1..], StringComparison.Ordinal).Replace("{subscriptionId}", ControlPlaneFixture.Subscription, StringComparison.Ordinal)
                    .Replace("{resourceGroupName}", ConformanceFixture.Group, StringComparison.Ordinal).Replace("{location}", "westeurope", StringComparison.Ordinal)
                    .Replace("{resourceProviderNamespace}", provider, StringComparison.Ordinal).Replace("{operationId}", Guid.Empty.ToString(), StringComparison.Ordinal).Replace('{', 'a').Replace('}', 'z');
                foreach (var (method, operation) in item!.AsObject())
                {
                    var body = operation!["x-ms-examples"]!.AsObject().First().Value!["parameters"]!["body"];
                    if (!IsVerbOfType(method, path))
                        await plane.Arm.SendAsync(HttpMethod.Parse(method), address, body is null ? null : ArmHttp.Json(body));
                }
            }
        }
    }

    /// <summary>Those were asked of a resource that there is; here they would leave one behind, or take the group away.</summary>
    private static bool IsVerbOfType(string method, string path) => method is "put" or "patch" or "delete" && path.EndsWith("Name}", StringComparison.Ordinal) && !path.Contains("/deployments/", StringComparison.Ordinal);
}
