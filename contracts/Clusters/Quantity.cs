using System.Globalization;

namespace ControlPlane.Contracts.Clusters;

/// <summary>A number as Kubernetes writes it, such as 3, 500m, 64Gi or 1e3 (Kubernetes, Quantity).</summary>
public static class Quantity
{
    private static readonly Dictionary<string, decimal> Suffixes = new(StringComparer.Ordinal)
    {
        [""] = 1, ["n"] = 0.000000001m, ["u"] = 0.000001m, ["m"] = 0.001m, ["k"] = 1_000, ["M"] = 1_000_000, ["G"] = 1_000_000_000, ["T"] = 1_000_000_000_000, ["P"] = 1_000_000_000_000_000,
        ["Ki"] = 1L << 10, ["Mi"] = 1L << 20, ["Gi"] = 1L << 30, ["Ti"] = 1L << 40, ["Pi"] = 1L << 50,
    };

    public static bool TryParse(string text, out decimal value)
    {
        var digits = text.TakeWhile((c, at) => char.IsAsciiDigit(c) || c is '.' || (at == 0 && c is '-' or '+')).Count();
        value = 0;
        if (text.Length > digits && text[digits] is 'e' or 'E' && decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value))
            return true;
        if (!Suffixes.TryGetValue(text[digits..], out var factor) || !decimal.TryParse(text[..digits], NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            || Math.Abs(number) > 1e12m)
            return false;
        value = number * factor;
        return true;
    }
}
