using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Npgsql;

namespace ControlPlane.Persistence;

/// <summary>Lets <c>dotnet ef migrations add</c> build the model without a host; it never connects.</summary>
internal sealed class DesignTime : IDesignTimeDbContextFactory<ControlPlaneDb>
{
    public ControlPlaneDb CreateDbContext(string[] args) =>
        new((DbContextOptions<ControlPlaneDb>)new DbContextOptionsBuilder<ControlPlaneDb>().UseControlPlane(NpgsqlDataSource.Create("Host=localhost")).Options);
}
