using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>A person who signed in on this machine: where, and what keeps them signed in.</summary>
internal sealed record Login
{
    public required string Endpoint { get; init; }
    public string? CaFile { get; init; }
    public required string TenantId { get; init; }
    public required string ClientId { get; init; }
    public required string UserName { get; init; }
    public string? SubscriptionId { get; init; }
    public required string AccessToken { get; init; }
    public required DateTimeOffset Until { get; init; }

    /// <summary>Good once: every use gives the next one.</summary>
    public required string RefreshToken { get; init; }

    public string? Setting(string property) => property switch
    {
        "endpoint" => Endpoint,
        "caFile" => CaFile,
        "tenantId" => TenantId,
        "subscriptionId" => SubscriptionId,
        _ => null,
    };

    /// <summary>The name in an access token, for people to read; whether the token is good is for the front door to say.</summary>
    public static string NameIn(string accessToken)
    {
        var payload = JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(accessToken.Split('.') is [_, var middle, _] ? middle : "e30"));
        return payload.Text("upn") ?? payload.Text("oid") ?? "somebody";
    }
}

/// <summary>Where a login is kept: <c>cpctl/login.json</c> in the user's configuration (XDG_CONFIG_HOME), readable by its owner only.</summary>
internal static class LoginFile
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private static string Folder => Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify), "cpctl");

    private static string File => Path.Combine(Folder, "login.json");

    /// <summary>Null when nobody is signed in.</summary>
    public static Login? Read()
    {
        try
        {
            if (!System.IO.File.Exists(File))
                return null;
            if (!OperatingSystem.IsWindows() && (System.IO.File.GetUnixFileMode(File) & ~Owner) != UnixFileMode.None)
                throw new UsageException($"{File} can be read by others than you: remove it and sign in again, or make it yours alone with chmod 600");
            return JsonSerializer.Deserialize<Login>(System.IO.File.ReadAllText(File), Format);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new UsageException($"cannot read {File}: {e.Message}");
        }
    }

    /// <summary>All of it or nothing: another process may read meanwhile.</summary>
    public static void Write(Login login)
    {
        var beside = $"{File}.{Environment.ProcessId}";
        using (var stream = new FileStream(beside, Exclusively(FileMode.Create)))
            JsonSerializer.Serialize(stream, login, Format);
        System.IO.File.Move(beside, File, overwrite: true);
    }

    public static void Delete() => System.IO.File.Delete(File);

    /// <summary>One process at a time: a refresh token that two use ends all that came of it.</summary>
    public static async Task<IDisposable> LockAsync(CancellationToken cancel)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(File + ".lock", Exclusively(FileMode.OpenOrCreate));
            }
            catch (IOException) when (attempt < 600)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), cancel);
            }
        }
    }

    private static FileStreamOptions Exclusively(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Folder);
            return options;
        }

        Directory.CreateDirectory(Folder, Owner | UnixFileMode.UserExecute);
        options.UnixCreateMode = Owner;
        return options;
    }
}

/// <summary>Acts as whoever signed in, and keeps them signed in.</summary>
internal sealed record LoginCredential(string TenantId) : ArmCredential(TenantId)
{
    public override async Task<TokenAnswer> RequestAsync(TokenService tokens, string? refused, CancellationToken cancel)
    {
        using var only = await LoginFile.LockAsync(cancel);
        var login = LoginFile.Read() ?? throw new UsageException("nobody is signed in any more: cpctl login --device-code");
        if (login.AccessToken != refused && login.Until > TimeProvider.System.GetUtcNow())
            return new(login.AccessToken, login.Until, login.RefreshToken);
        try
        {
            var answer = await tokens.RequestAsync(new Dictionary<string, string>(StringComparer.Ordinal) { ["grant_type"] = "refresh_token", ["client_id"] = login.ClientId, ["refresh_token"] = login.RefreshToken }, cancel);
            LoginFile.Write(login with { AccessToken = answer.AccessToken, Until = answer.Until, RefreshToken = answer.RefreshToken ?? login.RefreshToken });
            return answer;
        }
        catch (ArmException refusal) when (refusal.Error.Code is "invalid_grant")
        {
            throw new ArmException(refusal.Status, refusal.Error with { Message = $"{refusal.Error.Message} Sign in again: cpctl login --device-code" }, refusal.RequestId);
        }
    }
}
