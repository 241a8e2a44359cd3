using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ControlPlane.Api.ResourceGraph;
using CsCheck;
using Xunit;

namespace ControlPlane.Tests.ResourceGraph;

/// <summary>The query language: what it answers, what it refuses and where, and that nothing of a query but its structure reaches the store.</summary>
public sealed class KqlTests(GraphStore store) : IClassFixture<GraphStore>
{
    [Theory]
    [InlineData("resources | count", """[{"Count":40}]""")]
    [InlineData("where name == 'image-03' | project name, location, tags.env", """[{"name":"image-03","location":"westeurope","tags_env":"test"}]""")]
    [InlineData("resources | where type =~ 'ControlPlane.BareMetal/osImages' | where location in~ ('WESTUS') | summarize c = count() by location", """[{"location":"westus","c":13}]""")]
    [InlineData("resources | summarize count() by location | order by location asc", """[{"location":"northeurope","count_":13},{"location":"westeurope","count_":14},{"location":"westus","count_":13}]""")]
    [InlineData("resources | summarize count(), sum(toint(properties.size)) by tostring(tags['env']) | sort by count_ desc, tags_env asc | project tags_env, count_", """[{"tags_env":"Prod","count_":16},{"tags_env":"test","count_":16},{"tags_env":"","count_":8}]""")]
    [InlineData("resources | top 2 by name | project name", """[{"name":"image-39"},{"name":"image-38"}]""")]
    [InlineData("resources | top 2 by toint(properties.size) desc | project n = name, s = properties.size", """[{"n":"image-39","s":390},{"n":"image-38","s":380}]""")]
    [InlineData("resources | where name startswith 'IMAGE-0' and name endswith '7' or name has '11' | order by name asc | project name", """[{"name":"image-07"},{"name":"image-11"}]""")]
    [InlineData("resources | where name !contains '0' and name !startswith 'image-1' and name !in ('image-22') | where properties.size between (200 .. 230) | project name | order by name asc", """[{"name":"image-23"}]""")]
    [InlineData("resources | where isempty(tags.env) | summarize n = dcount(location), m = min(name), x = max(toint(properties.size)), a = avg(1), k = countif(properties.signed == true)", """[{"n":3,"m":"image-00","x":300,"a":1,"k":2}]""")]
    [InlineData("resources | where name == 'image-01' | extend a = strcat(toupper(location), '/', substring(name, 6)), b = iff(properties.signed == false, 'no', 'yes'), c = strlen(name) * 2 + 1, d = split(id, '/')[8] | project a, b, c, d", """[{"a":"WESTUS/01","b":"no","c":17,"d":"image-01"}]""")]
    [InlineData("resources | where name in ('image-00', 'image-01') | order by name asc | project name, s = coalesce(toint(properties.size), -1), n = isnull(properties.size)", """[{"name":"image-00","s":-1,"n":true},{"name":"image-01","s":10,"n":false}]""")]
    [InlineData("resources | distinct location | order by location desc | take 1", """[{"location":"westus"}]""")]
    [InlineData("resources | where name == 'image-02' | mv-expand disk = properties.disks | project disk.size | order by disk_size asc", """[{"disk_size":1},{"disk_size":2}]""")]
    [InlineData("resourcecontainers | where type == 'microsoft.resources/subscriptions/resourcegroups' | summarize count() by tostring(tags.team)", """[{"tags_team":"a","count_":4}]""")]
    [InlineData("resources | where name == 'image-05' | join kind=leftouter (resourcecontainers | where type == 'microsoft.resources/subscriptions' | project subscriptionId, subscription = tostring(properties.displayName)) on subscriptionId | project name, subscription", """[{"name":"image-05","subscription":"Main"}]""")]
    [InlineData("resources | summarize n = count() by resourceGroup | join kind=inner (resourcecontainers | project resourceGroup, location) on $left.resourceGroup == $right.resourceGroup | order by resourceGroup asc | project resourceGroup, n, location | take 1", """[{"resourceGroup":"group-0","n":10,"location":"westeurope"}]""")]
    [InlineData("resources // a comment | where x\n| where todatetime(properties.at) < now() and todatetime(properties.at) > ago(36500d) and properties.at == '2026-06-01T00:00:00Z' | where todatetime(properties['at']) >= datetime(2026-06-01) | count", """[{"Count":40}]""")]
    [InlineData("resources | where name == \"image-\\u0030\\u0034\" or name == @'x''y' | project-away id, type, tenantId, kind, properties, tags, sku, plan, identity, zones, extendedLocation, systemData, managedBy, subscriptionId, resourceGroup", """[{"name":"image-04","location":"westus"}]""")]
    [InlineData("resources | where name == 'image-06' | project x = case(1 > 2, 'a', 2 > 1, 'b', 'c'), y = 7 / 2, z = 7 % 4, w = 1 / 0, v = -3 + 1", """[{"x":"b","y":3,"z":3,"w":null,"v":-2}]""")]
    [InlineData("resources | summarize make_set(location)", """[{"make_set_location":["northeurope","westeurope","westus"]}]""")]
    public async Task A_query_is_answered(string query, string expected)
    {
        var rows = (await store.RunAsync(query)).Select(row => row.ToDictionary(one => one.Key, one => JsonSerializer.Deserialize<JsonElement>(one.Value ?? "null"), StringComparer.Ordinal));
        Assert.True(JsonElement.DeepEquals(JsonSerializer.Deserialize<JsonElement>(expected), JsonSerializer.SerializeToElement(rows)), JsonSerializer.Serialize(rows));
    }

    [Theory]
    [InlineData("nothing | count", 1, 1, "there is no table 'nothing'")]
    [InlineData("resources |", 1, 12, "expected an operator")]
    [InlineData("resources\n| where nam == 'x'", 2, 9, "there is no column 'nam'")]
    [InlineData("resources\n| where name ==\n", 3, 1, "expected a value")]
    [InlineData("resources | where name matches regex 'x'", 1, 24, "regular expressions")]
    [InlineData("resources | where name == 'x", 1, 27, "does not end")]
    [InlineData("resources | where name", 1, 19, "expected a condition")]
    [InlineData("resources | evaluate pivot(x)", 1, 13, "'evaluate' is not an operator")]
    [InlineData("resources | extend x = reverse(name)", 1, 24, "there is no function 'reverse'")]
    [InlineData("resources | where count() > 1", 1, 19, "stands in summarize only")]
    [InlineData("resources | where name > 1", 1, 24, "cannot be compared")]
    [InlineData("resources | join kind=full (resources) on id", 1, 23, "no join kind 'full'")]
    [InlineData("resources | where strlen(name, 1) > 1", 1, 19, "takes 1 arguments")]
    [InlineData("resources; drop table resources", 1, 12, "expected")]
    public void A_fault_is_named_with_its_place(string query, int line, int column, string message)
    {
        var fault = Assert.Throws<KqlException>(() => GraphStore.Compile(query));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.Equal((line, column), (fault.Line, fault.Column));
    }

    [Fact]
    public void Size_and_depth_are_bounded()
    {
        Assert.Contains("nested deeper", Assert.Throws<KqlException>(() => GraphStore.Compile($"where {new string('(', 200)}true{new string(')', 200)}")).Message, StringComparison.Ordinal);
        Assert.Contains("nested deeper", Assert.Throws<KqlException>(() => GraphStore.Compile($"extend x = {string.Concat(Enumerable.Repeat("-", 200))}1")).Message, StringComparison.Ordinal);
        Assert.Contains("at most", Assert.Throws<KqlException>(() => GraphStore.Compile($"resources {string.Concat(Enumerable.Repeat("| take 1 ", 100))}")).Message, StringComparison.Ordinal);
        Assert.Contains("longer than", Assert.Throws<KqlException>(() => GraphStore.Compile(new string(' ', 40_000))).Message, StringComparison.Ordinal);
    }

    private static readonly string[] Columns = ["name", "location", "resourceGroup", "tags.env", "properties.version", "properties.size", "properties.signed", "properties.disks[0].size", "properties['none']", "tags", "id"];

    private static readonly Gen<string> Literals = Gen.OneOf(
        Gen.OneOf("'zzliteral'", "'westeurope'", "'Prod'", "\"zz;drop table\"", "'zz--'", "'zz\\'q'", "''", "@'zz\\d+('"), Gen.Int[-5, 400].Select(number => $"{number}"), Gen.OneOf("true", "false", "1.5"));

    private static readonly Gen<string> Values = Gen.Recursive<string>((depth, self) => depth > 2 ? Gen.OneOf(Gen.OneOf(Columns), Literals) : Gen.OneOf(
        Gen.OneOf(Columns), Literals, self.Select(of => $"tostring({of})"), self.Select(of => $"toint({of})"), self.Select(of => $"todouble({of})"), self.Select(of => $"tobool({of})"), self.Select(of => $"todatetime({of})"),
        self.Select(of => $"tolower({of})"), self.Select(of => $"strlen({of})"), Gen.Select(self, self).Select((a, b) => $"strcat({a}, {b})"), Gen.Select(self, self).Select((a, b) => $"coalesce({a}, {b})"),
        Gen.Select(self, self).Select((a, b) => $"split({a}, {b})"), self.Select(of => $"array_length({of})"), Gen.Select(self, Gen.Int[0, 5]).Select((of, from) => $"substring({of}, {from}, 3)"),
        Gen.Select(self, Gen.OneOf("+", "-", "*", "/", "%"), self).Select((a, op, b) => $"(todouble({a}) {op} todouble({b}))"), Gen.Select(self, Gen.OneOf("+", "-", "*", "/", "%"), self).Select((a, op, b) => $"(toint({a}) {op} toint({b}))"),
        Gen.Select(self, self, self).Select((a, b, c) => $"iff(isempty({a}), {b}, {c})")));

    private static readonly Gen<string> Conditions = Gen.Recursive<string>((depth, self) =>
    {
        var test = Gen.Select(Values, Gen.OneOf("==", "!=", "=~", "!~", "contains", "!contains", "startswith", "endswith", "contains_cs"), Values).Select((a, op, b) => $"{a} {op} {b}");
        var order = Gen.Select(Values, Gen.OneOf("<", "<=", ">", ">="), Values).Select((a, op, b) => $"toint({a}) {op} todouble({b})");
        var list = Gen.Select(Values, Gen.OneOf("in", "!in", "in~", "!in~"), Values.Array[1, 3]).Select((a, op, items) => $"{a} {op} ({string.Join(", ", items)})");
        var other = Gen.OneOf(Values.Select(of => $"isempty({of})"), Values.Select(of => $"isnotnull({of})"), Values.Select(of => $"{of} has 'zz.x'"), Values.Select(of => $"toint({of}) between (1 .. 5)"));
        return depth > 2 ? test : Gen.OneOf(test, order, list, other, self.Select(of => $"not({of})"), Gen.Select(self, Gen.OneOf("and", "or"), self).Select((a, op, b) => $"({a} {op} {b})"));
    });

    private static readonly Gen<string> Steps = Gen.OneOf(
        Conditions.Select(condition => $"where {condition}"), Values.Select(value => $"extend extra = {value}"), Values.Select(value => $"order by {value} asc, name"), Gen.Int[0, 5].Select(number => $"take {number}"), Gen.OneOf("distinct *", "project-away kind", "mv-expand properties.disks"));

    private static readonly Gen<string> Endings = Gen.OneOf(
        Gen.OneOf("count", "project name, properties", "summarize count() by location", "join kind=inner (resources | project name, other = location) on name", "join kind=leftouter (resourcecontainers) on resourceGroup"),
        Values.Select(value => $"summarize a = count(), b = dcount({value}), c = min({value}), d = max({value}), e = sum(toint({value})), f = avg(todouble({value})) by k = {value}"), Values.Select(value => $"distinct x = {value}"));

    [Fact]
    public async Task Any_query_runs_and_no_literal_is_in_the_statement()
    {
        var queries = new List<string>();
        Gen.Select(Steps.Array[0, 3], Endings).Select((steps, end) => $"resources {string.Concat(steps.Select(step => $"| {step} "))}| {end}").Sample(queries.Add, iter: 400, threads: 1);
        var ran = 0;
        foreach (var query in queries)
        {
            try
            {
                var (_, command) = GraphStore.Compile(query);
                Assert.DoesNotContain("zz", command.CommandText, StringComparison.Ordinal);
                await store.RunAsync(query, command);
                ran++;
            }
            catch (KqlException fault)
            {
                // Kinds that do not go together are refused before the store is asked.
                Assert.True(fault.Line == 1 && fault.Column > 1, query);
            }
        }

        Assert.InRange(ran, queries.Count / 4, queries.Count);
    }

    [Fact]
    public async Task Answers_are_those_of_a_naive_reader()
    {
        var tests = Gen.OneOf(
            Gen.Select(Gen.OneOf("==", "!=", "=~", "contains", "startswith"), Gen.OneOf("prod", "Prod", "test", "", "T")).Select((op, value) => ($"tags.env {op} '{value}'", Text(one => one.Tags.GetValueOrDefault("env", ""), op, value))),
            Gen.Select(Gen.OneOf("==", "!=", "endswith", "!contains"), Gen.OneOf("westus", "WestUS", "europe")).Select((op, value) => ($"location {op} '{value}'", Text(one => one.Location, op, value))),
            Gen.Select(Gen.OneOf("<", ">=", "=="), Gen.Int[0, 400]).Select((op, number) => ($"properties.size {op} {number}", Number(op, number))),
            Gen.Bool.Select(flag => ($"properties.signed == {(flag ? "true" : "false")}", (Func<GraphResource, bool>)(one => one.Signed == flag))));
        var conditions = Gen.Recursive<(string Text, Func<GraphResource, bool> Holds)>((depth, self) => depth > 2 ? tests : Gen.OneOf(tests,
            Gen.Select(self, self).Select((a, b) => ($"({a.Text} and {b.Text})", (Func<GraphResource, bool>)(one => a.Holds(one) && b.Holds(one)))),
            Gen.Select(self, self).Select((a, b) => ($"({a.Text} or {b.Text})", (Func<GraphResource, bool>)(one => a.Holds(one) || b.Holds(one))))));
        var cases = new List<(string Text, Func<GraphResource, bool> Holds)>();
        conditions.Sample(cases.Add, iter: 200, threads: 1);
        foreach (var (text, holds) in cases)
        {
            var rows = await store.RunAsync($"resources | where {text} | summarize n = count() by resourceGroup | order by resourceGroup asc");
            var expected = store.Resources.Where(holds).GroupBy(one => one.Group, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"\"{group.Key}\" {group.Count()}");
            Assert.True(expected.SequenceEqual(rows.Select(row => $"{row["resourceGroup"]} {row["n"]}"), StringComparer.Ordinal), text);
        }
    }

    [Fact]
    public async Task A_hundred_thousand_resources_are_counted_by_location_in_no_time()
    {
        await using var large = await Fixtures.TestDatabase.CreateAsync();
        await large.ExecuteAsync("""
            insert into resources (key, id, type, name, subscription, resource_group, location, tags, properties, status, state, version, refs, created_at, created_by, created_by_type, modified_at, modified_by, modified_by_type)
            select '/subscriptions/s/resourcegroups/g/providers/controlplane.baremetal/osimages/' || i, '/subscriptions/s/resourceGroups/g/providers/ControlPlane.BareMetal/osImages/' || i, 'ControlPlane.BareMetal/osImages', i::text, 's', 'g',
                (array['westeurope', 'westus', 'northeurope'])[1 + i % 3], '{}', jsonb_build_object('version', '24.04', 'url', repeat('x', 200)), '{}', 'Succeeded', 1, '{}', now(), 'x', 'Application', now(), 'x', 'Application'
            from generate_series(1, 100000) i
            """);
        await large.ExecuteAsync("analyze resources");
        var (_, command) = GraphStore.Compile("resources | summarize count() by location");
        await using var connection = new Npgsql.NpgsqlConnection(large.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        command.Connection = connection;
        var best = TimeSpan.MaxValue;
        for (var round = 0; round < 6; round++)
        {
            var started = Stopwatch.GetTimestamp();
            await using (var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken))
            {
                while (await reader.ReadAsync(TestContext.Current.CancellationToken))
                    Assert.Contains(reader.GetString(2), (string[])["33333", "33334"]);
            }

            best = Stopwatch.GetElapsedTime(started) is var took && took < best ? took : best;
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"count by location over 100,000 resources: {best.TotalMilliseconds:0} ms"));
    }

    private static Func<GraphResource, bool> Text(Func<GraphResource, string> of, string op, string value) => one => op switch
    {
        "==" => of(one) == value,
        "!=" => of(one) != value,
        "=~" => of(one).Equals(value, StringComparison.OrdinalIgnoreCase),
        "contains" => of(one).Contains(value, StringComparison.OrdinalIgnoreCase),
        "!contains" => !of(one).Contains(value, StringComparison.OrdinalIgnoreCase),
        "endswith" => of(one).EndsWith(value, StringComparison.OrdinalIgnoreCase),
        _ => of(one).StartsWith(value, StringComparison.OrdinalIgnoreCase),
    };

    private static Func<GraphResource, bool> Number(string op, int number) => one => op switch { "<" => one.Size < number, ">=" => one.Size >= number, _ => one.Size == number };
}
