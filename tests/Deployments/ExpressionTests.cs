using ControlPlane.Admission.Deployments;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.Deployments;

/// <summary>The expression language of templates.</summary>
public sealed class ExpressionTests
{
    [Theory]
    [InlineData("plain", "\"plain\"")]
    [InlineData("[[escaped]", "\"[escaped]\"")]
    [InlineData("['it''s']", "\"it's\"")]
    [InlineData("[concat('a', 1, true())]", "\"a1True\"")]
    [InlineData("[CONCAT(createArray(1), createArray(2))]", "[1,2]")]
    [InlineData("[format('{0}-{1:D3}', 'x', 7)]", "\"x-007\"")]
    [InlineData("[if(equals(1, 1), 'yes', div(1, 0))]", "\"yes\"")]
    [InlineData("[and(true(), not(false()), or(false(), true()))]", "true")]
    [InlineData("[less(1, 2)]", "true")]
    [InlineData("[greaterOrEquals('b', 'a')]", "true")]
    [InlineData("[length('abc')]", "3")]
    [InlineData("[contains(createObject('a', 1), 'A')]", "true")]
    [InlineData("[empty(createArray())]", "true")]
    [InlineData("[first(range(3, 2))]", "3")]
    [InlineData("[last('xyz')]", "\"z\"")]
    [InlineData("[take(range(0, 5), 2)]", "[0,1]")]
    [InlineData("[skip('hello', 3)]", "\"lo\"")]
    [InlineData("[min(3, 1, 2)]", "1")]
    [InlineData("[max(createArray(3, 9))]", "9")]
    [InlineData("[split('a,b', ',')]", "[\"a\",\"b\"]")]
    [InlineData("[join(createArray('a', 'b'), '-')]", "\"a-b\"")]
    [InlineData("[replace('aXa', 'X', 'b')]", "\"aba\"")]
    [InlineData("[toUpper(trim(' a '))]", "\"A\"")]
    [InlineData("[substring('hello', 1, 3)]", "\"ell\"")]
    [InlineData("[startsWith('Hello', 'he')]", "true")]
    [InlineData("[indexOf('hello', 'l')]", "2")]
    [InlineData("[lastIndexOf('hello', 'l')]", "3")]
    [InlineData("[padLeft(7, 3, '0')]", "\"007\"")]
    [InlineData("[int('42')]", "42")]
    [InlineData("[bool('true')]", "true")]
    [InlineData("[json('{\"a\": [1]}').a[0]]", "1")]
    [InlineData("[base64ToString(base64('text'))]", "\"text\"")]
    [InlineData("[base64ToJson(base64('{\"a\":1}')).a]", "1")]
    [InlineData("[uri('https://example.org/a/', 'b')]", "\"https://example.org/a/b\"")]
    [InlineData("[uriComponentToString(uriComponent('a b/c'))]", "\"a b/c\"")]
    [InlineData("[coalesce(null(), 'x')]", "\"x\"")]
    [InlineData("[add(mul(2, 3), sub(mod(9, 4), div(7, 2)))]", "4")]
    [InlineData("[union(createObject('a', 1), createObject('b', 2))]", "{\"a\":1,\"b\":2}")]
    [InlineData("[intersection(createArray(1, 2, 3), createArray(3, 2))]", "[2,3]")]
    [InlineData("[flatten(createArray(createArray(1), createArray(2, 3)))]", "[1,2,3]")]
    [InlineData("[shallowMerge(createArray(createObject('a', 1), createObject('a', 2)))]", "{\"a\":2}")]
    [InlineData("[items(createObject('k', 1))]", "[{\"key\":\"k\",\"value\":1}]")]
    [InlineData("[map(range(0, 3), lambda('x', mul(lambdaVariables('x'), 2)))]", "[0,2,4]")]
    [InlineData("[filter(range(0, 5), lambda('x', equals(mod(lambdaVariables('x'), 2), 0)))]", "[0,2,4]")]
    [InlineData("[reduce(range(1, 4), 0, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))]", "10")]
    [InlineData("[sort(createArray(3, 1, 2), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))]", "[1,2,3]")]
    [InlineData("[toObject(createArray('a', 'b'), lambda('x', lambdaVariables('x')), lambda('x', 1))]", "{\"a\":1,\"b\":1}")]
    [InlineData("[tryGet(createObject('a', 1), 'b')]", "null")]
    [InlineData("[createObject('a', 1).?b]", "null")]
    [InlineData("[dateTimeAdd('2026-01-31T00:00:00Z', 'P1D')]", "\"2026-02-01T00:00:00Z\"")]
    [InlineData("[resourceGroup().location]", "\"westeurope\"")]
    [InlineData("[subscription().subscriptionId]", "\"11111111-2222-3333-4444-555555555555\"")]
    [InlineData("[resourceId('ControlPlane.BareMetal/racks', 'r')]", "\"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/group/providers/ControlPlane.BareMetal/racks/r\"")]
    [InlineData("[resourceId('other', 'A.B/c/d', 'x', 'y')]", "\"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/other/providers/A.B/c/x/d/y\"")]
    [InlineData("[subscriptionResourceId('A.B/c', 'x')]", "\"/subscriptions/11111111-2222-3333-4444-555555555555/providers/A.B/c/x\"")]
    [InlineData("[tenantResourceId('A.B/c', 'x')]", "\"/providers/A.B/c/x\"")]
    [InlineData("[extensionResourceId('/subscriptions/s', 'A.B/c', 'x')]", "\"/subscriptions/s/providers/A.B/c/x\"")]
    [InlineData("[length(uniqueString('a', 'b'))]", "13")]
    [InlineData("[equals(guid('a'), guid('a'))]", "true")]
    public void An_expression_has_its_value(string expression, string value) => Assert.Equal(value, Templates.Value(expression));

    [Theory]
    [InlineData("[concta('a')]", "did you mean 'concat'")]
    [InlineData("[nothingLikeIt()]", "not known")]
    [InlineData("[concat('a']", "')' is missing")]
    [InlineData("[parameters]", "a function needs parentheses")]
    [InlineData("[substring('abc', 2, 5)]", "substring")]
    [InlineData("[createObject('a', 1).b]", "no property 'b'")]
    [InlineData("[range(0, 5)[7]]", "index 7")]
    [InlineData("[listKeys('x', 'y')]", "not served")]
    [InlineData("[utcNow()]", "default value of a parameter")]
    [InlineData("[div(1, 0)]", "div")]
    [InlineData("[add(9223372036854775807, 1)]", "64-bit")]
    [InlineData("[variables('none')]", "no variable 'none'")]
    public void What_is_wrong_with_an_expression_is_said(string expression, string said) =>
        Assert.Contains(said, Assert.Throws<TemplateException>(() => Templates.Value(expression)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_template_may_define_functions_that_see_their_parameters_only() => Assert.Equal("\"web-7\"", Templates.Value("[my.name('web', 7)]", """
        "functions": [{ "namespace": "my", "members": { "name": { "parameters": [{ "name": "kind", "type": "string" }, { "name": "number", "type": "int" }],
            "output": { "type": "string", "value": "[format('{0}-{1}', parameters('kind'), parameters('number'))]" } } } }],
        """));

    [Fact]
    public void Whatever_text_stands_between_brackets_the_evaluator_fails_with_its_own_error_only()
    {
        string[] pieces = ["concat(", "range(", "json(", "'", "''", ")", "(", "[", "]", ".", ",", "0", "-1", "9999999999", "createObject(", "map(", "lambda('x',", "lambdaVariables('x')", "'a'", "resourceId(", "'A.B/c'", " ", "padLeft(", "format(", "'{0:X'", "substring(", "base64ToString(", "dateTimeAdd(", "split(", "intersection(", "tryGet(", "sort(", "\0", "?"];
        Gen.Select(Gen.OneOf(pieces).Array[1, 14], parts => $"[{string.Concat(parts)}]").Sample(expression =>
        {
            try
            {
                Templates.Value(expression);
            }
            catch (TemplateException)
            {
                return true;
            }

            return true;
        }, iter: 20_000);
    }

    [Fact]
    public void Union_and_merge_keep_their_laws()
    {
        var objects = Gen.Select(Gen.OneOf("a", "b", "c", "d"), Gen.Int[0, 9]).Array[0, 4].Select(made => new TemplateObject([.. made.Select(one => KeyValuePair.Create(one.Item1, (object?)(long)one.Item2))]));
        Gen.Select(objects, objects).Sample((left, right) =>
        {
            var union = (TemplateObject)LenientJson.Read(Templates.Value($"[union(json('{TemplateValue.ToJson(left)}'), json('{TemplateValue.ToJson(right)}'))]"))!;
            var merged = (TemplateObject)LenientJson.Read(Templates.Value($"[shallowMerge(createArray(json('{TemplateValue.ToJson(left)}'), json('{TemplateValue.ToJson(right)}')))]"))!;
            return TemplateValue.AreEqual(union, merged) && right.Members.All(member => TemplateValue.AreEqual(union[member.Key], member.Value))
                && union.Members.All(member => left.Has(member.Key) || right.Has(member.Key));
        }, iter: 1_000);
    }
}
