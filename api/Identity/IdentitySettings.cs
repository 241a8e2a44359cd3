namespace ControlPlane.Api.Identity;

/// <summary>Whose tenant this is and where it is reached; read once from the configuration section <c>Identity</c>.</summary>
internal sealed record IdentitySettings
{
    /// <summary>How long an access token is valid. Not configurable: the retirement of signing keys and the caches rely on it.</summary>
    public static readonly TimeSpan TokenLifetime = TimeSpan.FromHours(1);

    /// <summary>The directory, a GUID in lower case (<c>Identity:TenantId</c>).</summary>
    public required string TenantId { get; init; }

    /// <summary>
    /// The addresses of the front door, such as <c>https://plane.example:8443</c> (<c>Identity:Endpoints</c>). They are what tokens may be issued by and for. Without
    /// any, every https address of the loopback interface is one.
    /// </summary>
    public IReadOnlyList<string> Endpoints { get; init; } = [];

    /// <summary>Other names of the front door that clients built for Azure ask tokens for (<c>Identity:Audiences</c>).</summary>
    public IReadOnlyList<string> Audiences { get; init; } = ["https://management.azure.com", "https://management.core.windows.net"];

    /// <summary>How long a signing key signs before the next one does (<c>Identity:SigningKeys:Lifetime</c>, 30 days).</summary>
    public TimeSpan KeyLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long a signing key is published before it signs (<c>Identity:SigningKeys:PublishAhead</c>, one day).</summary>
    public TimeSpan KeyPublishAhead { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Other token services whose tokens open the front door too (<c>Identity:Authorities</c>).</summary>
    public IReadOnlyList<ExternalAuthority> Authorities { get; init; } = [];

    /// <summary>Certificate authorities, beside those of the system, that vouch for other issuers (<c>Identity:IssuerCaFile</c>, PEM); null when there are none.</summary>
    public string? IssuerCaFile { get; init; }

    /// <summary>Where the portal receives codes (<c>Identity:Portal:RedirectUris</c>); without any nobody signs in to a portal.</summary>
    public IReadOnlyList<string> PortalRedirectUris { get; init; } = [];

    /// <summary>The first application and what it owns; null when there is nothing to bootstrap.</summary>
    public BootstrapSettings? Bootstrap { get; init; }

    public static IdentitySettings From(IConfiguration configuration)
    {
        var section = configuration.GetSection("Identity");
        if (!Guid.TryParse(section["TenantId"], out var tenant))
            throw new InvalidOperationException("Identity:TenantId is not set to a GUID; it names the directory of this control plane, for example 7f6d3c0a-5c1e-4c55-9d0e-2b8f0e3a9c11.");

        var defaults = new IdentitySettings { TenantId = tenant.ToString("D") };
        var settings = defaults with
        {
            Endpoints = Addresses(section, "Endpoints", defaults.Endpoints),
            Audiences = Addresses(section, "Audiences", defaults.Audiences),
            KeyLifetime = section.GetValue("SigningKeys:Lifetime", defaults.KeyLifetime),
            KeyPublishAhead = section.GetValue("SigningKeys:PublishAhead", defaults.KeyPublishAhead),
            Authorities = [.. section.GetSection("Authorities").GetChildren().Select(ExternalAuthority.From)],
            IssuerCaFile = section["IssuerCaFile"],
            PortalRedirectUris = RedirectUris(section.GetSection("Portal:RedirectUris")),
            Bootstrap = BootstrapSettings.From(section.GetSection("Bootstrap")),
        };
        if (settings.KeyPublishAhead < TimeSpan.FromMinutes(5) || settings.KeyLifetime <= settings.KeyPublishAhead)
            throw new InvalidOperationException("Identity:SigningKeys needs PublishAhead of at least 00:05:00, so that every replica has read a key before it signs, and a Lifetime longer than that.");
        if (settings.Authorities.FirstOrDefault(authority => settings.IsIssuer(authority.Issuer)) is { } own)
            throw new InvalidOperationException($"Identity:Authorities holds '{own.Issuer}', which is this control plane itself; its own tokens need no entry.");
        return settings;
    }

    /// <summary>The scheme, host and port under which the client reached us, if that is an address of ours; otherwise the first configured one.</summary>
    public string EndpointOf(HttpRequest request)
    {
        var asked = $"{request.Scheme}://{request.Host.Value}";
        return Endpoints.Count == 0 || IsEndpoint(asked) ? asked : Endpoints[0];
    }

    /// <summary>Whether a token for this resource is a token for the front door.</summary>
    public bool IsAudience(string resource) => Audiences.Contains(resource, StringComparer.OrdinalIgnoreCase) || IsEndpoint(resource);

    /// <summary>Whether this is the issuer of a token of ours: an address of the front door followed by the path of one of its three authorities.</summary>
    public bool IsIssuer(string issuer) =>
        Authority.All(TenantId).FirstOrDefault(authority => issuer.EndsWith(authority.Path, StringComparison.OrdinalIgnoreCase)) is { } authority
        && IsEndpoint(issuer[..^authority.Path.Length]);

    /// <summary>A resource or address without its closing slashes, the form in which they are compared.</summary>
    public static string Canonical(string address) => address.TrimEnd('/');

    private bool IsEndpoint(string address) =>
        Endpoints.Count > 0
            ? Endpoints.Contains(address, StringComparer.OrdinalIgnoreCase)
            : Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri is { IsLoopback: true, PathAndQuery: "/", Fragment: "", UserInfo: "" } && uri.Scheme == Uri.UriSchemeHttps;

    /// <summary>To the letter, as they are compared.</summary>
    private static string[] RedirectUris(IConfigurationSection section)
    {
        var addresses = section.Get<string[]>() ?? [];
        return Array.Find(addresses, address => !Uri.TryCreate(address, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && !(uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback))) is { } wrong
            ? throw new InvalidOperationException($"{section.Path} holds '{wrong}'; every entry must be an https address, or an http one of the loopback interface, such as https://portal.example/signin-oidc.")
            : addresses;
    }

    private static IReadOnlyList<string> Addresses(IConfigurationSection section, string name, IReadOnlyList<string> otherwise)
    {
        if (section.GetSection(name).Get<string[]>() is not { Length: > 0 } addresses)
            return otherwise;
        if (Array.Find(addresses, address => !Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps) is { } wrong)
            throw new InvalidOperationException($"{section.Path}:{name} holds '{wrong}'; every entry must be an https address, such as https://plane.example:8443.");
        return [.. addresses.Select(Canonical)];
    }
}

/// <summary>The application that exists from the first start, and the subscription it owns.</summary>
internal sealed record BootstrapSettings(string ClientId, string ClientSecret, string SubscriptionId)
{
    public static BootstrapSettings? From(IConfigurationSection section)
    {
        if (!section.Exists())
            return null;
        return new(Required("ClientId"), Required("ClientSecret"), Required("SubscriptionId"));

        string Required(string name) =>
            section[name] is { Length: > 0 } value ? value : throw new InvalidOperationException($"Identity:Bootstrap:{name} is not set, although other settings of Identity:Bootstrap are.");
    }
}

/// <summary>A token service that is trusted beside our own, such as a tenant of Microsoft Entra ID or a realm of Keycloak.</summary>
internal sealed record ExternalAuthority
{
    public required string Name { get; init; }

    /// <summary>The <c>iss</c> of its tokens, to the letter.</summary>
    public required string Issuer { get; init; }

    /// <summary>The <c>aud</c> values that mean this control plane; never the client id of an application, whose id tokens would pass for access tokens.</summary>
    public required IReadOnlyList<string> Audiences { get; init; }

    /// <summary>Where its keys are; null to find them by discovery.</summary>
    public Uri? JwksUri { get; init; }

    /// <summary>What <c>tid</c> must be; null when its tokens have none.</summary>
    public string? TenantId { get; init; }

    /// <summary>The claim with the principal's object id; null for <c>oid</c>, else <c>sub</c>.</summary>
    public string? ObjectIdClaim { get; init; }

    public static ExternalAuthority From(IConfigurationSection section)
    {
        var issuer = Https(section["Issuer"], "Issuer");
        if (section.GetSection("Audiences").Get<string[]>() is not { Length: > 0 } audiences || Array.Exists(audiences, string.IsNullOrWhiteSpace))
            throw new InvalidOperationException($"{section.Path}:Audiences is not set; it lists the aud values of tokens that are meant for this control plane.");
        return new()
        {
            Name = section["Name"] ?? issuer,
            Issuer = issuer,
            Audiences = audiences,
            JwksUri = section["JwksUri"] is { Length: > 0 } keys ? new Uri(Https(keys, "JwksUri")) : null,
            TenantId = section["TenantId"],
            ObjectIdClaim = section["ObjectIdClaim"],
        };

        string Https(string? value, string name) => Uri.TryCreate(value, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps
            ? value!
            : throw new InvalidOperationException($"{section.Path}:{name} is '{value}'; it must be an https address.");
    }
}
