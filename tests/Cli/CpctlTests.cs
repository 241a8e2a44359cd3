using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace ControlPlane.Tests.Cli;

public sealed class CpctlTests
{
    private const string Rack = "/subscriptions/" + RecordingArm.Subscription + "/resourceGroups/demo/providers/ControlPlane.BareMetal/racks/rack1";
    private const string RackYaml = """
        type: racks
        name: rack1
        resourceGroup: demo
        location: "{{location}}"
        properties: {}
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_manifest_becomes_typed_JSON_at_the_address_its_type_and_name_say()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);

        var run = await Cpctl.RunAsync(arm, """
            type: Microsoft.Resources/resourceGroups
            name: demo
            location: "{{location}}"
            ---
            type: image
            name: ubuntu
            resourceGroup: demo
            properties:
              version: "24.04"
              sizeBytes: !!int "{{size}}"
              secure: true
              note: "{{greeting|hello}} {{size}}"
            """, Cancel, "apply", "-f", "-", "--var", "size=1048576");

        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.Collection(
            arm.Requests,
            group =>
            {
                Assert.Equal($"PUT /subscriptions/{RecordingArm.Subscription}/resourceGroups/demo?api-version=2021-04-01", $"{group.Method} {group.Path}");
                Assert.Equal("""{"location":"westeurope"}""", group.Body!.ToJsonString());
            },
            image =>
            {
                Assert.EndsWith("/resourceGroups/demo/providers/ControlPlane.BareMetal/osImages/ubuntu?api-version=2026-06-01", image.Path, StringComparison.Ordinal);
                Assert.Equal("""{"properties":{"version":"24.04","sizeBytes":1048576,"secure":true,"note":"hello 1048576"}}""", image.Body!.ToJsonString());
            });
    }

    [Fact]
    public async Task A_variable_without_a_value_is_named_and_nothing_is_sent()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);

        var run = await Cpctl.RunAsync(arm, "type: group\nname: \"{{nobody}}\"\nlocation: \"{{nowhere}}\"\n", Cancel, "apply", "-f", "-");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("no value for nobody, nowhere", run.Errors, StringComparison.Ordinal);
        Assert.Empty(arm.Requests);
    }

    [Fact]
    public async Task A_refusal_is_printed_with_code_target_and_every_detail()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        arm.Answer = (_, _) => Results.Json(JsonNode.Parse("""
            {"error":{"code":"InvalidRequestContent","message":"Two faults.","details":[
              {"code":"Required","message":"location is missing","target":"$.location"},
              {"code":"OutOfRange","message":"too many slots","target":"$.properties.slots.last"}]}}
            """), statusCode: 400);

        var run = await Cpctl.RunAsync(arm, RackYaml, Cancel, "apply", "-f", "-");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("InvalidRequestContent: Two faults.", run.Errors, StringComparison.Ordinal);
        Assert.Contains("Required at $.location: location is missing", run.Errors, StringComparison.Ordinal);
        Assert.Contains("OutOfRange at $.properties.slots.last: too many slots", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_of_another_CA_gets_neither_secret_nor_token()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel, trusted: false);

        var run = await Cpctl.RunAsync(arm, null, Cancel, "get", "groups");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("cannot be reached", run.Errors, StringComparison.Ordinal);
        Assert.Equal(0, arm.TokensGranted);
    }

    [Fact]
    public async Task A_link_to_another_host_is_not_followed_with_our_token()
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        arm.Answer = (request, body) =>
        {
            request.HttpContext.Response.Headers["Azure-AsyncOperation"] = "https://198.51.100.7/operationStatuses/1";
            return Results.Json(body, statusCode: 201);
        };

        var run = await Cpctl.RunAsync(arm, RackYaml, Cancel, "apply", "--wait", "-f", "-");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("198.51.100.7", run.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Provisioned", 0)]
    [InlineData("Error", 3)]
    public async Task A_rack_is_watched_to_its_end_and_a_partial_failure_has_its_own_exit_code(string secondMachine, int exitCode)
    {
        await using var arm = await RecordingArm.StartAsync(Cancel);
        var polls = 0;
        arm.Answer = (request, body) =>
        {
            if (HttpMethods.IsPut(request.Method))
            {
                request.HttpContext.Response.Headers["Azure-AsyncOperation"] = $"{arm.Endpoint}/subscriptions/s/operationStatuses/1?api-version=2026-06-01";
                return Results.Json(body, statusCode: 201);
            }

            if (request.Path.Value!.Contains("operationStatuses", StringComparison.Ordinal))
                return Results.Json(new { status = ++polls < 2 ? "InProgress" : exitCode == 0 ? "Succeeded" : "Failed" });
            var second = polls < 2 ? "Provisioning" : secondMachine;
            return Results.Json(new
            {
                id = Rack, name = "rack1",
                properties = new
                {
                    machines = new object[]
                    {
                        new { name = "rack1-01", slot = 1, detailedStatus = "Provisioned", step = "joined", percentComplete = 100 },
                        new
                        {
                            name = "rack1-02", slot = 2, detailedStatus = second, step = "wipe", percentComplete = 40,
                            error = second == "Error" ? new { code = "WipeFailed", message = "The drive refused." } : null,
                        },
                    },
                },
            });
        };

        var run = await Cpctl.RunAsync(arm, RackYaml, Cancel, "rack", "provision", "-f", "-");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains("rack1-02  Provisioning  wipe", run.Output, StringComparison.Ordinal);
        Assert.Contains(exitCode == 0 ? "2 of 2 nodes joined" : "1 of 2 nodes joined, 1 failed", run.Output, StringComparison.Ordinal);
        Assert.Equal(exitCode != 0, run.Errors.Contains("rack1-02: WipeFailed: The drive refused.", StringComparison.Ordinal));
    }
}
