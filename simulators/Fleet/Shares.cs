namespace ControlPlane.Simulators.Fleet;

/// <summary>
/// Values dealt out in proportion, such as <c>westeurope:9,southeastasia:1</c>: of 1,000 clusters, 900 and 100. Which cluster has which is
/// the same in every run, and scattered over the names.
/// </summary>
internal sealed class Shares
{
    /// <summary>Primes, so that stepping by one visits every cluster once; another for each hand, for two that step alike are one hand shifted.</summary>
    private static readonly long[] Steps = [77_867, 60_167, 7_919, 14_747, 70_271, 65_027, 13_007, 21_011, 31_511, 5_639, 42_359];

    private readonly List<(string Value, long Weight)> shares = [];

    public static Shares Of(string text) => Parse(text);

    /// <exception cref="FormatException">A weight is not a positive number.</exception>
    public static Shares Parse(string text)
    {
        var parsed = new Shares();
        foreach (var share in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var colon = share.LastIndexOf(':');
            if (colon < 0) parsed.shares.Add((share, 1));
            else if (long.TryParse(share[(colon + 1)..], out var weight) && weight > 0) parsed.shares.Add((share[..colon], weight));
            else throw new FormatException($"'{share}' is not a value with a weight, for example westeurope:9.");
        }

        return parsed.shares.Count > 0 ? parsed : throw new FormatException("At least one value is expected, for example westeurope:9,southeastasia:1.");
    }

    /// <summary>What a cluster gets.</summary>
    /// <param name="index">The cluster, from nought.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="salt">Different for each thing that is dealt, so that the hands are independent.</param>
    public string Pick(int index, int count, int salt)
    {
        var place = ((index * Steps[salt % Steps.Length]) + (salt * 104_729L)) % count;
        var mark = place * shares.Sum(share => share.Weight) / count;
        foreach (var (value, weight) in shares)
        {
            if (mark < weight) return value;
            mark -= weight;
        }

        return shares[^1].Value;
    }
}
