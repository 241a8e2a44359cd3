using System.Text.Json.Nodes;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Controllers;

/// <summary>Conditions of a status: one of each type, with the time since when it is what it is.</summary>
internal static class Conditions
{
    public static void Set(JsonObject status, string type, bool isTrue, string reason, string message, string now)
    {
        if (status["conditions"] is not JsonArray conditions) status["conditions"] = conditions = [];
        var value = isTrue ? "True" : "False";
        var condition = conditions.OfType<JsonObject>().FirstOrDefault(one => one.Text("type") == type);
        if (condition is null) conditions.Add(condition = new JsonObject { ["type"] = type });
        if (condition.Text("status") != value) condition["lastTransitionTime"] = now;
        (condition["status"], condition["reason"], condition["message"]) = (value, reason, message);
    }

    public static bool IsTrue(JsonObject? status, string type) =>
        (status?["conditions"] as JsonArray ?? []).OfType<JsonObject>().Any(one => one.Text("type") == type && one.Text("status") == "True");
}
