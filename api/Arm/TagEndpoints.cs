using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using Npgsql;

namespace ControlPlane.Api.Arm;

/// <summary>Tags of a scope by themselves (Microsoft.Resources/tags): whoever may tag need not be able to write the resource.</summary>
internal static class TagEndpoints
{
    private const string Path = "/providers/Microsoft.Resources/tags/default";

    public static void Map(IEndpointRouteBuilder app)
    {
        RouteAnswer answer = new(200, "The tags of the scope.", typeof(TagsShown));
        foreach (var template in ResourceTypes.Extended().Where(template => template.Length > 0))
        {
            app.MapArm(HttpMethod.Get, template + Path, new("Tags_GetAtScope", "Microsoft.Resources/tags/read", "The tags of a scope.") { Answers = [answer] }, GetAsync);
            app.MapArm(HttpMethod.Put, template + Path, new("Tags_CreateOrUpdateAtScope", "Microsoft.Resources/tags/write", "Replace all tags of a scope.") { Body = typeof(TagsWanted), Answers = [answer] }, http => WriteAsync(http, TagOperation.Replace));
            app.MapArm(HttpMethod.Patch, template + Path, new("Tags_UpdateAtScope", "Microsoft.Resources/tags/write", "Merge, replace or delete tags of a scope.") { Body = typeof(TagsPatch), Answers = [answer] }, http => WriteAsync(http, operation: null));
            app.MapArm(HttpMethod.Delete, template + Path, new("Tags_DeleteAtScope", "Microsoft.Resources/tags/delete", "Remove all tags of a scope.") { Answers = [new(200, "It has none now.")] }, DeleteAsync);
        }

        app.MapArm(HttpMethod.Get, "/subscriptions/{subscription}/tagNames", new("Tags_List", "Microsoft.Resources/subscriptions/tagNames/read", "Every tag in use in the subscription, its values and how often each is used.")
        {
            IsPaged = true, Answers = [new(200, "All of them.", typeof(Page<TagName>))],
        }, NamesAsync);
    }

    private static async Task GetAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var id = Scope(http);
        var row = await http.RequestServices.GetRequiredService<NpgsqlDataSource>().FindResourceAsync(id.Key, http.RequestAborted)
            ?? throw await http.RequestServices.GetRequiredService<ResourceLookup>().MissingAsync(id, http.RequestAborted);
        await http.AnswerAsync(Shown(row.Id, row.Tags));
    }

    private static async Task WriteAsync(HttpContext http, TagOperation? operation)
    {
        ApiVersion.Require(http, type: null);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        if (Shape.Faults(body.RootElement, operation is null ? typeof(TagsPatch) : typeof(TagsWanted), "body") is { Count: > 0 } faults)
            throw ArmErrors.Invalid(faults);
        operation ??= body.RootElement.Deserialize<TagsPatch>(Json.Options)!.Operation;
        // Names and values are judged as on any resource; to delete, a value may be left out.
        var given = body.RootElement.GetProperty("properties").TryGetProperty("tags", out var tags) ? tags : JsonSerializer.SerializeToElement(new { });
        var row = await StoreAsync(http, "write", current => ResourceEnvelope.Retag(current, given, operation.Value));
        await http.AnswerAsync(Shown(row.Id, row.Tags));
    }

    private static Task DeleteAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        return StoreAsync(http, "delete", _ => "{}");
    }

    private static async Task<ResourceRow> StoreAsync(HttpContext http, string verb, Func<string, string> change)
    {
        var id = Scope(http);
        var type = ResourceTypes.TryFind(id.Type) ?? throw ArmErrors.RouteNotFound(http.Request.Path);
        return (await http.RequestServices.GetRequiredService<ResourceWrites>().TagAsync(new(id, type, http.Caller(), http.Grants()) { Preconditions = http.Preconditions() }, verb, change, http.RequestAborted)).Row!;
    }

    private static ResourceId Scope(HttpContext http) => ResourceId.Parse(http.Request.Path.Value![..^Path.Length]);

    private static TagsShown Shown(string scope, string tags) => new($"{scope}{Path}", "default", "Microsoft.Resources/tags", new() { Tags = Json.Read<Dictionary<string, string>>(tags) });

    private static async Task NamesAsync(HttpContext http)
    {
        ApiVersion.Require(http, type: null);
        var subscription = (string)http.Request.RouteValues["subscription"]!;
        await using var command = Sql.Command(http.RequestServices.GetRequiredService<NpgsqlDataSource>(), """
            select tag.key, tag.value, count(*)::int from resources, jsonb_each_text(tags) tag where subscription = $1 and tags <> '{}' group by tag.key, tag.value order by tag.key, tag.value limit 10000
            """, subscription.ToLowerInvariant());
        var used = new List<(string Name, TagValue Value)>();
        await using var reader = await command.ExecuteReaderAsync(http.RequestAborted);
        while (await reader.ReadAsync(http.RequestAborted))
            used.Add((reader.GetString(0), new($"/subscriptions/{subscription}/tagNames/{reader.GetString(0)}/tagValues/{reader.GetString(1)}", reader.GetString(1), new("Total", reader.GetInt32(2)))));
        await http.AnswerAsync(new Page<TagName>([.. used.GroupBy(tag => tag.Name, tag => tag.Value, StringComparer.Ordinal)
            .Select(tag => new TagName($"/subscriptions/{subscription}/tagNames/{tag.Key}", tag.Key, new("Total", tag.Sum(value => value.Count.Value)), [.. tag]))], NextLink: null));
    }

    internal sealed record TagsShown(string Id, string Name, string Type, TagSet Properties);

    internal sealed record TagsWanted
    {
        public string? Id { get; init; }
        public string? Name { get; init; }
        public string? Type { get; init; }
        public required TagSet Properties { get; init; }
    }

    internal sealed record TagsPatch
    {
        /// <summary>Merge adds and overwrites, Replace leaves no other, Delete removes those that are named.</summary>
        public required TagOperation Operation { get; init; }

        public required TagSet Properties { get; init; }
    }

    internal sealed record TagSet
    {
        public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
    }

    /// <summary>A tag in use (Microsoft.Resources tagNames).</summary>
    internal sealed record TagName(string Id, [property: System.Text.Json.Serialization.JsonPropertyName("tagName")] string Name, TagCount Count, IReadOnlyList<TagValue> Values);

    internal sealed record TagValue(string Id, [property: System.Text.Json.Serialization.JsonPropertyName("tagValue")] string Value, TagCount Count);

    internal sealed record TagCount(string Type, int Value);
}
