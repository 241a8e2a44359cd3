using System.Globalization;
using ControlPlane.Admission.Deployments;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>What a template comes to.</summary>
public sealed class PlannerTests
{
    [Fact]
    public void Parameters_variables_conditions_and_loops_are_evaluated()
    {
        var plan = Templates.Plan($$"""
            {
                // comments, trailing commas and text over several lines are read as az writes them
                "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
                "parameters": { "count": { "type": "int", "defaultValue": 3 }, "prefix": { "type": "string", "minLength": 2 } },
                "variables": { "name": "[concat(parameters('prefix'), '-lock')]", "copy": [{ "name": "squares", "count": 3, "input": "[mul(copyIndex('squares'), copyIndex('squares'))]" }] },
                "resources": [
                    {{Templates.Lock("[format('{0}-{1}', variables('name'), copyIndex(1))]", """, "copy": { "name": "loop", "count": "[parameters('count')]" }""")}},
                    {{Templates.Lock("[concat('n', string(variables('squares')[2]))]", """, "condition": "[equals(1, 2)]" """)}},
                ],
            }
            """, """{ "prefix": { "value": "web" } }""");

        Assert.Equal(["web-lock-1", "web-lock-2", "web-lock-3"], plan.Deployed.Select(resource => resource.Id.Name));
        Assert.Equal("n4", plan.Resources[3].Id.Name);
        Assert.False(plan.Resources[3].IsEnabled);
    }

    [Fact]
    public void Property_loops_make_their_property() => Assert.Equal("""[{"n":0},{"n":1}]""", TemplateValue.ToJson(((TemplateObject)Templates.Plan("""
        { "resources": [{ "type": "A.B/c", "name": "x", "apiVersion": "1", "properties": { "copy": [{ "name": "disks", "count": 2, "input": { "n": "[copyIndex('disks')]" } }] } }] }
        """).Resources[0].Preview["properties"]!)["disks"]));

    [Fact]
    public void A_dependency_is_a_name_an_id_a_loop_a_symbolic_name_or_a_reference()
    {
        var plan = Templates.Plan("""
            { "languageVersion": "2.0", "resources": {
                "first": { "type": "A.B/c", "name": "one", "apiVersion": "1" },
                "loop": { "type": "A.B/c", "name": "[format('l{0}', copyIndex())]", "apiVersion": "1", "copy": { "name": "loop", "count": 2 } },
                "byName": { "type": "A.B/c", "name": "two", "apiVersion": "1", "dependsOn": ["one"] },
                "byId": { "type": "A.B/c", "name": "three", "apiVersion": "1", "dependsOn": ["[resourceId('A.B/c', 'one')]", "loop"] },
                "bySymbol": { "type": "A.B/c", "name": "four", "apiVersion": "1", "dependsOn": ["first"] },
                "byReference": { "type": "A.B/c", "name": "five", "apiVersion": "1", "properties": { "x": "[reference('first').y]" } } } }
            """);

        Assert.Equal(["", "", "", "0", "0,1,2", "0", "0"], plan.Edges.Select(before => string.Join(',', before)));
        Assert.True(plan.Resources[6].IsDeferred);
    }

    [Fact]
    public void A_serial_loop_goes_batch_by_batch() => Assert.Equal(["", "", "0,1", "0,1", "2,3"], Templates.Plan("""
        { "resources": [{ "type": "A.B/c", "name": "[format('x{0}', copyIndex())]", "apiVersion": "1", "copy": { "name": "loop", "count": 5, "mode": "Serial", "batchSize": 2 } }] }
        """).Edges.Select(before => string.Join(',', before)));

    [Fact]
    public void A_cycle_is_named() => Assert.Contains("'A.B/c/x' -> 'A.B/c/y' -> 'A.B/c/x'", Assert.Single(Templates.Faults("""
        { "resources": [{ "type": "A.B/c", "name": "x", "apiVersion": "1", "dependsOn": ["y"] }, { "type": "A.B/c", "name": "y", "apiVersion": "1", "dependsOn": ["x"] }] }
        """)).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_fault_is_told_at_once_with_its_path()
    {
        var faults = Templates.Faults("""
            { "parameters": { "a": { "type": "text" } }, "strange": 1,
              "resources": [{ "type": "A.B/c", "name": "x", "properties": { "slots": "[concta('a')]" } }, 7], "outputs": { "o": { "type": "string", "value": "[parameters(]" } } }
            """);

        Assert.Equal(["outputs.o.value", "parameters.a.type", "resources[0].properties.slots", "resources[1]", "strange"], faults.Select(fault => fault.Path).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("""{ "type": "int", "minValue": 3 }""", "1", "at least 3")]
    [InlineData("""{ "type": "string", "allowedValues": ["a", "b"] }""", "\"c\"", "allowed values a, b")]
    [InlineData("""{ "type": "array", "maxLength": 1 }""", "[1, 2]", "at most 1")]
    [InlineData("""{ "type": "bool" }""", "\"true\"", "must be of type bool")]
    public void A_parameter_keeps_its_rules(string declared, string value, string said) =>
        Assert.Contains(said, Assert.Single(Templates.Faults($$"""{ "parameters": { "p": {{declared}} }, "resources": [] }""", $$"""{ "p": { "value": {{value}} } }""")).Message, StringComparison.Ordinal);

    [Fact]
    public void Missing_and_unknown_parameters_are_told() =>
        Assert.Equal(["parameters.needed", "parameters.unknown"], Templates.Faults("""{ "parameters": { "needed": { "type": "int" } }, "resources": [] }""", """{ "unknown": { "value": 1 } }""").Select(fault => fault.Path).Order(StringComparer.Ordinal));

    [Fact]
    public void A_nested_deployment_sees_what_its_scope_lets_it_see()
    {
        var plan = Templates.Plan("""
            { "parameters": { "p": { "type": "string", "defaultValue": "outer" } }, "resources": [
                { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "[format('nested{0}', copyIndex())]", "copy": { "name": "loop", "count": 2 },
                  "properties": { "mode": "Incremental", "template": { "resources": [{ "type": "A.B/c", "apiVersion": "1", "name": "[format('{0}{1}', parameters('p'), copyIndex('loop'))]" }] } } },
                { "type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01", "name": "inner",
                  "properties": { "mode": "Incremental", "expressionEvaluationOptions": { "scope": "inner" }, "parameters": { "p": { "value": "[concat(parameters('p'), '-inner')]" } },
                    "template": { "parameters": { "p": { "type": "string" } }, "resources": [{ "type": "A.B/c", "apiVersion": "1", "name": "[parameters('p')]" }] } } }] }
            """);

        Assert.Equal(["nested0", "outer0", "nested1", "outer1", "inner", "outer-inner"], plan.DeployedAtAnyDepth.Select(resource => resource.Id.Name));
    }

    [Fact]
    public void The_order_respects_every_dependency_and_a_loop_makes_as_many_as_it_says()
    {
        Gen.Select(Gen.Int[1, 12], Gen.Int[0, 40], Gen.Int).Sample((count, edges, seed) =>
        {
            var random = new Random(seed);
            var before = Enumerable.Range(0, count).Select(_ => new SortedSet<int>()).ToArray();
            for (var edge = 0; edge < edges && count > 1; edge++)
            {
                var to = random.Next(1, count);
                before[to].Add(random.Next(to));
            }

            var resources = before.Select((names, at) => $$"""{ "type": "A.B/c", "apiVersion": "1", "name": "r{{at}}", "dependsOn": [{{string.Join(',', names.Select(name => $"\"r{name}\""))}}] }""");
            var plan = Templates.Plan($$"""{ "resources": [{{string.Join(',', resources)}}, { "type": "A.B/d", "apiVersion": "1", "name": "[format('x{0}', copyIndex())]", "copy": { "name": "l", "count": {{count.ToString(CultureInfo.InvariantCulture)}} } }] }""");
            return plan.Resources.Count == count * 2 && before.Select((names, at) => names.SetEquals(plan.Edges[at])).All(same => same);
        }, iter: 300);
    }
}
