using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>Turns whatever a handler throws, and every bare status code, into ARM's error body.</summary>
internal sealed partial class ArmErrorRendering(RequestDelegate next, ILogger<ArmErrorRendering> logger)
{
    public async Task InvokeAsync(HttpContext http)
    {
        try
        {
            await next(http);
            if (!http.Response.HasStarted && http.Response.StatusCode is 405)
                await WriteAsync(http, ArmErrors.MethodNotAllowed(http.Request.Method, http.Response.Headers.Allow.ToString()));
            else if (!http.Response.HasStarted && http.Response.StatusCode is 404 && http.GetEndpoint() is null)
                await WriteAsync(http, ArmErrors.RouteNotFound(http.Request.Path));
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            http.Response.StatusCode = 499;
        }
        catch (Exception failure) when (!http.Response.HasStarted)
        {
            var answer = Translate(http, failure);
            await ActivityLog.RecordRefusalAsync(http, answer);
            await WriteAsync(http, answer);
        }
    }

    private ArmException Translate(HttpContext http, Exception failure)
    {
        switch (failure)
        {
            case ArmException arm:
                return arm;
            case BadHttpRequestException { StatusCode: 413 }:
                return ArmErrors.BodyTooLarge(RequestBody.Limit);
            case BadHttpRequestException bad:
                return new(bad.StatusCode, new("InvalidRequestContent", bad.Message));
            case JsonException json:
                return ArmErrors.NotJson(json.Message);
            case var _ when IsOutage(failure):
                LogStore(failure);
                return ArmErrors.StoreUnavailable();
            default:
                LogFailed(failure, http.Request.Method, http.Request.Path);
                return ArmErrors.Internal(http.Response.Headers["x-ms-request-id"].ToString());
        }
    }

    /// <summary>Entity Framework wraps what Npgsql throws.</summary>
    private static bool IsOutage(Exception? failure) =>
        failure is not null && (failure is Npgsql.NpgsqlException { IsTransient: true } or TimeoutException || IsOutage(failure.InnerException));

    public static Task WriteAsync(HttpContext http, ArmException failure)
    {
        http.Response.StatusCode = failure.Status;
        http.Response.Headers["x-ms-error-code"] = failure.Error.Code;
        if (failure.RetryAfter is { } wait)
            http.Response.Headers.RetryAfter = ((int)wait.TotalSeconds).ToString();
        if (HttpMethods.IsHead(http.Request.Method))
            return Task.CompletedTask;
        http.Response.ContentType = "application/json; charset=utf-8";
        return JsonSerializer.SerializeAsync(http.Response.Body, new ErrorResponse(failure.Error), Json.Options, http.RequestAborted);
    }

    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed")]
    private partial void LogFailed(Exception failure, string method, string path);

    [LoggerMessage(LogLevel.Warning, "The store does not answer")]
    private partial void LogStore(Exception failure);
}
