using System.Globalization;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Serving;

/// <summary>
/// Watch: the changes after a resource version, one JSON document a line, with bookmarks; 410 Gone when some of these changes are
/// forgotten.
/// </summary>
internal sealed class Watching(ObjectStore store, VirtualClock clock)
{
    private static readonly TimeSpan bookmarkPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan longest = TimeSpan.FromMinutes(30);

    public KubernetesAnswer Watch(ResourceKind kind, string ns, IQueryCollection query, string accept)
    {
        Selectors selectors;
        try
        {
            selectors = Reading.Select(query);
        }
        catch (FormatException error)
        {
            return KubernetesAnswer.BadRequest(error.Message);
        }

        var since = query["resourceVersion"].ToString();
        IReadOnlyList<StoredObject> present = [];
        ChannelReader<Change>? changes;
        long start;
        lock (store.Gate)
        {
            var current = store.Version;
            var fromNow = since is "" or "0" || query["sendInitialEvents"] == "true";
            if (fromNow) present = store.List(kind.Shelf, ns.Length == 0 ? null : ns);
            if (!long.TryParse(since, out start) || fromNow) start = current;
            changes = store.Feed.Listen(start, current);
        }

        if (changes is null)
            return KubernetesAnswer.Failure(410, "Expired", $"too old resource version: {since} ({store.Version})");
        var seconds = int.TryParse(query["timeoutSeconds"], out var asked) && asked > 0 ? TimeSpan.FromSeconds(asked) : longest;
        var stream = new Line(kind, ns, selectors, Tables.AreWanted(accept), clock);
        return new KubernetesAnswer(200, null)
        {
            Stream = http => StreamAsync(http, stream, present, changes, start, seconds, query),
        };
    }

    private async Task StreamAsync(HttpContext http, Line line, IReadOnlyList<StoredObject> present, ChannelReader<Change> changes, long version, TimeSpan most, IQueryCollection query)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        limit.CancelAfter(most);
        try
        {
            http.Response.ContentType = "application/json";
            foreach (var item in present)
            {
                if (line.Initial(item) is { } added) await http.Response.Body.WriteAsync(added, limit.Token);
            }

            if (query["sendInitialEvents"] == "true") await http.Response.Body.WriteAsync(line.Bookmark(version, ended: true), limit.Token);
            await http.Response.Body.FlushAsync(limit.Token);
            var bookmarks = query["allowWatchBookmarks"] == "true";
            while (await WaitAsync(changes, limit.Token))
            {
                while (changes.TryRead(out var change))
                {
                    version = change.Version;
                    if (line.Of(change) is { } bytes) await http.Response.Body.WriteAsync(bytes, limit.Token);
                }

                if (bookmarks) await http.Response.Body.WriteAsync(line.Bookmark(Math.Max(version, 0), ended: false), limit.Token);
                await http.Response.Body.FlushAsync(limit.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The client left, or the watch has lasted as long as it may: an ordinary end.
        }
        finally
        {
            store.Feed.Leave(changes);
        }
    }

    /// <summary>True when there is something to read or a bookmark is due; false when the feed gave this watcher up.</summary>
    private static async Task<bool> WaitAsync(ChannelReader<Change> changes, CancellationToken cancel)
    {
        using var pause = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        pause.CancelAfter(bookmarkPause);
        try
        {
            return await changes.WaitToReadAsync(pause.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return true;
        }
    }

    /// <summary>One watcher's view of a change: what comes into its selection is added, what leaves it is deleted.</summary>
    private sealed class Line(ResourceKind kind, string ns, Selectors selectors, bool asTable, VirtualClock clock)
    {
        public byte[]? Initial(StoredObject item) => Select(item) is { } body ? Write("ADDED", body) : null;

        public byte[]? Of(Change change)
        {
            if (change.Object.Shelf != kind.Shelf || (ns.Length > 0 && change.Object.Namespace != ns)) return null;
            var now = change.Type == ChangeType.Deleted ? null : Select(change.Object);
            var before = change.Before is { } old ? Select(old) : null;
            return (before, now) switch
            {
                (null, null) => null,
                (null, { } added) => Write("ADDED", added),
                ({ }, { } modified) => Write("MODIFIED", modified),
                _ => Write("DELETED", Reading.Served(kind, change.Object)),
            };
        }

        public byte[] Bookmark(long version, bool ended)
        {
            var metadata = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture), ["creationTimestamp"] = null };
            if (ended) metadata["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
            return Encode("BOOKMARK", new JsonObject { ["kind"] = kind.Kind, ["apiVersion"] = kind.ApiVersion, ["metadata"] = metadata });
        }

        private JsonObject? Select(StoredObject item)
        {
            var body = Reading.Served(kind, item);
            return selectors.Matches(body) ? body : null;
        }

        private byte[] Write(string type, JsonObject body) =>
            Encode(type, asTable ? Tables.Of(kind, [body], new JsonObject { ["resourceVersion"] = body["metadata"]?["resourceVersion"]?.DeepClone() }, clock.Now) : body);

        private static byte[] Encode(string type, JsonObject body) => [.. Json.Bytes(new JsonObject { ["type"] = type, ["object"] = body }), (byte)'\n'];
    }
}
