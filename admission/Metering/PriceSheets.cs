using ControlPlane.Contracts.Arm;
using ControlPlane.Contracts.Metering;
using ControlPlane.Persistence;
using Npgsql;

namespace ControlPlane.Admission.Metering;

/// <summary>What is stored of prices.</summary>
internal static class PriceSheets
{
    /// <summary>The subscription's own sheet and the tenant's, as far as there are any. The subscription is in lower case.</summary>
    public static async Task<PriceBook> PricesAsync(this NpgsqlDataSource source, string subscription, CancellationToken cancel)
    {
        await using var command = Sql.Command(source, "select properties::text from resources where key = any($1) order by key = $2", (string[])[PriceSheet.KeyOf(subscription), PriceSheet.KeyOf(PriceSheet.Default)], PriceSheet.KeyOf(PriceSheet.Default));
        await using var row = await command.ExecuteReaderAsync(cancel);
        var sheets = new List<PriceSheet>();
        while (await row.ReadAsync(cancel))
            sheets.Add(Json.Read<PriceSheet>(row.GetString(0)));
        return new(sheets);
    }
}
