using System.Diagnostics;
using System.Globalization;

namespace ControlPlane.Bench;

/// <summary>What the kernel knows about processes (proc(5)).</summary>
internal static class Proc
{
    /// <summary>USER_HZ, which is 100 on every architecture that .NET runs on.</summary>
    private const double TicksPerSecond = 100;

    /// <summary>Resident memory now, in MB (10^6 bytes).</summary>
    public static double ResidentMegabytes(int process) => Status(process, "VmRSS:");

    /// <summary>The most resident memory the process ever had, in MB.</summary>
    public static double PeakResidentMegabytes(int process) => Status(process, "VmHWM:");

    /// <summary>Processor time of a process and all its children, those that ended included, in seconds.</summary>
    public static double CpuSeconds(int process) => Stat(process).Own + Stat(process).Ended + Directory.EnumerateDirectories("/proc")
        .Select(path => int.TryParse(Path.GetFileName(path), out var id) ? Stat(id) : default)
        .Where(stat => stat.Parent == process).Sum(stat => stat.Own);

    public static double OwnCpuSeconds()
    {
        using var self = Process.GetCurrentProcess();
        return self.TotalProcessorTime.TotalSeconds;
    }

    private static double Status(int process, string field)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return double.Parse(line.AsSpan(field.Length).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture) * 1024 / 1e6;
    }

    /// <summary>Fields 4 (ppid), 14 + 15 (utime, stime) and 16 + 17 (those of children waited for); all zero when the process has just ended.</summary>
    private static (int Parent, double Own, double Ended) Stat(int process)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{process}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            double Seconds(int field) => double.Parse(fields[field - 3], CultureInfo.InvariantCulture) / TicksPerSecond;
            return (int.Parse(fields[1]), Seconds(14) + Seconds(15), Seconds(16) + Seconds(17));
        }
        catch (IOException)
        {
            return default;
        }
    }
}

/// <summary>Processor time spent by server, database and load generator between two moments.</summary>
internal sealed class CpuMeter(Stack stack)
{
    private readonly Dictionary<string, double> spent = new(StringComparer.Ordinal);
    private double requests;

    /// <summary>Runs a load that comes to a rate; the rate is passed on.</summary>
    public async Task<double> DuringAsync(TimeSpan time, Func<Task<double>> load)
    {
        var before = Read();
        var perSecond = await load();
        foreach (var (name, seconds) in Read())
            spent[name] = spent.GetValueOrDefault(name) + seconds - before[name];
        requests += perSecond * time.TotalSeconds;
        return perSecond;
    }

    /// <summary>Microseconds of processor time that a request cost these.</summary>
    public double Microseconds(params IEnumerable<string> parts) => parts.Sum(part => spent.GetValueOrDefault(part)) / requests * 1e6;

    public IEnumerable<Measure> PerRequest(string name) => spent.Select(part => Measure.Fact($"{name}.cpu.{part.Key}", part.Value / requests * 1e6, "us/request"));

    private Dictionary<string, double> Read()
    {
        var now = new Dictionary<string, double>(StringComparer.Ordinal) { ["client"] = Proc.OwnCpuSeconds() };
        foreach (var name in new[] { "host", "postgres" })
        {
            if (stack.Process(name) is { } process)
                now[name] = Proc.CpuSeconds(process);
        }

        return now;
    }
}
