using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ControlPlane.Api.Arm;
using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.BareMetal;
using ControlPlane.Persistence;
using ControlPlane.Persistence.BareMetal;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Api.BareMetal;

/// <summary>
/// Where machines that are being provisioned report and ask (<c>docs/provisioning.md</c>). The one-time token in the path is the only credential. The door records
/// observations and wakes the operation; it changes nobody's state.
/// </summary>
internal sealed class ProvisioningDoor(IDbContextFactory<ControlPlaneDb> databases, NpgsqlDataSource source, SecretBox secrets, OperationHints hints)
{
    private const long BodyLimit = 256 * 1024;

    public static void Map(IEndpointRouteBuilder app)
    {
        var door = app.ServiceProvider.GetRequiredService<ProvisioningDoor>();
        var provision = app.MapGroup("/provision/{token}");
        provision.MapMethods("/boot.efi", ["GET", "HEAD"], http => door.BootAsync(http, "boot.efi"));
        provision.MapMethods("/boot.iso", ["GET", "HEAD"], http => door.BootAsync(http, "boot.iso"));
        provision.MapPost("/hello", door.HelloAsync);
        provision.MapPost("/inventory", door.InventoryAsync);
        provision.MapGet("/instructions", door.InstructionsAsync);
        provision.MapPost("/wipe-started", door.WipeStartedAsync);
        provision.MapPost("/progress", door.ProgressAsync);
        provision.MapPost("/wiped", door.WipedAsync);
        provision.MapPost("/written", door.WrittenAsync);
        provision.MapPost("/join-credentials", door.JoinCredentialsAsync);
        provision.MapPost("/done", door.DoneAsync);
        provision.MapPost("/failed", door.FailedAsync);
        app.MapGet("/provision/pxe/{mac}/boot.ipxe", door.PxeAsync);
    }

    private async Task BootAsync(HttpContext http, string file)
    {
        await FindAsync(http);
        var path = Path.Combine(http.RequestServices.GetRequiredService<IConfiguration>()["Provisioning:ArtifactsPath"] ?? "artifacts", file);
        if (!File.Exists(path))
            throw new ArmException(503, new("BootArtefactMissing", $"{file} is not in Provisioning:ArtifactsPath."), TimeSpan.FromSeconds(5));
        await Results.File(Path.GetFullPath(path), "application/octet-stream", enableRangeProcessing: true).ExecuteAsync(http);
    }

    private async Task HelloAsync(HttpContext http)
    {
        var attempt = await FindAsync(http);
        var hello = await ReadAsync<Hello>(http);
        var same = Same(hello.Mac, attempt.Mac) && (attempt.Serial.Length == 0 || Same(hello.Serial, attempt.Serial)) && (attempt.Uuid is null || Same(hello.Uuid, attempt.Uuid));
        if (!same)
        {
            await FailAsync(attempt, new("MachineIdentityMismatch", $"Another machine than the inspected one booted with this attempt's address: it says serial number '{hello.Serial}', inspection saw '{attempt.Serial}'."), http.RequestAborted);
            throw new ArmException(403, new("MachineIdentityMismatch", "This token belongs to another machine."));
        }

        await MarkAsync(attempt, "hello_at", http.RequestAborted);
        await AnswerAsync(http, new { attempt = attempt.Id, machine = attempt.ResourceId });
    }

    private async Task InventoryAsync(HttpContext http)
    {
        var attempt = await FindAsync(http);
        var inventory = await ReadAsync<AgentInventory>(http);
        if (inventory.Disks is null || inventory.Disks.Any(disk => disk?.Supports is null))
            throw ArmErrors.NotJson("disks must be an array of disks.");
        if (attempt.Instructions is null)
        {
            var (instructions, refusal) = DiskPlanning.Decide(Json.Read<DiskPlan>(attempt.Plan), inventory.Disks, attempt.Permit);
            if (refusal is not null)
            {
                await FailAsync(attempt, refusal with { AdditionalInfo = [new("Disks", Json.Element(inventory.Disks))] }, http.RequestAborted);
                throw new ArmException(409, refusal);
            }

            await using var db = await databases.CreateDbContextAsync(http.RequestAborted);
            var document = Json.Write(instructions);
            await db.Set<AttemptRow>().Where(row => row.Id == attempt.Id && row.Instructions == null)
                .ExecuteUpdateAsync(row => row.SetProperty(r => r.Instructions, document), http.RequestAborted);
        }

        await BeatAsync(attempt, http.RequestAborted);
        http.Response.StatusCode = 204;
    }

    /// <summary>The destructive document once, until its permit is consumed; from then on there is nothing to do but to boot from disk.</summary>
    private async Task InstructionsAsync(HttpContext http)
    {
        var attempt = await FindAsync(http);
        if (attempt.PermitConsumedAt is not null)
            await AnswerAsync(http, new ProvisioningInstructions { Action = "none" });
        else if (attempt.Instructions is { } instructions)
            await AnswerAsync(http, Json.Read<ProvisioningInstructions>(instructions));
        else
            throw new ArmException(409, new("InventoryRequired", "POST inventory first: instructions name disks."));
    }

    private async Task WipeStartedAsync(HttpContext http)
    {
        var attempt = await FindAsync(http);
        var permit = await ReadAsync<PermitUse>(http);
        if (permit.Permit != attempt.Permit || attempt.Instructions is null)
            throw new ArmException(403, new("PermitUnknown", "The permit does not belong to this attempt."));
        if (!await MarkAsync(attempt, "permit_consumed_at", http.RequestAborted))
            throw new ArmException(409, new("PermitConsumed", "The permit of this attempt was used before; nothing may be wiped with it again."));
        http.Response.StatusCode = 204;
    }

    private async Task ProgressAsync(HttpContext http)
    {
        var attempt = await FindAsync(http, ended: "AttemptEnded");
        var progress = await ReadAsync<AgentProgress>(http);
        await using var db = await databases.CreateDbContextAsync(http.RequestAborted);
        await db.Database.ExecuteSqlAsync($"""
            update provisioning_attempts set heartbeat_at = now(), seq = {progress.Seq}, percent = {Math.Clamp(progress.Percent, 0, 100)}, message = {Short(progress.Message)},
                progress_at = case when phase is distinct from {Short(progress.Phase)} or percent is distinct from {Math.Clamp(progress.Percent, 0, 100)} then now() else progress_at end,
                phase = {Short(progress.Phase)}
            where id = {attempt.Id} and seq < {progress.Seq} and ended_at is null
            """, http.RequestAborted);
        http.Response.StatusCode = 204;
    }

    private async Task WipedAsync(HttpContext http)
    {
        var attempt = await FindAsync(http, ended: "AttemptEnded");
        var report = await ReadAsync<WipedReport>(http);
        if (report.Disks is null || report.Disks.Any(disk => disk?.Serial is null))
            throw ArmErrors.NotJson("disks must be an array of {serial, method}.");
        if (attempt.PermitConsumedAt is null)
            throw new ArmException(409, new("PermitRequired", "POST wipe-started first."));
        if (DiskPlanning.Shortfall(Json.Read<ProvisioningInstructions>(attempt.Instructions!).Wipe!, report.Disks) is { } shortfall)
        {
            await FailAsync(attempt, shortfall, http.RequestAborted);
            throw new ArmException(409, shortfall);
        }

        await using (var db = await databases.CreateDbContextAsync(http.RequestAborted))
        {
            var disks = Json.Write(report.Disks);
            await db.Set<AttemptRow>().Where(row => row.Id == attempt.Id && row.WipedDisks == null).ExecuteUpdateAsync(row => row.SetProperty(r => r.WipedDisks, disks), http.RequestAborted);
        }

        await MarkAsync(attempt, "wiped_at", http.RequestAborted);
        http.Response.StatusCode = 204;
    }

    private async Task WrittenAsync(HttpContext http)
    {
        var attempt = await FindAsync(http, ended: "AttemptEnded");
        var report = await ReadAsync<WrittenReport>(http);
        var image = Json.Read<DiskPlan>(attempt.Plan).Image;
        if (attempt.WipedAt is null || image is null)
            throw new ArmException(409, new("WipeRequired", "POST wiped first."));
        if (!image.Sha256.Equals(report.Sha256, StringComparison.OrdinalIgnoreCase))
        {
            var mismatch = new ErrorBody("ImageChecksumMismatch", $"The image that was written has sha256 {report.Sha256}, the osImage says {image.Sha256}.");
            await FailAsync(attempt, mismatch, http.RequestAborted);
            throw new ArmException(409, mismatch with { Code = "ChecksumMismatch" });
        }

        await MarkAsync(attempt, "written_at", http.RequestAborted);
        http.Response.StatusCode = 204;
    }

    /// <summary>503 until the worker has made the credentials; then once.</summary>
    private async Task JoinCredentialsAsync(HttpContext http)
    {
        var attempt = await FindAsync(http, ended: "AttemptEnded");
        if (attempt.WrittenAt is null)
            throw new ArmException(409, new("ImageRequired", "POST written first."));
        await BeatAsync(attempt, http.RequestAborted);
        if (attempt.JoinCiphertext is null)
            throw new ArmException(503, new("JoinCredentialsPending", "The cluster is being asked for a bootstrap token; ask again."), TimeSpan.FromSeconds(1));
        if (!await MarkAsync(attempt, "join_consumed_at", http.RequestAborted))
            throw new ArmException(409, new("JoinCredentialsConsumed", "The join credentials of this attempt were handed out before."));
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        await http.Response.WriteAsync(secrets.Open(AttemptRow.JoinPlace(attempt.Id), new(attempt.JoinCiphertext, attempt.JoinWrappedKey!, attempt.JoinKeyVersion!)), http.RequestAborted);
    }

    private async Task DoneAsync(HttpContext http)
    {
        var attempt = await FindAsync(http, ended: "AttemptEnded");
        if (attempt.WipedAt is null)
            throw new ArmException(409, new("WipeRequired", "POST wiped first."));
        await MarkAsync(attempt, "done_at", http.RequestAborted);
        http.Response.StatusCode = 204;
    }

    private async Task FailedAsync(HttpContext http)
    {
        var attempt = await FindAsync(http, ended: "AttemptEnded");
        var failure = await ReadAsync<AgentFailure>(http);
        await FailAsync(attempt, new(Short(failure.Code) ?? "AgentFailed", Short(failure.Message) ?? "The agent gave up without a reason.",
            AdditionalInfo: failure.Evidence.ValueKind is JsonValueKind.Object ? [new("AgentEvidence", failure.Evidence)] : null), http.RequestAborted);
        http.Response.StatusCode = 204;
    }

    /// <summary>First look-up wins, for at most ten minutes: a MAC address alone proves little.</summary>
    private async Task PxeAsync(HttpContext http)
    {
        var mac = ((string)http.Request.RouteValues["mac"]!).ToLowerInvariant().Replace('-', ':');
        await using var db = await databases.CreateDbContextAsync(http.RequestAborted);
        var found = await db.Set<AttemptRow>().FromSql($"""
            update provisioning_attempts a set phase = 'booting' from operations o
            where a.mac = {mac} and a.boot_method = 'Pxe' and a.phase is null and a.ended_at is null and a.created_at > now() - interval '10 minutes' and o.id = a.operation_id and o.ended_at is null
            returning a.*
            """).AsNoTracking().ToListAsync(http.RequestAborted);
        if (found is not [var attempt])
            throw ArmErrors.RouteNotFound(http.Request.Path);
        var token = secrets.Open(AttemptRow.TokenPlace(attempt.Id), new(attempt.TokenCiphertext, attempt.TokenWrappedKey, attempt.TokenKeyVersion));
        http.Response.ContentType = "text/plain; charset=utf-8";
        await http.Response.WriteAsync($"#!ipxe\nchain {http.BaseAddress()}/provision/{token}/boot.efi\n", http.RequestAborted);
    }

    /// <summary>The live attempt of the token in the path. Ended ones answer like unknown ones, unless a running agent must be told to stop.</summary>
    private async Task<AttemptRow> FindAsync(HttpContext http, string? ended = null)
    {
        var token = (string)http.Request.RouteValues["token"]!;
        // Whatever is said about this request from here on, the token is not part of it.
        http.Request.Path = "/provision/…";
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        await using var db = await databases.CreateDbContextAsync(http.RequestAborted);
        var found = await (from attempt in db.Set<AttemptRow>().AsNoTracking()
                           join operation in db.Operations on attempt.OperationId equals operation.Id
                           where attempt.TokenHash == hash
                           select new { Attempt = attempt, Live = attempt.EndedAt == null && operation.EndedAt == null }).FirstOrDefaultAsync(http.RequestAborted);
        if (found is { Live: true })
            return found.Attempt;
        throw found is not null && ended is not null
            ? new ArmException(409, new(ended, "The attempt has ended; stop, and leave the disks as they are."))
            : ArmErrors.RouteNotFound("/provision/…");
    }

    /// <summary>Notes, once, that something happened now, and wakes the operation; false when it was noted before.</summary>
    private async Task<bool> MarkAsync(AttemptRow attempt, string column, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, $"""
            with marked as (
                update provisioning_attempts set {column} = now(), heartbeat_at = now(), progress_at = now() where id = $1 and ended_at is null and {column} is null returning operation_id),
            woken as (update operations o set due_at = least(o.due_at, now()), wakes = o.wakes + 1 from marked where o.id = marked.operation_id and o.ended_at is null)
            select count(*) from marked
            """, attempt.Id);
        if (await command.ExecuteScalarAsync(cancel) is not 1L)
            return false;
        hints.Due();
        return true;
    }

    /// <summary>Whoever asks is alive.</summary>
    private async Task BeatAsync(AttemptRow attempt, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, "update provisioning_attempts set heartbeat_at = now(), progress_at = now() where id = $1 and ended_at is null", attempt.Id);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private async Task FailAsync(AttemptRow attempt, ErrorBody failure, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, """
            with failed as (update provisioning_attempts set failure = $2::jsonb where id = $1 and failure is null returning operation_id)
            update operations o set due_at = least(o.due_at, now()), wakes = o.wakes + 1 from failed where o.id = failed.operation_id and o.ended_at is null
            """, attempt.Id, Json.Write(failure));
        await command.ExecuteNonQueryAsync(cancel);
        hints.Due();
    }

    private static async Task<T> ReadAsync<T>(HttpContext http)
    {
        await http.AwaitBodyAsync(BodyLimit);
        using var body = await RequestBody.ReadObjectAsync(http.Request, http.RequestAborted);
        return body.RootElement.Deserialize<T>(Json.Options)!;
    }

    private static Task AnswerAsync<T>(HttpContext http, T body)
    {
        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        return JsonSerializer.SerializeAsync(http.Response.Body, body, Json.Options, http.RequestAborted);
    }

    private static bool Same(string? a, string? b) => string.Equals(a?.Trim(), b?.Trim(), StringComparison.OrdinalIgnoreCase);

    private static string? Short(string? text) => text?.Length > 500 ? text[..500] : text;
}
