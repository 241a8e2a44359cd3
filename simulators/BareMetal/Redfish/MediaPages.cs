using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>Virtual media, under the system, under the manager, or under both.</summary>
internal static class MediaPages
{
    public static RedfishPage? Find(Machine machine, string parent, string[] path)
    {
        var root = $"{parent.TrimEnd('/')}/VirtualMedia";
        var slash = machine.Personality.TrailingSlashes ? "/" : "";
        if (path is []) return Collection(root + slash, "VirtualMediaCollection", "Virtual Media Services", machine.Bmc.Media.Select(slot => $"{root}/{slot.Id}{slash}"));
        if (machine.Bmc.Media.FirstOrDefault(slot => slot.Id == path[0]) is not { } slot) return null;
        return path switch
        {
            [_] => Slot(machine, slot, $"{root}/{slot.Id}", slash),
            [_, "Actions", "VirtualMedia.InsertMedia"] when !machine.Personality.MediaByPatch => new RedfishPage { Post = body => Insert(machine, slot, body, byAction: true) },
            [_, "Actions", "VirtualMedia.EjectMedia"] when !machine.Personality.MediaByPatch => new RedfishPage { Post = body => Eject(machine, slot, body) },
            _ => null,
        };
    }

    private static RedfishPage Slot(Machine machine, MediaSlot slot, string path, string slash)
    {
        var page = Of(path + slash, "#VirtualMedia.v1_6_0.VirtualMedia", slot.Id, $"Virtual {slot.Types[0]}", new JsonObject
        {
            ["MediaTypes"] = Json.Array(slot.Types), ["Image"] = slot.Image, ["ImageName"] = slot.Image?.Split('/')[^1], ["Inserted"] = slot.Inserted,
            ["WriteProtected"] = slot.WriteProtected, ["ConnectedVia"] = slot.Inserted ? "URI" : "NotConnected", ["TransferProtocolType"] = slot.TransferProtocol,
        });
        if (machine.Personality.MediaByPatch) return new RedfishPage { Body = page.Body, Patch = body => Insert(machine, slot, body, byAction: false) };
        page.Body!["Actions"] = new JsonObject
        {
            ["#VirtualMedia.InsertMedia"] = new JsonObject { ["target"] = $"{path}/Actions/VirtualMedia.InsertMedia{slash}" },
            ["#VirtualMedia.EjectMedia"] = new JsonObject { ["target"] = $"{path}/Actions/VirtualMedia.EjectMedia{slash}" },
        };
        return page;
    }

    private static RedfishAnswer Insert(Machine machine, MediaSlot slot, JsonObject? body, bool byAction)
    {
        if (!byAction && (body?["Image"] is null || body["Inserted"] is JsonValue given && given.TryGetValue(out bool inserted) && !inserted))
            return Eject(machine, slot, body);
        if (machine.Personality.FirstMediaSlotRefuses && slot == machine.Bmc.Media.FirstOrDefault(other => other.IsDisc)) return RedfishErrors.NotAllowed(machine, "POST");
        if (body.Text("Image") is not { Length: > 0 } image) return Missing(machine, "Image");
        if (machine.Personality.InsertNeedsTransferProtocol && body.Text("TransferProtocolType") is null) return Missing(machine, "TransferProtocolType");
        if (!Uri.TryCreate(image, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https" or "nfs" or "cifs"))
            return RedfishErrors.Error(machine, 400, "Base.1.18.ActionParameterValueFormatError", "The value for the parameter Image is of a different format than the parameter can accept.", image, "Image");
        if (slot.Inserted && machine.Personality.Vendor == "Dell")
            return RedfishErrors.Error(machine, 500, "VRM0012", "The Virtual Media image server is already connected.");
        var same = slot.Image == image;
        slot.Image = image;
        slot.TransferProtocol = address.Scheme.ToUpperInvariant();
        slot.WriteProtected = true;
        if (!same) machine.MediaInserts++;
        return RedfishAnswer.NoContent(same ? null : $"mediaInsert:{slot.Id}") with { Seconds = machine.Personality.InsertSeconds };
    }

    private static RedfishAnswer Eject(Machine machine, MediaSlot slot, JsonObject? body)
    {
        if (machine.Personality.EjectNeedsBody && body is null)
            return RedfishErrors.Error(machine, 415, "Base.1.18.UnrecognizedRequestBody", "The service detected a request body that it cannot understand.");
        if (!slot.Inserted)
        {
            return machine.Personality.Vendor == "Dell"
                ? RedfishErrors.Error(machine, 500, "VRM0009", "No Virtual Media devices are currently connected.")
                : RedfishAnswer.NoContent(null);
        }

        slot.Image = null;
        slot.TransferProtocol = null;
        return RedfishAnswer.NoContent($"mediaEject:{slot.Id}");
    }

    private static RedfishAnswer Missing(Machine machine, string parameter) => RedfishErrors.Error(
        machine, 400, "Base.1.18.ActionParameterMissing", $"The action VirtualMedia.InsertMedia requires the parameter {parameter} to be present in the request body.", "VirtualMedia.InsertMedia", parameter);
}
