using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Serving;

/// <summary>GET of one object or of a list, as JSON or as a table, in pages if asked.</summary>
internal sealed class Reading(ObjectStore store, VirtualClock clock)
{
    private static readonly Selectors all = Selectors.Parse("", "");

    public KubernetesAnswer Get(ResourceKind kind, string ns, string name, string accept)
    {
        if (store.Find(kind.Shelf, ns, name) is not { } found) return KubernetesAnswer.NotFound(kind, name);
        if (Tables.AreWanted(accept)) return KubernetesAnswer.Of(Tables.Of(kind, [found.Read()], new JsonObject { ["resourceVersion"] = $"{found.Version}" }, clock.Now));
        return kind.IsCustom ? KubernetesAnswer.Of(Served(kind, found)) : KubernetesAnswer.Of(found);
    }

    public KubernetesAnswer List(ResourceKind kind, string ns, IQueryCollection query, string accept)
    {
        Selectors selectors;
        try
        {
            selectors = Select(query);
        }
        catch (FormatException error)
        {
            return KubernetesAnswer.BadRequest(error.Message);
        }

        IReadOnlyList<StoredObject> items;
        long version;
        lock (store.Gate)
        {
            (items, version) = (store.List(kind.Shelf, ns.Length == 0 ? null : ns), store.Version);
            store.Feed.Remember(version);
        }

        var start = "";
        if (query["continue"].ToString() is { Length: > 0 } token && !TryRead(token, out start, out version))
            return KubernetesAnswer.Failure(410, "Expired", "The provided continue parameter is too old or malformed; start a new list without it.");
        var limit = int.TryParse(query["limit"].ToString(), out var asked) && asked > 0 ? asked : int.MaxValue;
        var page = Page(items, start, selectors, limit, kind, out var next);
        var metadata = new JsonObject { ["resourceVersion"] = $"{version}" };
        if (next is not null) metadata["continue"] = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{version} {next}"));
        if (Tables.AreWanted(accept)) return KubernetesAnswer.Of(Tables.Of(kind, page, metadata, clock.Now));
        return KubernetesAnswer.Of(new JsonObject
        {
            ["kind"] = kind.Kind + "List", ["apiVersion"] = kind.ApiVersion, ["metadata"] = metadata, ["items"] = new JsonArray([.. page]),
        });
    }

    public static Selectors Select(IQueryCollection query)
    {
        var (fields, labels) = (query["fieldSelector"].ToString(), query["labelSelector"].ToString());
        return fields.Length + labels.Length == 0 ? all : Selectors.Parse(fields, labels);
    }

    /// <summary>An object of a custom kind in the version that is asked for.</summary>
    public static JsonObject Served(ResourceKind kind, StoredObject item)
    {
        var body = item.Read();
        body["apiVersion"] = kind.ApiVersion;
        return body;
    }

    private static List<JsonObject> Page(IReadOnlyList<StoredObject> items, string start, Selectors selectors, int limit, ResourceKind kind, out string? next)
    {
        next = null;
        var page = new List<JsonObject>();
        foreach (var item in items)
        {
            var key = $"{item.Namespace}/{item.Name}";
            if (start.Length > 0 && string.CompareOrdinal(key, start) < 0) continue;
            var body = Served(kind, item);
            if (!selectors.Matches(body)) continue;
            if (page.Count == limit)
            {
                next = key;
                break;
            }

            page.Add(body);
        }

        return page;
    }

    private static bool TryRead(string token, out string start, out long version)
    {
        (start, version) = ("", 0);
        Span<byte> buffer = stackalloc byte[1024];
        if (!Convert.TryFromBase64String(token, buffer, out var length)) return false;
        var halves = Encoding.UTF8.GetString(buffer[..length]).Split(' ', 2);
        if (halves.Length != 2 || !long.TryParse(halves[0], out version)) return false;
        start = halves[1];
        return true;
    }
}
