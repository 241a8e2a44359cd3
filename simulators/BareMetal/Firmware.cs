using System.Net;
using System.Text.RegularExpressions;

namespace ControlPlane.Simulators.BareMetal;

/// <summary>UEFI firmware: power-on self-test, choice of the boot source, loading of the boot file.</summary>
internal static partial class Firmware
{
    private const double PostSeconds = 60;
    private const double AgentBootSeconds = 30;
    private const double SystemBootSeconds = 60;
    private const int LoadAttempts = 4;
    private const string UserAgent = "UefiHttpBoot/1.0";

    /// <summary>A BMC reads media in pieces of this size.</summary>
    private const int MediaChunkBytes = 256 * 1024;

    private static readonly TimeSpan loadPause = TimeSpan.FromMilliseconds(250);

    /// <summary>From the end of the power ramp to a running agent, a running system, or a halt.</summary>
    public static async Task BootAsync(Machine machine, CancellationToken cancel)
    {
        if (machine.Has(Scenario.NeverBoots)) await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
        await machine.DelayAsync(PostSeconds, cancel);
        lock (machine.Gate) machine.Bmc.Bios.ApplyPending(machine);
        var choice = TakeBootChoice(machine, cancel);
        if (await LoadAgentAsync(machine, choice, cancel) is { } door)
        {
            Note(machine, choice.Source);
            await machine.DelayAsync(AgentBootSeconds, cancel);
            lock (machine.Gate) machine.Phase = MachinePhase.Agent;
            if (!await new ProvisioningAgent(machine, door).RunAsync(cancel))
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
            }
        }

        await BootDiskAsync(machine, cancel);
    }

    private static async Task BootDiskAsync(Machine machine, CancellationToken cancel)
    {
        var disk = machine.Disks.FirstOrDefault(disk => disk.Content is DiskContent.Image or DiskContent.OldSystem);
        if (disk is null)
        {
            Note(machine, "None");
            lock (machine.Gate) machine.Phase = MachinePhase.Halted;
            return;
        }

        Note(machine, disk.Content == DiskContent.Image ? "Disk" : "Disk:OldSystem");
        await machine.DelayAsync(SystemBootSeconds, cancel);
        lock (machine.Gate) machine.Phase = MachinePhase.System;
        if (disk is { Content: DiskContent.Image, Installed: { Join: not null } system } && !machine.Has(Scenario.NeverJoins))
        {
            await new NodeBootstrap(machine, system).RunAsync(cancel);
        }
    }

    /// <summary>Reads the override; Once is used up by being read, whatever comes of the boot.</summary>
    private static BootChoice TakeBootChoice(Machine machine, CancellationToken cancel)
    {
        lock (machine.Gate)
        {
            cancel.ThrowIfCancellationRequested();
            machine.Boot = machine.FutureBoot ?? machine.Boot;
            machine.FutureBoot = null;
            machine.Phase = MachinePhase.Booting;
            var boot = machine.Boot;
            var media = machine.Bmc.Media.FirstOrDefault(slot => slot.IsDisc && slot.Inserted);
            var choice = boot.Enabled is "Disabled" ? new BootChoice("Disk", null) : boot.Target switch
            {
                "UefiHttp" => new BootChoice("UefiHttp", machine.Bmc.Bios.HttpBootAddress(machine) ?? boot.HttpBootUri),
                "Cd" when machine.Personality.CdIsPhysicalDrive && !machine.Bmc.VirtualDiscNext => new BootChoice("PhysicalCd", null),
                "Cd" when machine.Personality.UsbCdInsteadOfCd => new BootChoice("PhysicalCd", null),
                "Cd" or "UsbCd" => new BootChoice("Cd", media?.Image),
                "Pxe" => new BootChoice("Pxe", machine.World.PxeServer is { } server ? new Uri(server, $"provision/pxe/{machine.Identity.Mac}/boot.ipxe").ToString() : null),
                _ => new BootChoice("Disk", null),
            };
            if (boot.Enabled is "Once" && !machine.Has(Scenario.IgnoresOnce) && !machine.Personality.OnceBecomesContinuous)
                machine.Boot = boot with { Enabled = "Disabled", Target = "None" };
            machine.Bmc.VirtualDiscNext = false;
            return choice;
        }
    }

    /// <summary>Loads the boot file and returns the door it came from; null means: boot the disk instead.</summary>
    private static async Task<Uri?> LoadAgentAsync(Machine machine, BootChoice choice, CancellationToken cancel)
    {
        if (!Uri.TryCreate(choice.Address, UriKind.Absolute, out var address)) return null;
        if (machine.Bmc.Bios.RefusesPlainHttp(machine) && choice.Source == "UefiHttp" && address.Scheme == Uri.UriSchemeHttp)
        {
            machine.Did("boot-failed:UEFI0417");
            return null;
        }

        if (choice.Source == "Cd" && address.Scheme == Uri.UriSchemeHttps && Math.Abs(machine.Personality.ClockSkewHours) > 24)
        {
            machine.Did("boot-failed:the server's certificate is not valid at the BMC's time");
            return null;
        }

        if (choice.Source == "Pxe")
        {
            var script = await LoadAsync(machine, HttpMethod.Get, address, null, cancel);
            if (script is null || Chain().Match(script) is not { Success: true } chain) return null;
            address = new Uri(chain.Groups["uri"].Value);
        }

        var loaded = choice.Source == "Cd"
            ? await ReadMediaAsync(machine, address, cancel)
            : await LoadAsync(machine, HttpMethod.Head, address, null, cancel) is not null
                && await LoadAsync(machine, HttpMethod.Get, address, null, cancel) is not null;
        return loaded ? new Uri(address, ".") : null;
    }

    /// <summary>The BMC reads the virtual disc piece by piece.</summary>
    private static async Task<bool> ReadMediaAsync(Machine machine, Uri address, CancellationToken cancel)
    {
        using var head = await SendAsync(machine, HttpMethod.Head, address, null, cancel);
        if (head?.Content.Headers.ContentLength is not { } size) return false;
        for (var offset = 0L; offset < size; offset += MediaChunkBytes)
        {
            var range = (offset, Math.Min(offset + MediaChunkBytes, size) - 1);
            if (await LoadAsync(machine, HttpMethod.Get, address, range, cancel) is null) return false;
        }

        return true;
    }

    private static async Task<string?> LoadAsync(Machine machine, HttpMethod method, Uri address, (long From, long To)? range, CancellationToken cancel)
    {
        using var response = await SendAsync(machine, method, address, range, cancel);
        return response is null ? null : await response.Content.ReadAsStringAsync(cancel);
    }

    /// <summary>Firmware tries a few times and then goes on to the next boot option.</summary>
    private static async Task<HttpResponseMessage?> SendAsync(
        Machine machine, HttpMethod method, Uri address, (long From, long To)? range, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            var status = 0;
            try
            {
                using var request = new HttpRequestMessage(method, address);
                request.Headers.UserAgent.ParseAdd(UserAgent);
                if (range is { } wanted) request.Headers.Range = new(wanted.From, wanted.To);
                var response = await machine.World.Network.Trusted.SendAsync(request, cancel);
                status = (int)response.StatusCode;
                machine.World.Journal.Request(machine.Slot, method.Method, address, status);
                if (response.IsSuccessStatusCode) return response;
                response.Dispose();
            }
            catch (Exception error) when (error is HttpRequestException or IOException || (error is OperationCanceledException && !cancel.IsCancellationRequested))
            {
                machine.World.Journal.Request(machine.Slot, method.Method, address, 0);
                machine.Did($"boot-failed:{(error.InnerException ?? error).Message}");
            }

            if (attempt == LoadAttempts || status is >= 400 and < 500 and not (int)HttpStatusCode.TooManyRequests) return null;
            await machine.World.Clock.WallDelayAsync(loadPause * attempt, cancel);
        }
    }

    private static void Note(Machine machine, string source)
    {
        lock (machine.Gate) machine.BootedFrom.Add(source);
        machine.Did($"boot:{source}");
    }

    private sealed record BootChoice(string Source, string? Address);

    [GeneratedRegex(@"^chain\s+(?:--\S+\s+)*(?<uri>https?://\S+)", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Chain();
}
