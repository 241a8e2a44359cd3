using ControlPlane.Api.Arm;
using ControlPlane.Contracts.BareMetal;

namespace ControlPlane.Api.BareMetal;

/// <summary>The certified hardware of a location: read-only, with the evidence for each model.</summary>
internal static class HardwareEndpoints
{
    private const string Collection = "/subscriptions/{subscription}/providers/ControlPlane.BareMetal/locations/{location}/hardwareModels";

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapArm(HttpMethod.Get, Collection, new("HardwareModels_List", "ControlPlane.BareMetal/locations/hardwareModels/read", "The certified hardware of a location.") { IsPaged = true, Answers = [new(200, "All of it.", typeof(Page<HardwareModelShown>))] }, http =>
        {
            var (subscription, location) = Scope(http);
            return http.AnswerAsync(new Page<HardwareModelShown>([.. HardwareCatalogue.Models.Select(model => Shown(subscription, location, model))], NextLink: null));
        });
        app.MapArm(HttpMethod.Get, Collection + "/{name}", new("HardwareModels_Get", "ControlPlane.BareMetal/locations/hardwareModels/read", "A certified hardware model and the evidence for it.") { Answers = [new(200, "The model.", typeof(HardwareModelShown))] }, http =>
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

    private static HardwareModelShown Shown(string subscription, string location, HardwareModel model) => new(
        $"/subscriptions/{subscription}/providers/ControlPlane.BareMetal/locations/{location}/hardwareModels/{NameOf(model)}", NameOf(model), "ControlPlane.BareMetal/locations/hardwareModels", model);

    private static string NameOf(HardwareModel model) => model.Name.ToLowerInvariant().Replace(' ', '-');

    internal sealed record HardwareModelShown(string Id, string Name, string Type, HardwareModel Properties);
}
