using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Redfish's verbs for one target: retries, preconditions, typed refusals. Which properties mean what is not known here.</summary>
internal sealed class RedfishClient(BmcPool pool, RedfishRetry retry, BmcTarget target, Uri origin, VendorProfile profile)
{
    /// <summary>A collection with more members than this is read no further: no machine has them.</summary>
    private const int MaxMembers = 256;

    /// <summary>Enough for every form of a precondition, and for a resource that others change too.</summary>
    private const int MaxUpdates = 5;

    public VendorProfile Profile => profile;

    public RedfishClient As(VendorProfile other) => new(pool, retry, target, origin, other);

    public Uri Resolve(string? reference) => BmcOrigin.Resolve(origin, reference);

    /// <summary>Uses the pooled connection itself, for what is kept beside it.</summary>
    public T Beside<T>(Func<BmcConnection, T> use)
    {
        var connection = pool.Rent(target, origin);
        try
        {
            return use(connection);
        }
        finally
        {
            pool.Return(connection);
        }
    }

    /// <summary>Logs in if need be; the service root.</summary>
    public async Task<JsonElement> OpenAsync(CancellationToken stop) =>
        await retry.Reads.ExecuteAsync(async stopping => await UseAsync(session => session.OpenAsync(target, stopping)), stop);

    /// <exception cref="RedfishException">Any answer but a success.</exception>
    public async Task<RedfishAnswer> GetAsync(Uri resource, CancellationToken stop) => await FindAsync(resource, stop)
        ?? throw new RedfishException(RedfishFailure.Rejected, $"GET {resource.AbsolutePath} was answered 404.") { Status = 404 };

    /// <summary>Null on 404 and 410; optional parts of a tree.</summary>
    public async Task<RedfishAnswer?> FindAsync(Uri resource, CancellationToken stop)
    {
        var answer = await ReadAsync(resource, stop);
        if (answer.Status is HttpStatusCode.NotFound or HttpStatusCode.Gone) return null;
        return answer.IsSuccess ? answer : throw Refusal(answer, HttpMethod.Get, resource);
    }

    /// <summary>Whatever the final answer is; only a 5xx or a broken connection is tried again, and a 5xx that stays throws.</summary>
    public async Task<RedfishAnswer> ReadAsync(Uri resource, CancellationToken stop) => await retry.Reads.ExecuteAsync(async stopping =>
    {
        var answer = await OnceAsync(new(HttpMethod.Get, resource), stopping);
        return (int)answer.Status < 500 && answer.Status != HttpStatusCode.TooManyRequests ? answer : throw Refusal(answer, HttpMethod.Get, resource);
    }, stop);

    /// <summary>The members of a collection in order, pages followed; empty when the collection itself is absent.</summary>
    public async Task<List<Uri>> MembersAsync(string? collection, CancellationToken stop)
    {
        var members = new List<Uri>();
        for (var page = collection; page is not null && members.Count < MaxMembers;)
        {
            if (await FindAsync(Resolve(page), stop) is not { } answer) break;
            var before = members.Count;
            members.AddRange(answer.Body.Items("Members").Select(member => member.Text("@odata.id")).OfType<string>().Select(Resolve).Where(uri => !members.Contains(uri)));
            page = members.Count > before ? answer.Body.Text("Members@odata.nextLink") : null;
        }

        return members;
    }

    /// <summary>The members themselves; one that vanished meanwhile is left out.</summary>
    public async Task<List<JsonElement>> ReadMembersAsync(string? collection, CancellationToken stop)
    {
        var bodies = new List<JsonElement>();
        foreach (var member in await MembersAsync(collection, stop))
        {
            if (await FindAsync(member, stop) is { } answer) bodies.Add(answer.Body);
        }

        return bodies;
    }

    /// <summary>Runs an action or adds a member.</summary>
    public Task<RedfishAnswer> PostAsync(Uri action, JsonObject body, CancellationToken stop) =>
        WriteAsync(new(HttpMethod.Post, action) { Body = body }, stop);

    /// <summary>
    /// Read, decide, PATCH with the precondition of what was read. A refused precondition reads and decides again; nothing is ever
    /// just sent again.
    /// </summary>
    /// <param name="decide">The change to make to this state, or null when there is nothing to do.</param>
    /// <returns>The answer to the PATCH; null when nothing had to be done.</returns>
    public async Task<RedfishAnswer?> UpdateAsync(Uri resource, Func<JsonElement, JsonObject?> decide, CancellationToken stop)
    {
        var form = IfMatch.AsGiven;
        RedfishException? refused = null;
        string? refusedTag = null;
        for (var round = 0; round < MaxUpdates; round++)
        {
            var current = await GetAsync(resource, stop);
            if (decide(current.Body) is not { } change) return null;
            var tag = EntityTag.Of(current);
            if (refused is not null) form = EntityTag.Next(form, refusedTag, tag, DemandsHeader(refused)) ?? throw refused;
            try
            {
                return await WriteAsync(new(HttpMethod.Patch, resource) { Body = change, IfMatch = EntityTag.Header(tag, form) }, stop);
            }
            catch (RedfishException fault) when (fault.Status is 412 or 428)
            {
                (refused, refusedTag) = (fault, tag);
            }
        }

        throw new RedfishException(RedfishFailure.Busy, $"{resource.AbsolutePath} changes faster than it can be written.", refused);
    }

    private static bool DemandsHeader(RedfishException refused) => refused.Status == 428 || refused.Says("PreconditionHeaderMissing") || refused.Says("PreconditionRequired");

    private async Task<RedfishAnswer> WriteAsync(RedfishRequest request, CancellationToken stop) => await retry.Writes.ExecuteAsync(async stopping =>
    {
        var answer = await OnceAsync(request with { IdempotencyKey = target.IdempotencyKey, MayWrite = target.MayWrite }, stopping);
        return answer.IsSuccess ? answer : throw Refusal(answer, request.Method, request.Target);
    }, stop);

    private Task<RedfishAnswer> OnceAsync(RedfishRequest request, CancellationToken stop) =>
        UseAsync(session => session.SendAsync(request with { Closes = profile.ClosesConnections }, target, stop));

    private async Task<T> UseAsync<T>(Func<BmcSession, Task<T>> use)
    {
        var connection = pool.Rent(target, origin);
        try
        {
            return await use(connection.Session);
        }
        catch (RedfishException broken) when (broken.Failure is RedfishFailure.Unreachable or RedfishFailure.Timeout or RedfishFailure.BadCredentials
            or RedfishFailure.CertificateChanged or RedfishFailure.CertificateUntrusted)
        {
            pool.Drop(connection);
            throw;
        }
        finally
        {
            pool.Return(connection);
        }
    }

    private RedfishException Refusal(RedfishAnswer answer, HttpMethod method, Uri resource) => RedfishError.From(answer, method, resource, profile);
}
