namespace ControlPlane.Contracts.Arm;

/// <summary>A resource group: what is created and deleted together. Deleting it deletes everything in it, as one operation.</summary>
public sealed record ResourceGroup : IResource<ResourceGroup, NoStatus>
{
    public static ResourceType Type => ResourceType.ResourceGroup;
    public static IReadOnlyList<string> ApiVersions => Arm.ApiVersions.Azure;
    public static bool CompletesOnWrite => true;
    public static TimeSpan TimeLimit(string request) => TimeSpan.FromHours(4);

    public static IEnumerable<Violation> Violations(ResourceGroup wanted, ResourceGroup? current) => [];
}
