using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>A secure parameter is nowhere in clear: not in the database, the log, or any answer.</summary>
public sealed class DeploymentSecrecyTests(ControlPlaneFixture plane) : IClassFixture<ControlPlaneFixture>
{
    private const string Secret = "tell-nobody-5e1f";

    [Fact]
    public async Task A_secure_value_is_in_no_answer_no_log_and_no_table()
    {
        var world = await DeploymentWorld.InNewGroupAsync(plane.Arm);
        var inner = """{ "parameters": { "secret": { "type": "secureString" } }, "resources": [], "outputs": { "shown": { "type": "string", "value": "[concat('<', parameters('secret'), '>')]" }, "kept": { "type": "secureString", "value": "[parameters('secret')]" } } }""";
        var template = $$"""
            { "parameters": { "secret": { "type": "secureString" }, "deep": { "type": "secureObject" } }, "resources": [
                { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "inner", "properties": { "mode": "Incremental", "expressionEvaluationOptions": { "scope": "inner" },
                    "parameters": { "secret": { "value": "[parameters('secret')]" } }, "template": {{inner}} } },
                { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "outer", "properties": { "mode": "Incremental", "template": { "resources": [],
                    "outputs": { "o": { "type": "string", "value": "[parameters('deep').key]" } } } } },
                {{DeploymentWorld.ImageResource("image")}}],
              "outputs": { "secret": { "type": "secureString", "value": "[parameters('secret')]" }, "leak": { "type": "array", "value": "[createArray(parameters('secret'))]" } } }
            """;
        var parameters = $$"""{ "secret": { "value": "{{Secret}}" }, "deep": { "value": { "key": "{{Secret}}" } } }""";

        var answers = new List<ArmAnswer>
        {
            await world.SendAsync(HttpMethod.Post, template, parameters, verb: "/validate"),
            await world.SendAsync(HttpMethod.Post, template, parameters, verb: "/whatIf"),
            await world.DeployAsync(template, parameters),
            await plane.Arm.GetAsync(world.Path("inner")),
            await plane.Arm.GetAsync(world.Path("outer")),
            await plane.Arm.GetAsync($"{world.Group}/deployments/main/operations"),
            await plane.Arm.PostAsync(world.Path() + "/exportTemplate"),
            await plane.Arm.PostAsync(world.Path("inner") + "/exportTemplate"),
            await plane.Arm.PostAsync(world.Path("outer") + "/exportTemplate"),
        };

        Assert.All(answers, answer => Assert.True(answer.Status == 200 && !answer.Text.Contains(Secret, StringComparison.Ordinal), answer.ToString()));
        Assert.Contains("*****", answers[2].Text, StringComparison.Ordinal);
        Assert.Empty(plane.Log.Errors);
        var tables = ((string)(await plane.Database.ScalarAsync("select string_agg(quote_ident(table_name), ' ') from information_schema.tables where table_schema = 'public'"))!).Split(' ');
        Assert.Contains("deployment_operations", tables);
        foreach (var table in tables)
            Assert.Equal(0L, await plane.Database.ScalarAsync($"select count(*) from {table} t where t::text like $1", $"%{Secret}%"));
    }
}
