using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Contracts.Arm;
using Microsoft.Extensions.Primitives;

namespace ControlPlane.Api.Identity;

/// <summary>
/// The front door's question "who are you". Every path but the few that must be open needs a bearer token; a token that was judged good is remembered by its hash
/// until it expires, five minutes at the most, so that a request costs one SHA-256 and one look-up.
/// </summary>
internal sealed class BearerAuthentication(RequestDelegate next, TokenValidator validator, IdentitySettings settings, TimeProvider time)
{
    /// <summary>Characters of the longest token that is looked at.</summary>
    public const int LongestToken = 16 * 1024;

    private const string Scheme = "Bearer ";
    private const int RememberedTokens = 20_000;
    private static readonly TimeSpan RememberedFor = TimeSpan.FromMinutes(5);

    private readonly GenerationalCache<TokenHash, Remembered> remembered = new(RememberedTokens);

    public Task InvokeAsync(HttpContext http)
    {
        if (IsOpen(http.Request.Path))
            return next(http);

        if (!TryGetToken(http.Request.Headers.Authorization, out var token))
            return RefuseAsync(http, new("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing or is not of the form 'Bearer {access token}'."));
        if (token.Length > LongestToken)
            return RefuseAsync(http, new("InvalidAuthenticationToken", $"The access token is longer than {LongestToken} characters."));

        var hash = TokenHash.Of(token);
        if (!remembered.TryGet(hash, out var known) || known.Until <= time.GetUtcNow())
            return ValidateAsync(http, token.ToString(), hash);

        http.Features.Set(known.Principal);
        return next(http);
    }

    private async Task ValidateAsync(HttpContext http, string token, TokenHash hash)
    {
        var verdict = await validator.ValidateAsync(token, http.RequestAborted);
        if (verdict is not Verdict.Accepted accepted)
        {
            await RefuseAsync(http, (Verdict.Refused)verdict);
            return;
        }

        var latest = time.GetUtcNow() + RememberedFor;
        remembered.Set(hash, new(accepted.Principal, accepted.Until < latest ? accepted.Until : latest));
        http.Features.Set(accepted.Principal);
        await next(http);
    }

    /// <summary>Answers 401 the way Azure Resource Manager does; clients find the authority in <c>WWW-Authenticate</c>.</summary>
    private async Task RefuseAsync(HttpContext http, Verdict.Refused refused)
    {
        http.Response.StatusCode = StatusCodes.Status401Unauthorized;
        http.Response.Headers["x-ms-error-code"] = refused.Code;
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers.WWWAuthenticate =
            $"Bearer authorization_uri=\"{settings.EndpointOf(http.Request)}/{settings.TenantId}\", error=\"invalid_token\", error_description=\"{refused.Message}\"";
        await http.Response.WriteAsJsonAsync(new ErrorResponse(new(refused.Code, refused.Message)), Json.Options, http.RequestAborted);
    }

    /// <summary>Health, cloud metadata, the door of machines, whose addresses carry their own credential, and that of agents, who have certificates. The token service has answered before.</summary>
    private static bool IsOpen(PathString path) =>
        path.StartsWithSegments("/provision", StringComparison.Ordinal) || path.StartsWithSegments("/agent/v1", StringComparison.Ordinal)
        || path.Value is "/healthz" or "/readyz" or CloudMetadata.Path or CloudMetadata.Path + "/";

    private static bool TryGetToken(StringValues header, out ReadOnlySpan<char> token)
    {
        token = default;
        if (header.Count != 1 || header[0] is not { } value || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            return false;
        token = value.AsSpan(Scheme.Length).Trim();
        return !token.IsEmpty;
    }

    private sealed record Remembered(Principal Principal, DateTimeOffset Until);

    /// <summary>The SHA-256 of a token: the cache holds nothing that could be presented.</summary>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct TokenHash(ulong A, ulong B, ulong C, ulong D)
    {
        public static TokenHash Of(ReadOnlySpan<char> token)
        {
            var size = Encoding.UTF8.GetMaxByteCount(token.Length);
            var rented = ArrayPool<byte>.Shared.Rent(size);
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(rented.AsSpan(0, Encoding.UTF8.GetBytes(token, rented)), hash);
            ArrayPool<byte>.Shared.Return(rented, clearArray: false);
            var words = MemoryMarshal.Cast<byte, ulong>(hash);
            return new(words[0], words[1], words[2], words[3]);
        }

        public override int GetHashCode() => A.GetHashCode();
    }
}
