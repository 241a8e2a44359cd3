using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Admission.Arm;

/// <summary>An answer that is an error; thrown by handlers, rendered once by <see cref="ArmErrorRendering"/>.</summary>
internal sealed class ArmException(int status, ErrorBody error, TimeSpan? retryAfter = null) : Exception(error.Message)
{
    public int Status { get; } = status;
    public ErrorBody Error { get; } = error;
    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>A refusal by reason of permission, even where it is dressed as 404.</summary>
    public bool IsDenial { get; init; } = status is 403;
}

/// <summary>Every error the front door can answer with, one method each.</summary>
internal static class ArmErrors
{
    /// <summary>The same, for what exists but must not show.</summary>
    public static ArmException Denied(this ArmException hidden) => new(hidden.Status, hidden.Error) { IsDenial = true };

    public static ArmException SubscriptionNotFound(string subscription) =>
        new(404, new("SubscriptionNotFound", $"The subscription '{subscription}' could not be found."));

    public static ArmException ResourceGroupNotFound(string group) =>
        new(404, new("ResourceGroupNotFound", $"Resource group '{group}' could not be found."));

    public static ArmException ParentNotFound(ResourceId parent) =>
        new(404, new("ParentResourceNotFound", $"Can not perform requested operation on nested resource. Parent resource '{parent.Text}' not found."));

    public static ArmException LocationNotFound(string location) =>
        new(404, new("LocationNotFound", $"The location '{location}' is not served here; GET /subscriptions/{{id}}/locations lists those that are."));

    public static ArmException ResourceNotFound(ResourceId id) =>
        new(404, new("ResourceNotFound", $"The Resource '{id.Type}/{id.Name}' under resource group '{id.ResourceGroup}' was not found."));

    public static ArmException OperationNotFound(string id) =>
        new(404, new("OperationNotFound", $"The operation '{id}' could not be found; ended operations are kept for 7 days."));

    public static ArmException NamespaceNotFound(string provider) =>
        new(404, new("InvalidResourceNamespace", $"The resource namespace '{provider}' is invalid."));

    public static ArmException TypeNotFound(string type, string provider, string apiVersion) =>
        new(404, new("InvalidResourceType", $"The resource type '{type}' could not be found in the namespace '{provider}' for api version '{apiVersion}'."));

    public static ArmException RouteNotFound(string path) =>
        new(404, new("NotFound", $"There is nothing at '{path}'. Resources are at /subscriptions/{{id}}/resourceGroups/{{group}}/providers/{{namespace}}/{{type}}/{{name}}."));

    public static ArmException ActionNotFound(ResourceType type, string action, IEnumerable<string> known) =>
        new(404, new("InvalidAction", $"'{type}' has no action '{action}'. It has: {List(known)}."));

    public static ArmException MethodNotAllowed(string method, string allowed) =>
        new(405, new("MethodNotAllowed", $"'{method}' is not supported here. Supported: {allowed}."));

    public static ArmException MissingApiVersion() =>
        new(400, new("MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests."));

    public static ArmException InvalidApiVersion(string version) =>
        new(400, new("InvalidApiVersionParameter", $"The api-version '{version}' is invalid. It must be a date, such as 2026-06-01, with an optional '-preview'."));

    public static ArmException UnsupportedApiVersion(ResourceType type, string version, IReadOnlyList<string> supported) =>
        new(400, new("NoRegisteredProviderFound", $"No registered resource provider found for API version '{version}' for type '{type}'. The supported api-versions are '{List(supported)}'."));

    public static ArmException InvalidName(string name, string rule = "1 to 260 characters, none of < > % & : \\ ? / or a control character, and no period or space at the end") =>
        new(400, new("InvalidResourceName", $"Resource name '{name}' is invalid: {rule}.", "name"));

    public static ArmException BuiltIn(ResourceId id) =>
        new(409, new("BuiltInResource", $"'{id.Text}' comes with the control plane and cannot be changed; create one of another name."));

    public static ArmException SubscriptionReadOnly(string subscription, string state) =>
        new(409, new("ReadOnlyDisabledSubscription", $"The subscription '{subscription}' is {state} and therefore marked as read only. Only GET and DELETE are possible until it is Registered again."));

    /// <summary>az takes the namespace from the last text in single quotes and registers it.</summary>
    public static ArmException MissingSubscriptionRegistration(string provider) =>
        new(409, new("MissingSubscriptionRegistration", $"The subscription is not registered to use namespace '{provider}'."));

    public static ArmException ScopeLocked(ResourceId id, string operation, IReadOnlyList<ResourceRow> locks) =>
        new(409, new("ScopeLocked", $"The scope '{id.Text}' cannot perform {operation} operation because following scope(s) are locked: '{List(locks.Select(one => one.ResourceId.Scope!.Text))}'. Please remove the lock and try again.",
            Details: [.. locks.Select(one => new ErrorBody("Lock", $"'{one.Name}'", one.Id))]));

    public static ArmException LinkedForbidden(string principal, string action, string scope, string linkedAction, string linkedScope) =>
        new(403, new("LinkedAuthorizationFailed", $"The client '{principal}' with object id '{principal}' has permission to perform action '{action}' on scope '{scope}'; however, it does not have permission to perform action(s) '{linkedAction}' on the linked scope(s) '{linkedScope}'."));

    public static ArmException UnsupportedMediaType(string? type) =>
        new(415, new("UnsupportedMediaType", $"The media type '{type}' is not supported; send application/json."));

    public static ArmException EncodedBody(string encoding) =>
        new(415, new("UnsupportedMediaType", $"The content encoding '{encoding}' is not supported; send the body as it is."));

    public static ArmException BodyTooLarge(long limit) =>
        new(413, new("RequestContentTooLarge", $"The request body is larger than {(limit < 1024 * 1024 ? $"{limit / 1024} KiB" : $"{limit / 1024 / 1024} MiB")}."));

    public static ArmException BodyTooSlow(TimeSpan limit) =>
        new(408, new("RequestTimeout", $"The request body did not arrive within {limit.TotalSeconds:0} seconds."));

    public static ArmException NotJson(string why) =>
        new(400, new("InvalidRequestContent", $"The request content is not valid JSON: {why}"));

    public static ArmException Invalid(IReadOnlyList<ErrorBody> faults) => faults.Count == 1
        ? new(400, new("InvalidRequestContent", faults[0].Message, faults[0].Target, faults))
        : new(400, new("MultipleErrorsOccurred", $"The request has {faults.Count} errors; see details.", Details: faults));

    public static ArmException LocationChanged(ResourceId id, string current, string wanted) =>
        new(409, new("InvalidResourceLocation", $"The resource '{id.Name}' already exists in location '{current}'. A resource with the same name cannot be created in location '{wanted}'.", "location"));

    public static ArmException GroupDeleting(string group) =>
        new(409, new("ResourceGroupBeingDeleted", $"The resource group '{group}' is in deprovisioning state and cannot perform this operation."));

    public static ArmException OperationInProgress(ResourceId id, Guid operation) =>
        new(409, new("Conflict", $"Another operation of '{id.Text}' is in progress; wait for it to end, or cancel it, then try again.",
            Details: [new("OperationInProgress", $"The active operation is '{operation}'.", id.Text)]));

    public static ArmException ChangedMeanwhile(ResourceId id) =>
        new(409, new("Conflict", $"'{id.Text}' was changed by others while this request was being decided; read it again and repeat the request."), TimeSpan.FromSeconds(1));

    public static ArmException QuotaExceeded(AcceptOutcome.QuotaExceeded quota, string location) =>
        new(409, new("QuotaExceeded", $"The quota of family '{quota.Family}' in '{location}' is {quota.Limit}, of which {quota.Used} are used; this request needs {quota.Wanted} more. Ask for a higher limit or delete what is not needed.", "properties.skuFamily"));

    public static ArmException PreconditionFailed(string header, string value) =>
        new(412, new("PreconditionFailed", $"The condition '{header}: {value}' does not hold for the resource as it is now."));

    public static ArmException OperationEnded(string id, string status) =>
        new(409, new("OperationAlreadyEnded", $"The operation '{id}' has already ended as {status} and cannot be canceled."));

    public static ArmException InUse(ResourceId id, string referrer) =>
        new(409, new("ResourceInUse", $"'{id.Text}' cannot be deleted while '{referrer}' refers to it."));

    public static ArmException LinkedResourceGone() =>
        new(409, new("LinkedResourceNotFound", "A resource that the properties name was deleted while this request was being decided."));

    public static ArmException ActionRefused(ErrorBody error) => new(409, error);

    public static ArmException InvalidFilter(string filter, string why) =>
        new(400, new("InvalidFilterInQueryString", $"The filter '{filter}' is not supported: {why}", "$filter"));

    public static ArmException InvalidQuery(string parameter, string why) =>
        new(400, new("InvalidQueryParameterValue", $"The query parameter '{parameter}' {why}", parameter));

    public static ArmException Forbidden(string principal, string action, string scope) =>
        new(403, new("AuthorizationFailed", $"The client '{principal}' with object id '{principal}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."));

    public static ArmException Throttled(string why, TimeSpan wait) =>
        new(429, new("SubscriptionRequestsThrottled", $"{why} Please try again after '{(int)wait.TotalSeconds}' seconds; 'x-ms-ratelimit-remaining-*' tells beforehand."), wait);

    public static ArmException StoreUnavailable() =>
        new(503, new("ServiceUnavailable", "The store does not answer; nothing was changed by this request. Try again."), TimeSpan.FromSeconds(2));

    public static ArmException Internal(string requestId) =>
        new(500, new("InternalServerError", $"The request failed on our side; quote request id '{requestId}' when you report it."));

    private static string List(IEnumerable<string> items) => string.Join(", ", items);
}
