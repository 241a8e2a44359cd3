using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace ControlPlane.Bench;

/// <summary>
/// What a rollout over a fleet costs at least on this machine: the same five objects, applied by nothing but an HTTP client over connections that are open already. No store, no decisions, no looks whether
/// anything became available.
/// </summary>
internal sealed class PlainApply : IDisposable
{
    private const string Space = "plain";
    private readonly HttpClient client;
    private readonly IReadOnlyList<JsonElement> clusters;

    public PlainApply(IReadOnlyList<JsonElement> clusters)
    {
        this.clusters = clusters;
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.ImportFromPem(clusters[0].GetProperty("ca").GetString()!);
        client = new(new SocketsHttpHandler { SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = trust }, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2), UseProxy = false, UseCookies = false });
    }

    /// <summary>To all clusters, 256 at once.</summary>
    public async Task<TimeSpan> RunAsync(string version)
    {
        var objects = BenchFleet.Manifests(version, Space).Select(thing => (Path: Path(thing!.AsObject()), Bytes: Encoding.UTF8.GetBytes(thing.ToJsonString()))).ToList();
        var begin = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(clusters, new ParallelOptions { MaxDegreeOfParallelism = 256 }, async (cluster, stop) =>
        {
            foreach (var (path, bytes) in objects)
            {
                using var request = new HttpRequestMessage(HttpMethod.Patch, $"{cluster.GetProperty("url").GetString()}{path}?fieldManager=plain&force=true") { Content = new ByteArrayContent(bytes) };
                request.Headers.Authorization = new("Bearer", cluster.GetProperty("token").GetString());
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/apply-patch+yaml");
                using var answer = await client.SendAsync(request, stop);
                answer.EnsureSuccessStatusCode();
                await answer.Content.ReadAsByteArrayAsync(stop);
            }
        });
        return Stopwatch.GetElapsedTime(begin);
    }

    public void Dispose() => client.Dispose();

    private static string Path(System.Text.Json.Nodes.JsonObject thing)
    {
        var (version, kind, name) = (thing["apiVersion"]!.GetValue<string>(), thing["kind"]!.GetValue<string>(), thing["metadata"]!["name"]!.GetValue<string>());
        var root = version == "v1" ? "/api/v1" : $"/apis/{version}";
        return kind == "Namespace" ? $"{root}/namespaces/{name}" : $"{root}/namespaces/{Space}/{kind.ToLowerInvariant()}s/{name}";
    }
}
