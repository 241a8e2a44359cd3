namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>How a PATCH states its precondition.</summary>
internal enum IfMatch
{
    /// <summary>The tag as the BMC gave it; nothing when it gave none.</summary>
    AsGiven,

    /// <summary>A weak tag written as a strong one.</summary>
    Strong,

    /// <summary>No precondition: the BMC refuses its own tag in both forms.</summary>
    Absent,

    /// <summary><c>*</c>: the BMC demands the header and gives no tag.</summary>
    Any,
}

/// <summary>
/// The ETag rules of BMCs, which no RFC foresaw: tags come strong, weak (<c>W/"x"</c>, although If-Match compares strongly, RFC 9110
/// §13.1.1), without quotes, empty, or not at all while If-Match is demanded (428; AMI and Lenovo, gofish#171). The order of
/// forms is sushy's. Pure.
/// </summary>
internal static class EntityTag
{
    /// <summary>The tag to hold on to: the header's, else the body's @odata.etag; null when neither says anything.</summary>
    public static string? Of(RedfishAnswer answer) => answer.ETag ?? answer.Body.Text("@odata.etag");

    public static bool IsWeak(string tag) => tag.StartsWith("W/", StringComparison.Ordinal);

    /// <summary>The strong form, quoted: <c>W/"x"</c> and <c>x</c> are both <c>"x"</c>. Doing it twice changes nothing.</summary>
    public static string Strong(string tag)
    {
        var opaque = IsWeak(tag) ? tag[2..] : tag;
        return opaque.Length >= 2 && opaque[0] == '"' && opaque[^1] == '"' ? opaque : $"\"{opaque.Trim('"')}\"";
    }

    /// <summary>The value of If-Match, or null to send none.</summary>
    public static string? Header(string? tag, IfMatch form) => form switch
    {
        IfMatch.AsGiven => tag,
        IfMatch.Strong => tag is null ? null : Strong(tag),
        IfMatch.Any => "*",
        _ => null,
    };

    /// <summary>
    /// After a precondition was refused and the resource was read and decided upon again: the form for the next try, or null when every
    /// form was refused. A tag that changed meanwhile was refused rightly: the same form with the new tag.
    /// </summary>
    public static IfMatch? Next(IfMatch refused, string? sentTag, string? freshTag, bool headerDemanded)
    {
        if (headerDemanded && Header(sentTag, refused) is null) return refused == IfMatch.AsGiven && freshTag is not null ? IfMatch.AsGiven : IfMatch.Any;
        if (freshTag is null) return refused is IfMatch.Any or IfMatch.Absent ? null : IfMatch.Absent;
        return refused switch
        {
            IfMatch.AsGiven when Strong(freshTag) != freshTag => IfMatch.Strong,
            IfMatch.AsGiven or IfMatch.Strong => freshTag == sentTag ? IfMatch.Absent : refused,
            _ => null,
        };
    }
}
