using System.Security.Cryptography;
using System.Text;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Authorization;
using ControlPlane.Persistence;
using ControlPlane.Persistence.Arm;
using ControlPlane.Persistence.Identity;
using Microsoft.EntityFrameworkCore;
using OpenIddict.EntityFrameworkCore.Models;

namespace ControlPlane.Api.Identity;

/// <summary>Makes what must be there from the first start: the public clients that everybody uses, and what the settings name, the first application with its secret and what it owns.</summary>
internal sealed class Bootstrap(ControlPlaneDb db, IdentitySettings settings, TimeProvider time)
{
    /// <summary>Any number that nothing else in the database locks.</summary>
    private const long BootstrapLock = 0x424F4F5453545250;

    public async Task RunAsync(CancellationToken cancel)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        await db.Database.ExecuteSqlAsync($"select pg_advisory_xact_lock({BootstrapLock})", cancel);
        foreach (var (clientId, name, registration) in WellKnownClients.All(settings, time.GetUtcNow()))
            await EnsureClientAsync(clientId, name, registration, cancel);
        if (settings.Bootstrap is { } wanted)
        {
            await EnsureApplicationAsync(wanted, cancel);
            var objectId = await EnsurePrincipalAsync(wanted, cancel);
            await EnsureOwnerAsync(objectId, cancel);
        }

        await db.SaveChangesAsync(cancel);
        await transaction.CommitAsync(cancel);
    }

    private async Task EnsureClientAsync(string clientId, string name, Registration registration, CancellationToken cancel)
    {
        if (await FindAsync(clientId, cancel) is not { } existing)
            db.Add(existing = new() { ClientId = clientId, DisplayName = name });
        else if (existing.RedirectUris == Json.Write(registration.Web.Concat(registration.Spa).Concat(registration.PublicClient)))
            return;
        registration.ApplyTo(existing);
    }

    /// <summary>The configuration is the truth about the secret: changing it there changes it.</summary>
    private async Task EnsureApplicationAsync(BootstrapSettings wanted, CancellationToken cancel)
    {
        if (await FindAsync(wanted.ClientId, cancel) is not { } existing)
        {
            db.Add(existing = new() { ClientId = wanted.ClientId, DisplayName = "bootstrap" });
            new Registration { CreatedAt = time.GetUtcNow() }.ApplyTo(existing);
        }

        if (!Passwords.Verify(existing.ClientSecret, wanted.ClientSecret))
            existing.ClientSecret = Passwords.Hash(wanted.ClientSecret);
    }

    private Task<OpenIddictEntityFrameworkCoreApplication?> FindAsync(string clientId, CancellationToken cancel) =>
        db.Set<OpenIddictEntityFrameworkCoreApplication>().FirstOrDefaultAsync(application => application.ClientId == clientId, cancel);

    private async Task<string> EnsurePrincipalAsync(BootstrapSettings wanted, CancellationToken cancel)
    {
        if (await db.Set<ServicePrincipalRow>().FirstOrDefaultAsync(row => row.AppId == wanted.ClientId, cancel) is { } existing)
            return existing.ObjectId;

        var principal = new ServicePrincipalRow { ObjectId = IdOf(wanted.ClientId), AppId = wanted.ClientId, DisplayName = "bootstrap", CreatedAt = time.GetUtcNow() };
        db.Add(principal);
        await db.SaveChangesAsync(cancel);
        return principal.ObjectId;
    }

    /// <summary>Whoever installs the control plane may do everything in it, until that assignment is deleted.</summary>
    private async Task EnsureOwnerAsync(string objectId, CancellationToken cancel)
    {
        var assignment = new RoleAssignment { RoleDefinitionId = ResourceId.Below(scope: null, RoleDefinition.Type, [BuiltInRoles.Owner]).Text, PrincipalId = objectId, PrincipalType = "ServicePrincipal", Description = "Made at installation." };
        var id = ResourceId.Below(scope: null, RoleAssignment.Type, [IdOf($"{objectId}/Owner")]);
        if (await db.Resources.AnyAsync(row => row.Key == id.Key, cancel))
            return;
        db.Add(new ResourceRow
        {
            Key = id.Key, Id = id.Text, Type = RoleAssignment.Type.ToString(), Name = id.Name, Subscription = "", Tags = "{}", UniqueKey = RoleAssignment.UniqueKey(id, assignment),
            Properties = Json.Write(assignment), Status = Json.Write(RoleAssignment.OnStored(id, assignment, new())), State = ProvisioningState.Succeeded, Version = 1,
            CreatedAt = time.GetUtcNow(), CreatedBy = "bootstrap", CreatedByType = "Application", ModifiedAt = time.GetUtcNow(), ModifiedBy = "bootstrap", ModifiedByType = "Application",
        });
        await db.SaveChangesAsync(cancel);
    }

    /// <summary>The same on every installation with this tenant and client, so that scripts can know it beforehand (a UUID of version 8, RFC 9562).</summary>
    private string IdOf(string name)
    {
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes($"{settings.TenantId}/{name}")).AsSpan(0, 16);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString("D");
    }
}
