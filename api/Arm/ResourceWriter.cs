using System.Text.Json;
using ControlPlane.Contracts.Arm;
using ControlPlane.Persistence.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>Writes a resource as ARM shows it: envelope, etag, systemData, and in <c>properties</c> what is wanted, what is, and the provisioning state.</summary>
internal static class ResourceWriter
{
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = Json.Options.Encoder };

    public static async Task WriteResourceAsync(this HttpResponse response, int status, ResourceRow row, CancellationToken cancel)
    {
        response.StatusCode = status;
        response.ContentType = "application/json; charset=utf-8";
        response.Headers.ETag = Preconditions.Etag(row.Version);
        if (!row.State.IsTerminal())
            response.Headers.RetryAfter = "1";
        await using (var json = new Utf8JsonWriter(response.BodyWriter, Relaxed))
            Write(json, row, Version(response));
        await response.BodyWriter.FlushAsync(cancel);
    }

    public static async Task WritePageAsync(this HttpResponse response, IEnumerable<ResourceRow> rows, string? nextLink, CancellationToken cancel)
    {
        response.ContentType = "application/json; charset=utf-8";
        await using (var json = new Utf8JsonWriter(response.BodyWriter, Relaxed))
        {
            json.WriteStartObject();
            json.WriteStartArray("value");
            foreach (var row in rows)
                Write(json, row, Version(response));
            json.WriteEndArray();
            if (nextLink is not null)
                json.WriteString("nextLink", nextLink);
            json.WriteEndObject();
        }

        await response.BodyWriter.FlushAsync(cancel);
    }

    /// <summary>The api-version that was asked in, which says how much of a resource its client knows.</summary>
    private static string? Version(HttpResponse response) => response.HttpContext.Request.Query["api-version"];

    private static void Write(Utf8JsonWriter json, ResourceRow row, string? version)
    {
        json.WriteStartObject();
        json.WriteString("id", row.Id);
        json.WriteString("name", row.Name);
        json.WriteString("type", row.Type);
        if (row.Location is not null)
            json.WriteString("location", row.Location);
        if (row.Location is not null || row.Tags != "{}")
        {
            json.WritePropertyName("tags");
            json.WriteRawValue(row.Tags, skipInputValidation: true);
        }

        json.WriteString("etag", Preconditions.Etag(row.Version));
        json.WriteStartObject("systemData");
        json.WriteString("createdBy", row.CreatedBy);
        json.WriteString("createdByType", row.CreatedByType);
        json.WriteString("createdAt", row.CreatedAt);
        json.WriteString("lastModifiedBy", row.ModifiedBy);
        json.WriteString("lastModifiedByType", row.ModifiedByType);
        json.WriteString("lastModifiedAt", row.ModifiedAt);
        json.WriteEndObject();
        json.WriteStartObject("properties");
        if (ResourceTypes.LadderOf(row.Type) is { } ladder)
            WriteKnown(json, row.Properties, ladder, version);
        else
            WriteMembers(json, row.Properties);
        WriteMembers(json, row.Status);
        json.WriteString("provisioningState", row.State.ToString());
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteKnown(Utf8JsonWriter json, string document, VersionLadder ladder, string? version)
    {
        using var parsed = JsonDocument.Parse(document);
        foreach (var (name, value) in ladder.Down(version, parsed.RootElement))
        {
            json.WritePropertyName(name);
            value.WriteTo(json);
        }
    }

    private static void WriteMembers(Utf8JsonWriter json, string document)
    {
        if (document == "{}")
            return;
        using var parsed = JsonDocument.Parse(document);
        foreach (var member in parsed.RootElement.EnumerateObject())
            member.WriteTo(json);
    }
}
