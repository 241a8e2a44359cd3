using System.IO.Compression;
using System.Text;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Conformance;

/// <summary>A front door that gives up early on who is slow.</summary>
public sealed class ImpatientFixture : IAsyncLifetime
{
    private ControlPlaneFixture? plane;

    internal ControlPlaneFixture Plane => plane!;

    public async ValueTask InitializeAsync() => plane = await ControlPlaneFixture.StartFrontDoorAsync(("Limits:BodyWithin", "00:00:03"), ("Limits:HeadersWithin", "00:00:02"));

    public async ValueTask DisposeAsync()
    {
        var errors = plane!.Log.Errors.ToList();
        await plane.DisposeAsync();
        Assert.True(errors.Count == 0, $"The control plane logged errors:\n{string.Join('\n', errors)}");
    }
}

/// <summary>Bodies that are too large, that are small but stand for something large, and that do not come: a precise 4xx in bounded memory at every door that reads one.</summary>
public sealed class HostileBodyTests(ImpatientFixture fixture) : IClassFixture<ImpatientFixture>
{
    private const long Huge = 100 * 1024 * 1024;
    private const string Group = $"/subscriptions/{ControlPlaneFixture.Subscription}/resourceGroups/bodies";
    private const string Json = "application/json";
    private const string Form = "application/x-www-form-urlencoded";

    private ControlPlaneFixture Plane => fixture.Plane;

    /// <summary>Method, path, media type: every kind of door that reads a body.</summary>
    public static TheoryData<string, string, string> Doors => new()
    {
        { "PUT", $"{Group}?api-version=2021-04-01", Json },
        { "PATCH", $"{Group}?api-version=2021-04-01", Json },
        { "PUT", $"{Group}/providers/ControlPlane.BareMetal/osImages/a?api-version=2026-06-01", Json },
        { "PUT", $"{Group}/providers/Microsoft.Resources/deployments/d?api-version=2021-04-01", Json },
        { "POST", $"{Group}/providers/Microsoft.Resources/deployments/d/validate?api-version=2021-04-01", "application/yaml" },
        { "POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", Json },
        { "POST", "/v1.0/users", Json },
        { "POST", $"/{ControlPlaneFixture.Tenant}/oauth2/v2.0/token", Form },
        { "POST", $"/{ControlPlaneFixture.Tenant}/oauth2/v2.0/token", "multipart/form-data; boundary=b" },
        { "POST", "/adfs/oauth2/devicecode", Form },
        { "POST", "/device", Form },
    };

    [Theory, MemberData(nameof(Doors))]
    public async Task A_hundred_megabytes_are_refused_before_they_are_sent(string method, string path, string type)
    {
        await using var connection = await RawConnection.OpenAsync(Plane.Endpoint);
        await connection.SendHeadAsync(method, path, Plane.Arm.Token, $"Content-Type: {type}", $"Content-Length: {Huge}", "Expect: 100-continue");
        IsTooLarge(await connection.ReadAsync());
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_hundred_megabytes_without_a_length_are_refused_while_they_come(string method, string path, string type)
    {
        await using var connection = await RawConnection.OpenAsync(Plane.Endpoint);
        await connection.SendHeadAsync(method, path, Plane.Arm.Token, $"Content-Type: {type}", "Transfer-Encoding: chunked");
        var answer = connection.ReadAsync();
        var chunk = Encoding.ASCII.GetBytes($"10000\r\n{new string(' ', 0x10000)}\r\n");
        var sent = 0L;
        try
        {
            for (; sent < Huge && !answer.IsCompleted; sent += 0x10000)
                await connection.SendAsync(chunk);
        }
        catch (IOException)
        {
            // The door was shut while we spoke.
        }

        IsTooLarge(await answer);
        Assert.True(sent < Huge / 2, $"{sent} bytes were taken");
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_compressed_body_is_not_inflated(string method, string path, string type)
    {
        using var small = new MemoryStream();
        await using (var zip = new GZipStream(small, CompressionLevel.SmallestSize, leaveOpen: true))
            await zip.WriteAsync(new byte[Huge / 4]);
        foreach (var encoding in new[] { "gzip", "br", "deflate", "gzip, gzip" })
        {
            using var content = new ByteArrayContent(small.ToArray());
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
            (await Plane.Arm.SendRawAsync(new(method), path, content)).Is(415, "UnsupportedMediaType");
        }
    }

    [Theory, MemberData(nameof(Doors))]
    public async Task A_body_that_trickles_in_is_given_up(string method, string path, string type)
    {
        await using var connection = await RawConnection.OpenAsync(Plane.Endpoint);
        await connection.SendHeadAsync(method, path, Plane.Arm.Token, $"Content-Type: {type}", "Content-Length: 1000");
        var answer = connection.ReadAsync();
        using var now = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        try
        {
            while (!answer.IsCompleted && await now.WaitForNextTickAsync())
                await connection.SendAsync(" ");
        }
        catch (IOException)
        {
            // The door was shut while we spoke.
        }

        var refused = await answer;
        Assert.Equal((408, "RequestTimeout"), (refused?.Status, refused?.ErrorCode));
    }

    [Fact]
    public async Task Who_has_no_token_is_refused_before_a_body_is_sent()
    {
        foreach (var (method, path, _) in Doors.Select(row => row.Data).Where(row => row.Item3 == Json))
        {
            await using var connection = await RawConnection.OpenAsync(Plane.Endpoint);
            await connection.SendHeadAsync(method, path, token: null, $"Content-Type: {Json}", $"Content-Length: {Huge}", "Expect: 100-continue");
            Assert.Equal(401, (await connection.ReadAsync())?.Status);
        }
    }

    [Fact]
    public async Task Headers_that_do_not_end_are_given_up()
    {
        await using var connection = await RawConnection.OpenAsync(Plane.Endpoint);
        await connection.SendAsync("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ");
        Assert.True(await connection.ReadAsync() is null or { Status: 408 });
    }

    private static void IsTooLarge(RawAnswer? answer)
    {
        Assert.Equal((413, "RequestContentTooLarge"), (answer?.Status, answer?.ErrorCode));
        Assert.Equal("RequestContentTooLarge", answer!.Headers["x-ms-error-code"]);
    }
}
