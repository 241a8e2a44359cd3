using ControlPlane.Admission;
using ControlPlane.Persistence;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Bench;

/// <summary>The product's own deciding parts in this process, on a front door's database: what a part of a request costs cannot be seen from outside.</summary>
internal static class Inside
{
    public static ServiceProvider Open(FrontDoorProcess door)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["ConnectionStrings:postgres"] = door.Postgres,
            ["Quota:DefaultLimit"] = $"{int.MaxValue}",
        }).Build();
        return new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(configuration).AddSingleton(TimeProvider.System).AddControlPlaneDb(configuration).AddAdmission().BuildServiceProvider();
    }
}
