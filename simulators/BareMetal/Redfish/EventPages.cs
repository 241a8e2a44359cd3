using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;
using static ControlPlane.Simulators.BareMetal.Redfish.RedfishPage;

namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>Event service: subscriptions are kept and refused as real BMCs do; no event is delivered.</summary>
internal static class EventPages
{
    public static RedfishPage? Find(Machine machine, string[] path) => path switch
    {
        [] => Of(machine.Path("EventService"), "#EventService.v1_10_0.EventService", "EventService", "Event Service", new JsonObject
        {
            ["ServiceEnabled"] = true, ["DeliveryRetryAttempts"] = 3, ["Subscriptions"] = Link(machine.Path("EventService/Subscriptions")),
        }),
        ["Subscriptions"] => new RedfishPage
        {
            Body = Collection(machine.Path("EventService/Subscriptions"), "EventDestinationCollection", "Subscriptions",
                machine.Bmc.Subscriptions.Select(subscription => machine.Path($"EventService/Subscriptions/{subscription.Id}"))).Body,
            Post = body => Subscribe(machine, body),
        },
        ["Subscriptions", var id] => machine.Bmc.Subscriptions.Find(subscription => subscription.Id == id) is { } found ? SubscriptionPage(machine, found) : null,
        _ => null,
    };

    private static RedfishAnswer Subscribe(Machine machine, JsonObject? body)
    {
        if (body.Text("Destination") is not { Length: > 0 } destination) return RedfishErrors.Missing(machine, "Destination");
        if (machine.Personality.RejectsDeliveryRetryPolicy && body!.ContainsKey("DeliveryRetryPolicy"))
            return RedfishErrors.Error(machine, 400, "PropertyNotWritableOrUnknown", "The property DeliveryRetryPolicy is not writable or unknown.", "DeliveryRetryPolicy");
        if (machine.Personality.Vendor == "HPE" && body.Text("EventFormatType") is "") return RedfishErrors.NotInList(machine, "EventFormatType", "");
        if (machine.Personality.Vendor == "Dell" && (body!.ContainsKey("ResourceTypes") || body.ContainsKey("RegistryPrefixes")))
            return RedfishErrors.Unknown(machine, body.ContainsKey("ResourceTypes") ? "ResourceTypes" : "RegistryPrefixes");
        if (machine.Bmc.Subscriptions.Exists(subscription => subscription.Destination == destination))
            return RedfishErrors.Error(machine, 409, "Base.1.18.ResourceAlreadyExists", "The requested subscription already exists.", "EventDestination", "Destination", destination);
        var id = $"{machine.Bmc.Subscriptions.Count + 1}";
        var made = new Subscription(id, destination, body.Text("Context"), body.Text("Protocol") ?? "Redfish");
        machine.Bmc.Subscriptions.Add(made);
        return new RedfishAnswer(201, SubscriptionPage(machine, made).Body) { Location = machine.Path($"EventService/Subscriptions/{id}"), Effect = "subscription:created" };
    }

    private static RedfishPage SubscriptionPage(Machine machine, Subscription subscription) => new()
    {
        Body = Of(machine.Path($"EventService/Subscriptions/{subscription.Id}"), "#EventDestination.v1_13_0.EventDestination", subscription.Id, "Subscription", new JsonObject
        {
            ["Destination"] = subscription.Destination, ["Context"] = subscription.Context, ["Protocol"] = subscription.Protocol, ["EventFormatType"] = "Event",
        }).Body,
        Delete = () =>
        {
            machine.Bmc.Subscriptions.Remove(subscription);
            return RedfishAnswer.NoContent("subscription:deleted");
        },
    };
}
