namespace ControlPlane.Sdk;

/// <summary>Who asks, and how that is proved to the token service.</summary>
/// <param name="TenantId">The directory.</param>
public abstract record ArmCredential(string TenantId)
{
    /// <summary>An access token.</summary>
    /// <param name="tokens">Who gives it.</param>
    /// <param name="refused">One that was refused although it has not expired; null when there is none.</param>
    /// <param name="cancel">Ends the request.</param>
    public abstract Task<TokenAnswer> RequestAsync(TokenService tokens, string? refused, CancellationToken cancel);
}

/// <summary>A client registered with the control plane's token service (OAuth 2.0 client credentials).</summary>
/// <param name="TenantId">The directory.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Secret">Its secret.</param>
public sealed record ClientCredential(string TenantId, string ClientId, string Secret) : ArmCredential(TenantId)
{
    /// <inheritdoc/>
    public override Task<TokenAnswer> RequestAsync(TokenService tokens, string? refused, CancellationToken cancel) => tokens.RequestAsync(
        new Dictionary<string, string>(StringComparer.Ordinal) { ["grant_type"] = "client_credentials", ["client_id"] = ClientId, ["client_secret"] = Secret }, cancel);
}

/// <summary>A workload that its own platform vouches for: the platform writes a token into a file, and another one before that expires (RFC 7523).</summary>
/// <param name="TenantId">The directory.</param>
/// <param name="ClientId">The client that the workload acts as.</param>
/// <param name="TokenFile">Read anew each time.</param>
public sealed record FederatedCredential(string TenantId, string ClientId, string TokenFile) : ArmCredential(TenantId)
{
    /// <inheritdoc/>
    public override async Task<TokenAnswer> RequestAsync(TokenService tokens, string? refused, CancellationToken cancel)
    {
        string assertion;
        try
        {
            assertion = (await File.ReadAllTextAsync(TokenFile, cancel)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArmConfigurationException($"cannot read the token in {TokenFile}: {e.Message}");
        }

        return await tokens.RequestAsync(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = ClientId,
            ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ["client_assertion"] = assertion,
        }, cancel);
    }
}
