using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using ControlPlane.Simulators;
using ControlPlane.Simulators.Wire;
using Xunit;

namespace ControlPlane.Tests.Simulators;

/// <summary>An independent judge: OpenStack's Redfish client drives each make, so that the simulator does not just mirror our own client.</summary>
public sealed class SushyTests
{
    [Theory]
    [InlineData("generic", "UefiHttp")]
    [InlineData("idrac9", "Pxe")]
    [InlineData("idrac10", "Pxe")]
    [InlineData("ilo5", "Pxe")]
    [InlineData("ilo6", "Pxe")]
    [InlineData("supermicro", "Cd")]
    [InlineData("ami", "Pxe")]
    public async Task Sushy_connects_inspects_sets_Once_and_switches_power(string personality, string target)
    {
        await using var rack = await Rack.StartAsync(new SimulationOptions { Personality = personality });
        var machine = rack.Simulated.Machines[0];
        // sushy 4.3.3 always sends Accept-Encoding: identity and does not know the 406 of some Gen10 Plus machines.
        machine.Personality = machine.Personality with { RefusesIdentityEncoding = false };
        var seen = await DriveAsync(rack, target, machine.SystemPath);

        Assert.True(seen["session"]!.GetValue<bool>());
        Assert.Equal(machine.Personality.SerialOnChassisOnly ? "" : machine.Identity.Serial, seen.Text("serial"));
        Assert.Equal(machine.Identity.Uuid.ToString(), seen.Text("uuid"));
        Assert.Equal(machine.Model.MemoryGiB, seen["memoryGiB"]!.GetValue<int>());
        Assert.Equal(machine.Model.Sockets * machine.Model.CoresPerSocket * 2, seen["threads"]!.GetValue<int>());
        Assert.Contains(seen["macs"]!.AsArray(), mac => string.Equals(mac!.GetValue<string>(), machine.Identity.Mac, StringComparison.OrdinalIgnoreCase));
        Assert.Equal(string.Join(',', machine.Disks.Select(disk => disk.Serial)), string.Join(',', seen["drives"]!.AsArray()));
        Assert.Equal(("Off", "On", "Off"), (seen.Text("powerBefore"), seen.Text("powerAfterOn"), seen.Text("powerAfterOff")));
        if (!machine.Personality.BootSettingsObject)
        {
            Assert.Equal("Once", seen.Text("bootEnabled"));
            Assert.Equal(personality == "supermicro" ? "UsbCd" : target, seen.Text("bootTarget"));
        }

        if (seen.ContainsKey("inserted")) Assert.Equal((true, true), (seen["inserted"]!.GetValue<bool>(), seen["ejected"]!.GetValue<bool>()));
        Assert.Empty(machine.Bmc.Sessions.Open(TimeProvider.System.GetUtcNow()));
    }

    private static async Task<JsonObject> DriveAsync(Rack rack, string target, string systemPath, [CallerFilePath] string here = "")
    {
        var ca = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(ca, rack.Simulated.Ready.BmcCaPem);
            var start = new ProcessStartInfo("/usr/bin/python3")
            {
                UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
                ArgumentList =
                {
                    Path.Combine(Path.GetDirectoryName(here)!, "drive_with_sushy.py"), $"https://127.0.0.1:{rack.Simulated.Ready.BmcPortBase}/redfish/v1", ca, systemPath, target,
                    "https://127.0.0.1/boot.iso",
                },
            };
            // requests prefers these to the authority that it is given.
            start.Environment.Remove("REQUESTS_CA_BUNDLE");
            start.Environment.Remove("CURL_CA_BUNDLE");
            start.Environment["BMC_USER"] = rack.Simulated.Ready.UserName;
            start.Environment["BMC_PASSWORD"] = rack.Simulated.Ready.Password;
            using var python = Process.Start(start)!;
            var (output, errors) = (python.StandardOutput.ReadToEndAsync(), python.StandardError.ReadToEndAsync());
            await python.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(python.ExitCode == 0, await errors);
            return JsonNode.Parse(await output)!.AsObject();
        }
        finally
        {
            File.Delete(ca);
        }
    }
}
