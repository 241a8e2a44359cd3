using ControlPlane.Api.Arm;
using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Api.BareMetal;

/// <summary>The certified hardware of a location: read-only, with the evidence for each model.</summary>
internal static class HardwareEndpoints
{
    private const string Collection = "/subscriptions/{subscription}/providers/ControlPlane.BareMetal/locations/{location}/hardwareModels";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, Collection, new("HardwareModels_List", "ControlPlane.BareMetal/locations/hardwareModels/read", "The certified hardware of a location."), http =>
        {
            var (subscription, location) = Scope(http);
            return http.AnswerAsync(new { value = HardwareCatalogue.Models.Select(model => Shown(subscription, location, model)) });
        });
        app.MapArm(HttpMethod.Get, Collection + "/{name}", new("HardwareModels_Get", "ControlPlane.BareMetal/locations/hardwareModels/read", "A certified hardware model and the evidence for it."), http =>
        {
            var (subscription, location) = Scope(http);
            var name = (string)http.Request.RouteValues["name"]!;
            var model = HardwareCatalogue.Models.FirstOrDefault(model => NameOf(model).Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? throw new ArmException(404, new("ResourceNotFound", $"There is no hardware model '{name}' in '{location}'. List {http.Request.Path.Value![..http.Request.Path.Value!.LastIndexOf('/')]} shows all."));
            return http.AnswerAsync(Shown(subscription, location, model));
        });
    }

    private static (string Subscription, string Location) Scope(HttpContext http)
    {
        ApiVersion.Require(http, ResourceTypes.Find(BareMetalMachine.Type));
        var location = Locations.Normalise((string)http.Request.RouteValues["location"]!);
        return http.RequestServices.GetRequiredService<Locations>().Names.Contains(location, StringComparer.Ordinal)
            ? ((string)http.Request.RouteValues["subscription"]!, location)
            : throw ArmErrors.LocationNotFound(location);
    }

    private static object Shown(string subscription, string location, HardwareModel model) => new
    {
        id = $"/subscriptions/{subscription}/providers/ControlPlane.BareMetal/locations/{location}/hardwareModels/{NameOf(model)}",
        name = NameOf(model),
        type = "ControlPlane.BareMetal/locations/hardwareModels",
        properties = model,
    };

    private static string NameOf(HardwareModel model) => model.Name.ToLowerInvariant().Replace(' ', '-');
}
