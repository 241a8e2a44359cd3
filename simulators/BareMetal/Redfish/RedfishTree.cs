namespace ControlPlane.Simulators.BareMetal.Redfish;

/// <summary>The map of the tree: which path is which page.</summary>
internal static class RedfishTree
{
    /// <summary>The page at the segments behind <c>/redfish/v1</c>, or null.</summary>
    public static RedfishPage? Find(Machine machine, string[] path, string account)
    {
        var personality = machine.Personality;
        return path switch
        {
            [] => ServicePages.Root(machine),
            ["SessionService", .. var rest] when !personality.NoSessionService => ServicePages.Sessions(machine, rest, account),
            ["TaskService", .. var rest] => ServicePages.Tasks(machine, rest),
            ["EventService", .. var rest] => EventPages.Find(machine, rest),
            ["UpdateService"] => ServicePages.Update(machine),
            ["Systems"] => RedfishPage.Collection(machine.Path("Systems"), "ComputerSystemCollection", "Systems", [machine.SystemPath]),
            ["Systems", var id, .. var rest] when Same(id, personality.SystemId) => SystemPages.Find(machine, rest),
            ["Chassis"] => RedfishPage.Collection(machine.Path("Chassis"), "ChassisCollection", "Chassis", [machine.ChassisPath]),
            ["Chassis", var id, .. var rest] when Same(id, personality.ChassisId) => ChassisPages.Find(machine, rest),
            ["Managers"] => RedfishPage.Collection(machine.Path("Managers"), "ManagerCollection", "Managers", [machine.ManagerPath]),
            ["Managers", var id, .. var rest] when Same(id, personality.ManagerId) => ManagerPages.Find(machine, rest),
            _ => null,
        };
    }

    private static bool Same(string left, string right) => string.Equals(left, right, StringComparison.Ordinal);
}
