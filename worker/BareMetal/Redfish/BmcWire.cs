using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Text;
using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>One request on the wire and its answer; faults of the wire become <see cref="RedfishException"/>. Knows no session and no retry but 406.</summary>
internal sealed class BmcWire(HttpMessageInvoker http, TimeSpan readTimeout, TimeSpan connectTimeout, TimeProvider clock) : IDisposable
{
    private volatile bool _refusesIdentity;

    /// <param name="authorize">Adds credentials.</param>
    public async Task<RedfishAnswer> SendAsync(RedfishRequest request, Action<HttpRequestHeaders> authorize, CancellationToken stop)
    {
        var sentIdentity = !_refusesIdentity;
        var answer = await AttemptAsync(request, authorize, sentIdentity, stop);
        if (answer.Status != HttpStatusCode.NotAcceptable || !sentIdentity) return answer;

        // Some HPE Gen10 Plus know no identity. 406 comes before anything is done, so even a POST may go again.
        _refusesIdentity = true;
        return await AttemptAsync(request, authorize, identity: false, stop);
    }

    public void Dispose() => http.Dispose();

    private async Task<RedfishAnswer> AttemptAsync(RedfishRequest request, Action<HttpRequestHeaders> authorize, bool identity, CancellationToken stop)
    {
        using var message = Message(request, authorize, identity);
        using var limit = new CancellationTokenSource(readTimeout + connectTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        if (request.MayWrite?.Invoke() == false) throw new WriteNotAllowedException();
        try
        {
            using var response = await http.SendAsync(message, either.Token);
            return await RedfishAnswer.ReadAsync(response, clock.GetUtcNow(), either.Token);
        }
        catch (Exception fault) when (!stop.IsCancellationRequested
            && fault is HttpRequestException or IOException or OperationCanceledException or InvalidDataException)
        {
            throw Typed(fault, request);
        }
    }

    private static HttpRequestMessage Message(RedfishRequest request, Action<HttpRequestHeaders> authorize, bool identity)
    {
        var message = new HttpRequestMessage(request.Method, request.Target) { Version = HttpVersion.Version11 };
        message.Headers.TryAddWithoutValidation("OData-Version", "4.0");
        message.Headers.TryAddWithoutValidation("Accept", "application/json");
        if (identity) message.Headers.TryAddWithoutValidation("Accept-Encoding", "identity"); // Otherwise BMCs compress and make the ETag weak.
        if (request.IfMatch is { } tag) message.Headers.TryAddWithoutValidation("If-Match", tag);
        if (request.IdempotencyKey is { } key) message.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        if (request.Closes) message.Headers.ConnectionClose = true;
        if (request.Body is { } body) message.Content = Content(body);
        authorize(message.Headers);
        return message;
    }

    /// <summary>Without a charset: some BMCs compare the media type as a whole.</summary>
    private static ByteArrayContent Content(JsonObject body) =>
        new(Encoding.UTF8.GetBytes(body.ToJsonString())) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };

    private static RedfishException Typed(Exception fault, RedfishRequest request)
    {
        for (var cause = fault; cause is not null; cause = cause.InnerException)
        {
            if (cause is RedfishException verdict) return Broken(verdict.Failure, verdict.Message);
        }

        return fault switch
        {
            OperationCanceledException => Broken(RedfishFailure.Timeout, $"{request} was not answered in time."),
            HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded }
                or InvalidDataException => Broken(RedfishFailure.Protocol, $"{request} was answered with something that is not HTTP."),
            HttpRequestException { InnerException: AuthenticationException } => Broken(RedfishFailure.Unreachable, $"{request}: the TLS handshake failed."),
            _ => Broken(RedfishFailure.Unreachable, $"{request}: no connection, or it broke."),
        };

        RedfishException Broken(RedfishFailure failure, string message) => new(failure, message, fault) { WasWrite = request.Method != HttpMethod.Get };
    }
}
