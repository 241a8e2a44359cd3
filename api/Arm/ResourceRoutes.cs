using ControlPlane.Contracts.Arm;

namespace ControlPlane.Api.Arm;

/// <summary>What the generic verbs of one resource type are: permission, and what the OpenAPI document says of them.</summary>
internal sealed class ResourceRoutes(RegisteredType type)
{
    private readonly string noun = type.PropertiesType.Name.EndsWith('y') ? type.PropertiesType.Name[..^1] + "ies" : type.PropertiesType.Name + "s";

    /// <summary>An address that is known for what it is not: it tells whoever is signed in what there is instead, and is in no document.</summary>
    public static ArmRoute Unknown { get; } = new("", Action: null, "");

    public ArmRoute Get => new($"{noun}_Get", $"{type.Permissions}/read", "Read one.") { Answers = [new(200, "The resource.", type.Shapes.Resource)] };

    public ArmRoute Head => new($"{noun}_CheckExistence", $"{type.Permissions}/read", "Whether it exists: 404 when it does not.") { Answers = [new(204, "It does.")] };

    public ArmRoute Put => new($"{noun}_CreateOrUpdate", $"{type.Permissions}/write", "Create, or replace: what is left out returns to its default.")
    {
        Body = type.Shapes.Resource,
        Answers = [new(200, "Replaced.", type.Shapes.Resource), new(201, "Created.", type.Shapes.Resource)],
        FinalStateVia = type.CompletesOnWrite ? null : "azure-async-operation",
    };

    public ArmRoute Patch => new($"{noun}_Update", $"{type.Permissions}/write", "Merge patch of properties (RFC 7396); tags replaces all tags.")
    {
        Body = type.Shapes.Patch,
        Answers = type.CompletesOnWrite ? [new(200, "Done.", type.Shapes.Resource)] : [new(200, "Done.", type.Shapes.Resource), new(202, "Accepted.")],
        FinalStateVia = type.CompletesOnWrite ? null : "location",
    };

    public ArmRoute Delete => type.IsDeletedAtOnce
        ? new($"{noun}_Delete", $"{type.Permissions}/delete", "Delete.") { Answers = [new(200, "Deleted."), new(204, "There is none.")] }
        : new($"{noun}_Delete", $"{type.Permissions}/delete", "Delete; forceDeletion=true forgets it without touching the outside world.")
        {
            Query = [new("forceDeletion", "true: forget it without touching the outside world, for hardware that is gone.", Shape: typeof(bool))],
            Answers = [new(202, "Accepted."), new(204, "There is none.")],
            FinalStateVia = "location",
        };

    public ArmRoute Act(ResourceAction action) => new($"{noun}_{char.ToUpperInvariant(action.Name[0])}{action.Name[1..]}", $"{type.Permissions}/{action.Name}/action", action.Description)
    {
        Body = action.Body,
        Answers = action.ReturnsResource ? [new(200, "The resource, once it is done.", type.Shapes.Resource), new(202, "Accepted.")] : [new(202, "Accepted."), new(204, "Done, without a result.")],
        FinalStateVia = "location",
    };

    /// <summary>The list in which a resource at <paramref name="template"/> stands.</summary>
    public ArmRoute List(string template) => new(
        type.Type == ResourceType.ResourceGroup ? $"{noun}_List"
        : type.IsExtension ? $"{noun}_ListForScope"
        : template.Contains("/resourceGroups/", StringComparison.Ordinal) ? $"{noun}_ListByResourceGroup"
        : template.StartsWith("/subscriptions/", StringComparison.Ordinal) ? $"{noun}_ListBySubscription" : $"{noun}_List",
        $"{type.Permissions}/read", "List, a page at a time.") { IsPaged = true, IsFiltered = true, Query = ListParameters, Answers = [Page(type.Shapes.Resource)] };

    public ArmRoute ListBySubscription => new($"{noun}_ListBySubscription", $"{type.Permissions}/read", "List, a page at a time.") { IsPaged = true, IsFiltered = true, Query = ListParameters, Answers = [Page(type.Shapes.Resource)] };

    /// <summary>Resources of every type: each is shown to those who may read it.</summary>
    public static ArmRoute ListAll(string operationId) => new(operationId, "*/read", "List resources of every type, a page at a time.") { IsPaged = true, IsFiltered = true, Query = ListParameters, Answers = [new(200, "A page.", typeof(Page<ResourceRead>))] };

    private static RouteAnswer Page(Type resource) => new(200, "A page.", typeof(Page<>).MakeGenericType(resource));

    private static IReadOnlyList<QueryParameter> ListParameters { get; } =
    [
        new("$top", "Items per page, 1 to 1000.", Shape: typeof(int)),
        new("$filter", "location, name, tagName and tagValue with eq, substringof('text', name); joined by and."),
    ];
}
