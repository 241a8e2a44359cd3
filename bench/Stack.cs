using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Npgsql;

namespace ControlPlane.Bench;

/// <summary>The running control plane that <c>./dev up</c> wrote about in its run file, with a token for its owner.</summary>
internal sealed class Stack : IDisposable
{
    public const string ApiVersion = "2026-06-01";

    private readonly Dictionary<string, int> processes;
    private readonly string tenant;

    private Stack(JsonElement run, X509Certificate2 authority, FrontDoorProcess? own)
    {
        Endpoint = own?.Endpoint ?? new(run.GetProperty("endpoint").GetString()!);
        tenant = run.GetProperty("tenantId").GetString()!;
        Subscription = run.GetProperty("subscriptionId").GetString()!;
        Location = run.GetProperty("location").GetString()!;
        Postgres = own?.Postgres ?? run.GetProperty("postgres").GetString()!;
        processes = run.GetProperty("pids").EnumerateObject().ToDictionary(pid => pid.Name, pid => pid.Value.GetInt32(), StringComparer.Ordinal);
        if (own is not null)
            processes["host"] = own.Id;
        Tls = new()
        {
            TargetHost = Endpoint.Host,
            CertificateChainPolicy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { authority }, RevocationMode = X509RevocationMode.NoCheck },
        };
        Source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(Postgres) { MaxPoolSize = 2, CommandTimeout = 600, ApplicationName = "bench" });
        Http = new(new SocketsHttpHandler { SslOptions = Tls }) { BaseAddress = Endpoint, Timeout = TimeSpan.FromSeconds(30) };
    }

    public Uri Endpoint { get; }
    public string Subscription { get; }
    public string Location { get; }

    /// <summary>As Npgsql reads it.</summary>
    public string Postgres { get; }

    public SslClientAuthenticationOptions Tls { get; }

    /// <summary>For preparing and checking; the load itself goes over <see cref="Connection"/>.</summary>
    public HttpClient Http { get; }

    public NpgsqlDataSource Source { get; }

    public string Token { get; private set; } = "";

    /// <summary>Of a process of the stack (<c>host</c>, <c>postgres</c>); null when the database server is somebody else's.</summary>
    public int? Process(string name) => processes.TryGetValue(name, out var id) ? id : null;

    /// <param name="own">A front door to use in place of the host's.</param>
    public static async Task<Stack> OpenAsync(FrontDoorProcess? own = null)
    {
        var run = JsonElement.Parse(await File.ReadAllTextAsync(Settings.RunFile));
        var stack = new Stack(run, X509CertificateLoader.LoadCertificateFromFile(run.GetProperty("caFile").GetString()!), own);
        stack.Token = await stack.SignInAsync(run.GetProperty("clientId").GetString()!, run.GetProperty("clientSecret").GetString()!);
        stack.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", stack.Token);
        return stack;
    }

    /// <summary>A bearer token for an application of this tenant.</summary>
    public async Task<string> SignInAsync(string clientId, string secret)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = clientId,
            ["client_secret"] = secret,
            ["scope"] = $"{Endpoint.GetLeftPart(UriPartial.Authority)}/.default",
        });
        using var answer = await Http.PostAsync(new Uri($"{tenant}/oauth2/v2.0/token", UriKind.Relative), form);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("access_token").GetString()!;
    }

    public string GroupPath(string group) => $"/subscriptions/{Subscription}/resourceGroups/{group}";

    public string ImagesPath(string group) => $"{GroupPath(group)}/providers/ControlPlane.BareMetal/osImages";

    public static Uri Versioned(string path, string version = ApiVersion) => new($"{path}?api-version={version}", UriKind.Relative);

    public Task<HttpResponseMessage> PutAsync(string path, string body, string version = ApiVersion) => SendAsync(HttpMethod.Put, path, body, version);

    /// <summary>The answer of a request that succeeds.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string body, string version = ApiVersion)
    {
        using var request = new HttpRequestMessage(method, Versioned(path, version)) { Content = new StringContent(body, MediaTypeHeaderValue.Parse("application/json")) };
        var answer = await Http.SendAsync(request);
        return answer.IsSuccessStatusCode ? answer : throw new InvalidOperationException($"{method} {path} answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
    }

    public async Task<JsonElement> PostAsync(string path, string body)
    {
        using var answer = await SendAsync(HttpMethod.Post, path, body);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    public async Task PutGroupAsync(string group, string tags = "{}") => (await PutAsync(GroupPath(group), $$"""{"location":"{{Location}}","tags":{{tags}}}""")).Dispose();

    /// <summary>Waits until the operation that a request has started has succeeded.</summary>
    public async Task FinishAsync(HttpResponseMessage accepted, TimeSpan poll, TimeSpan limit)
    {
        using var late = new CancellationTokenSource(limit);
        var watch = new Uri(accepted.Headers.GetValues("Azure-AsyncOperation").Single());
        accepted.Dispose();
        while (true)
        {
            var operation = await Http.GetFromJsonAsync<JsonElement>(watch, late.Token);
            switch (operation.GetProperty("status").GetString())
            {
                case "Succeeded":
                    return;
                case "Failed" or "Canceled":
                    var error = operation.GetProperty("error").GetRawText();
                    throw new InvalidOperationException($"The operation did not succeed: {(error.Length <= 2000 ? error : $"{error[..2000]}…")}");
            }

            await Task.Delay(poll, late.Token);
        }
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Waits until no operation is active, so that one measure does not burden the next.</summary>
    public async Task DrainAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (await ScalarAsync<bool>("select exists (select 1 from operations where ended_at is null)"))
            await Task.Delay(100, limit.Token);
    }

    public void Dispose()
    {
        Http.Dispose();
        Source.Dispose();
    }
}

/// <summary>What <c>./dev bench</c> says in the environment.</summary>
internal static class Settings
{
    public static string RunFile { get; } = Required("CONTROLPLANE_RUN");
    public static string Pgbench { get; } = Required("CONTROLPLANE_PGBENCH");

    /// <summary>Where <c>server.pem</c> and <c>server.key</c> of the development CA are.</summary>
    public static string Tls { get; } = Required("CONTROLPLANE_TLS");

    /// <summary>The <c>dev</c> script of the checkout.</summary>
    public static string Dev { get; } = Required("CONTROLPLANE_DEV");

    private static string Required(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : throw new InvalidOperationException($"{name} is not set; start this through ./dev bench.");
}
