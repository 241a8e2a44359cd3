using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlPlane.Worker.BareMetal.Redfish;

/// <summary>Shows an image as a CD, and takes it away. Reads back after each.</summary>
internal sealed class VirtualMedia(RedfishClient client, MachineFacts facts)
{
    /// <summary>Dell answers 5xx for a while after an eject; three tries.</summary>
    private const int EjectTries = 3;

    /// <summary>
    /// An image is "already inserted" only if its address is the wanted one, which is new with every attempt: an iDRAC shows the old
    /// address for a while after ejecting it. Anything else is ejected first, from every slot.
    /// </summary>
    public async Task<BootPart> InsertAsync(JsonElement system, Uri image, CancellationToken stop)
    {
        if (image.Query.Length > 0) throw new ArgumentException("Some BMCs refuse an image address with a query.", nameof(image));
        var slots = await SlotsAsync(system, stop);
        if (slots.Any(slot => slot.Shows(image))) return BootPart.Done;
        foreach (var slot in slots) await EjectAsync(slot, stop);

        RedfishException? refusal = null;
        foreach (var slot in slots.OrderBy(slot => slot.Rank).Where(slot => slot.Rank < MediaSlot.NoCd))
        {
            try
            {
                var answer = await InsertAsync(slot, image, stop);
                var shows = (await ReadAsync(slot.Resource, stop)).Shows(image);
                return new(shows, TaskWatch.MonitorOf(answer, client), shows ? null : "The BMC accepted the image and does not show it.");
            }
            catch (RedfishException refused) when (refused.Status is 400 or 405)
            {
                refusal = refused; // Cisco: not every slot takes images.
            }
        }

        throw refusal ?? new RedfishException(RedfishFailure.Rejected, "The BMC has no virtual CD.");
    }

    public async Task<BootPart> EjectAsync(JsonElement system, CancellationToken stop)
    {
        var left = 0;
        foreach (var slot in await SlotsAsync(system, stop))
        {
            if (!await EjectAsync(slot, stop)) left++;
        }

        return new(left == 0, null, left == 0 ? null : "The BMC accepted the eject and still shows an image.");
    }

    private async Task<RedfishAnswer?> InsertAsync(MediaSlot slot, Uri image, CancellationToken stop)
    {
        if (slot.InsertAction is not { } action)
        {
            return await client.UpdateAsync(slot.Resource, _ => new() { ["Image"] = image.OriginalString, ["Inserted"] = true, ["WriteProtected"] = true }, stop);
        }

        // Each BMC that misses a parameter misses the next one in this order (sushy virtual_media.py).
        Action<JsonObject>[] parameters =
        [
            body => body["TransferProtocolType"] = image.Scheme.ToUpperInvariant(),
            body => body["TransferMethod"] = "Stream",
            body => (body["UserName"], body["Password"]) = ("none", "none"),
        ];
        var body = new JsonObject { ["Image"] = image.OriginalString };
        for (var added = 0; ; added++)
        {
            try
            {
                return await client.PostAsync(client.Resolve(action), (JsonObject)body.DeepClone(), stop);
            }
            catch (RedfishException refused) when (added < parameters.Length && refused.Says("ActionParameterMissing"))
            {
                parameters[added](body);
            }
        }
    }

    /// <returns>Whether the slot reads back empty.</returns>
    private async Task<bool> EjectAsync(MediaSlot slot, CancellationToken stop)
    {
        for (var tries = 1; slot.IsTaken; tries++)
        {
            try
            {
                if (slot.EjectAction is { } action) await client.PostAsync(client.Resolve(action), [], stop); // HPE: 415 without a body.
                else await client.UpdateAsync(slot.Resource, _ => new() { ["Image"] = null, ["Inserted"] = false }, stop);
            }
            catch (RedfishException fault) when (fault.Failure is RedfishFailure.Rejected or RedfishFailure.Busy)
            {
                // An error is a success if the slot is empty, and worth another try if the BMC stumbled.
                if ((await ReadAsync(slot.Resource, stop)).IsTaken && (fault.Failure == RedfishFailure.Rejected || tries == EjectTries)) throw;
            }

            slot = await ReadAsync(slot.Resource, stop);
            if (tries == EjectTries) break;
        }

        return !slot.IsTaken;
    }

    private async Task<List<MediaSlot>> SlotsAsync(JsonElement system, CancellationToken stop)
    {
        var members = await client.MembersAsync(system.Link("VirtualMedia"), stop);
        if (members.Count == 0 && facts.Manager is { } manager)
            members = await client.MembersAsync((await client.FindAsync(manager, stop))?.Body.Link("VirtualMedia"), stop);
        if (facts.Profile.OnlyMediaSlot is { } only && members.Where(member => member.AbsolutePath.TrimEnd('/').EndsWith($"/{only}", StringComparison.Ordinal)).ToList() is { Count: > 0 } chosen)
            members = chosen;

        var slots = new List<MediaSlot>();
        foreach (var member in members) slots.Add(await ReadAsync(member, stop));
        return slots;
    }

    private async Task<MediaSlot> ReadAsync(Uri slot, CancellationToken stop) => new(slot, (await client.GetAsync(slot, stop)).Body);

    private sealed record MediaSlot(Uri Resource, JsonElement Body)
    {
        public const int NoCd = 2;

        /// <summary>CD before DVD before none of both; a slot that says nothing counts as DVD.</summary>
        public int Rank => Body.Texts("MediaTypes") switch
        {
            var types when types.Contains("CD", StringComparer.OrdinalIgnoreCase) => 0,
            [] => 1,
            var types when types.Contains("DVD", StringComparer.OrdinalIgnoreCase) => 1,
            _ => NoCd,
        };

        public bool IsTaken => Body.Flag("Inserted") ?? Body.Text("Image") is not null;
        public string? InsertAction => Body.Text("Actions", "#VirtualMedia.InsertMedia", "target");
        public string? EjectAction => Body.Text("Actions", "#VirtualMedia.EjectMedia", "target");

        /// <summary>A BMC that shows no address at all is believed.</summary>
        public bool Shows(Uri image) => IsTaken && (Body.Text("Image") ?? (Body.Text("ImageName") is null ? null : image.OriginalString)) == image.OriginalString;
    }
}
