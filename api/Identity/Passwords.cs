using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace ControlPlane.Api.Identity;

/// <summary>Hashes what people choose: PBKDF2 with HMAC-SHA-512, as many rounds as OWASP asks for.</summary>
internal static class Passwords
{
    public const int Shortest = 8;
    public const int Longest = 256;

    private static readonly object Nobody = new();

    private static readonly PasswordHasher<object> Hasher = new(Options.Create(new PasswordHasherOptions { IterationCount = 210_000 }));

    /// <summary>What a guess at somebody who does not exist, or has no password, is compared with.</summary>
    private static readonly string Decoy = Hash(Guid.NewGuid().ToString());

    public static string Hash(string password) => Hasher.HashPassword(Nobody, password);

    /// <summary>Takes the same time whether there is a hash or not.</summary>
    public static bool Verify(string? hash, string password) =>
        Hasher.VerifyHashedPassword(Nobody, hash ?? Decoy, password) is not PasswordVerificationResult.Failed && hash is not null;
}
