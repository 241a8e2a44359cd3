using System.Security.Cryptography;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;

namespace ControlPlane.Api.Identity;

/// <summary>A signing key, ready for use.</summary>
internal sealed record SigningKey(string Kid, DateTimeOffset SignsFrom, RsaSecurityKey Key)
{
    /// <summary>
    /// RS256: of the algorithms that every client and API server can verify it is the one that verifies fastest, and verifying is what happens most.
    /// </summary>
    public const string Algorithm = SecurityAlgorithms.RsaSha256;
}

/// <summary>The signing keys in PostgreSQL, the private parts sealed under the key-encryption key. Who rotates holds an advisory lock, so that replicas make one key between them.</summary>
internal sealed class SigningKeyStore(IDbContextFactory<ControlPlaneDb> databases, SecretBox secrets, IdentitySettings settings)
{
    /// <summary>Any number that nothing else in the database locks.</summary>
    private const long RotationLock = 0x5349474E4B455953;

    /// <summary>Reads the keys in the order in which they sign, and makes or drops some if the schedule says so. Those already known are not opened again.</summary>
    public async Task<IReadOnlyList<SigningKey>> LoadAsync(IReadOnlyList<SigningKey> known, DateTimeOffset now, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var rows = await db.Set<SigningKeyRow>().AsNoTracking().ToListAsync(cancel);
        if (IsDue(rows, now))
            rows = await RotateAsync(db, now, cancel);
        return [.. rows.OrderBy(row => row.SignsFrom).Select(row => known.FirstOrDefault(key => key.Kid == row.Kid) ?? Open(row))];
    }

    private bool IsDue(List<SigningKeyRow> rows, DateTimeOffset now)
    {
        var schedule = Schedule(rows);
        return SigningKeySchedule.NextSignsFrom(schedule, now, settings) is not null || SigningKeySchedule.Retired(schedule, now).Any();
    }

    private async Task<List<SigningKeyRow>> RotateAsync(ControlPlaneDb db, DateTimeOffset now, CancellationToken cancel)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        await db.Database.ExecuteSqlAsync($"select pg_advisory_xact_lock({RotationLock})", cancel);
        var rows = await db.Set<SigningKeyRow>().ToListAsync(cancel);
        var schedule = Schedule(rows);

        foreach (var kid in SigningKeySchedule.Retired(schedule, now))
            db.Remove(rows.Single(row => row.Kid == kid));
        if (SigningKeySchedule.NextSignsFrom(schedule, now, settings) is { } signsFrom)
            db.Add(Make(now, signsFrom));
        await db.SaveChangesAsync(cancel);
        await transaction.CommitAsync(cancel);

        return await db.Set<SigningKeyRow>().AsNoTracking().ToListAsync(cancel);
    }

    private SigningKeyRow Make(DateTimeOffset now, DateTimeOffset signsFrom)
    {
        using var rsa = RSA.Create(2048);
        var kid = Base64UrlEncoder.Encode(new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: false)).ComputeJwkThumbprint());
        var sealedKey = secrets.Seal(SigningKeyRow.Place(kid), Convert.ToBase64String(rsa.ExportPkcs8PrivateKey()));
        return new()
        {
            Kid = kid,
            CreatedAt = now,
            SignsFrom = signsFrom,
            Ciphertext = sealedKey.Ciphertext,
            WrappedKey = sealedKey.WrappedKey,
            KeyVersion = sealedKey.KeyVersion,
        };
    }

    private SigningKey Open(SigningKeyRow row)
    {
        var pkcs8 = Convert.FromBase64String(secrets.Open(SigningKeyRow.Place(row.Kid), new(row.Ciphertext, row.WrappedKey, row.KeyVersion)));
        using var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(pkcs8, out _);
        CryptographicOperations.ZeroMemory(pkcs8);
        return new(row.Kid, row.SignsFrom, new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: true)) { KeyId = row.Kid });
    }

    private static List<ScheduledKey> Schedule(List<SigningKeyRow> rows) => [.. rows.Select(row => new ScheduledKey(row.Kid, row.SignsFrom))];
}
