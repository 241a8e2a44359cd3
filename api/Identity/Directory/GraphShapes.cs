using System.Text.Json.Serialization;

namespace ControlPlane.Api.Identity.Directory;

/// <summary>What Microsoft Graph calls a directoryObject: a user, a group or a service principal.</summary>
[JsonDerivedType(typeof(GraphUser)), JsonDerivedType(typeof(GraphGroup)), JsonDerivedType(typeof(GraphServicePrincipal))]
internal abstract record GraphObject([property: JsonPropertyName("@odata.type")] string OdataType, string Id, string DisplayName, DateTimeOffset CreatedDateTime);

internal sealed record GraphUser(string Id, string DisplayName, DateTimeOffset CreatedDateTime, string UserPrincipalName, bool AccountEnabled)
    : GraphObject("#microsoft.graph.user", Id, DisplayName, CreatedDateTime);

internal sealed record GraphGroup(string Id, string DisplayName, DateTimeOffset CreatedDateTime, string? Description)
    : GraphObject("#microsoft.graph.group", Id, DisplayName, CreatedDateTime)
{
    public bool SecurityEnabled { get; } = true;
    public bool MailEnabled { get; }
    public IReadOnlyList<string> GroupTypes { get; } = [];
}

internal sealed record GraphServicePrincipal(string Id, string DisplayName, DateTimeOffset CreatedDateTime, string AppId, bool AccountEnabled)
    : GraphObject("#microsoft.graph.servicePrincipal", Id, DisplayName, CreatedDateTime)
{
    public string ServicePrincipalType { get; } = "Application";
    public IReadOnlyList<string> ServicePrincipalNames => [AppId];
}

/// <summary>An application; its secrets are shown by their first characters only.</summary>
internal sealed record GraphApplication(
    string Id, string AppId, string DisplayName, DateTimeOffset CreatedDateTime, bool IsFallbackPublicClient, RedirectUris Web, RedirectUris Spa, RedirectUris PublicClient,
    IReadOnlyList<PasswordCredential> PasswordCredentials, IReadOnlyList<KeyCredential> KeyCredentials)
{
    public string SignInAudience { get; } = "AzureADMyOrg";
}

internal sealed record RedirectUris([property: JsonPropertyName("redirectUris")] IReadOnlyList<string>? Addresses);

/// <summary>A secret; the text only in the answer that made it.</summary>
internal sealed record PasswordCredential(string? KeyId, string? DisplayName, string? Hint, DateTimeOffset? StartDateTime, DateTimeOffset? EndDateTime, string? SecretText = null);

/// <summary>A certificate; <c>key</c> is the DER in base64 and only read.</summary>
internal sealed record KeyCredential(string? KeyId, string? DisplayName, string? Type, string? Usage, string? CustomKeyIdentifier, DateTimeOffset? StartDateTime, DateTimeOffset? EndDateTime, string? Key = null);

internal sealed record FederatedIdentityCredential(string? Id, string? Name, string? Issuer, string? Subject, IReadOnlyList<string>? Audiences, string? Description);

/// <summary>A page of a list (OData 4.0).</summary>
internal sealed record GraphPage<T>(
    [property: JsonPropertyName("@odata.context")] string Context, [property: JsonPropertyName("@odata.nextLink")] string? NextLink, IReadOnlyList<T> Value);

/// <summary>POST or PATCH of an application; what is left out stays as it is.</summary>
internal sealed record ApplicationBody(
    string? DisplayName, string? SignInAudience, bool? IsFallbackPublicClient, RedirectUris? Web, RedirectUris? Spa, RedirectUris? PublicClient, IReadOnlyList<KeyCredential>? KeyCredentials);

internal sealed record AddPasswordBody(PasswordCredential? PasswordCredential);

internal sealed record RemovePasswordBody
{
    public required string KeyId { get; init; }
}

internal sealed record ServicePrincipalBody(string? AppId, string? DisplayName, bool? AccountEnabled);

internal sealed record UserBody(string? DisplayName, string? UserPrincipalName, string? MailNickname, bool? AccountEnabled, PasswordProfile? PasswordProfile);

internal sealed record PasswordProfile
{
    public required string Password { get; init; }
    public bool? ForceChangePasswordNextSignIn { get; init; }
}

internal sealed record GroupBody(string? DisplayName, string? Description, string? MailNickname, bool? MailEnabled, bool? SecurityEnabled, IReadOnlyList<string>? GroupTypes);

internal sealed record Reference
{
    [JsonPropertyName("@odata.id")]
    public required string OdataId { get; init; }
}
