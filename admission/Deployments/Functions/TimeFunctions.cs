using System.Globalization;
using System.Xml;

namespace ControlPlane.Admission.Deployments.Functions;

internal static class TimeFunctions
{
    private const string Sortable = "yyyyMMddTHHmmssZ";

    public static IReadOnlyList<Function> All { get; } =
    [
        new("utcNow", 0, 1, call => call.Scope.NewGuid is null ? throw call.Fault("can only be used in the default value of a parameter") : Written(call, call.Scope.Context.Now, call.Has(0) ? call.Text(0) : Sortable)),
        new("newGuid", 0, 0, call => (call.Scope.NewGuid ?? throw call.Fault("can only be used in the default value of a parameter"))().ToString()),
        new("dateTimeAdd", 2, 3, Add),
        new("dateTimeToEpoch", 1, 1, call => Read(call).ToUnixTimeSeconds()),
        new("dateTimeFromEpoch", 1, 1, call => call.Integer(0) is >= -62_135_596_800 and <= 253_402_300_799
            ? DateTimeOffset.FromUnixTimeSeconds(call.Integer(0)).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) : throw call.Wrong(0, "a time between the years 1 and 9999")),
    ];

    private static object? Add(Arguments call)
    {
        try
        {
            return Written(call, Read(call) + XmlConvert.ToTimeSpan(call.Text(1)), call.Has(2) ? call.Text(2) : "yyyy-MM-ddTHH:mm:ssZ");
        }
        catch (Exception failure) when (failure is FormatException or OverflowException or ArgumentOutOfRangeException)
        {
            throw call.Fault($"adds an ISO 8601 duration such as 'PT1H' or '-P3D' that keeps within the years 1 to 9999, not '{call.Text(1)}'");
        }
    }

    private static DateTimeOffset Read(Arguments call) =>
        DateTimeOffset.TryParse(call.Text(0), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
        || DateTimeOffset.TryParseExact(call.Text(0), Sortable, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time)
            ? time : throw call.Fault($"reads '{call.Text(0)}', which is no time such as 2026-06-01T00:00:00Z");

    private static string Written(Arguments call, DateTimeOffset time, string format)
    {
        if (format.Length is 0 or > 64)
            throw call.Fault("needs a format of 1 to 64 characters");
        try
        {
            return time.ToUniversalTime().ToString(format, CultureInfo.InvariantCulture);
        }
        catch (FormatException)
        {
            throw call.Fault($"has the format '{format}', which times do not know");
        }
    }
}
