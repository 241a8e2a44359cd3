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
    [InlineData("generic", "Uefi Http")]
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
        var seen = await DriveAsync(rack, target.Replace(" ", "", StringComparison.Ordinal), machine.SystemPath);

        Assert.Equal("SessionAuth", seen.Text("auth"));
        Assert.Equal(machine.Personality.SerialOnChassisOnly ? "" : machine.Identity.Serial, seen.Text("serial"));
        Assert.Equal(machine.Identity.Uuid.ToString(), seen.Text("uuid"));
        Assert.Equal(machine.Model.MemoryGiB, seen["memoryGiB"]!.GetValue<int>());
        Assert.Equal(machine.Model.Sockets, seen["processors"]!.GetValue<int>());
        Assert.Contains(seen["macs"]!.AsArray(), mac => string.Equals(mac!.GetValue<string>(), machine.Identity.Mac, StringComparison.OrdinalIgnoreCase));
        Assert.Equal(string.Join(',', machine.Disks.Select(disk => disk.Serial)), string.Join(',', seen["drives"]!.AsArray()));
        Assert.Equal(("Off", "On", "Off"), (seen.Text("powerBefore"), seen.Text("powerAfterOn"), seen.Text("powerAfterOff")));
        if (!machine.Personality.BootSettingsObject)
        {
            Assert.Equal("Once", seen.Text("bootEnabled"));
            Assert.Equal(personality == "supermicro" ? "UsbCd" : target.Replace(" ", "", StringComparison.Ordinal), seen.Text("bootTarget"));
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
