using ControlPlane.Persistence.Arm;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlPlane.Persistence;

/// <summary>The model of everything that is kept; the few statements that must be fast or fenced are written by hand beside the rows they touch.</summary>
public sealed class ControlPlaneDb(DbContextOptions<ControlPlaneDb> options) : DbContext(options)
{
    public DbSet<ResourceRow> Resources => Set<ResourceRow>();
    public DbSet<OperationRow> Operations => Set<OperationRow>();
    public DbSet<ActivityRow> Activities => Set<ActivityRow>();
    public DbSet<SecretRow> Secrets => Set<SecretRow>();
    public DbSet<QuotaRow> Quotas => Set<QuotaRow>();
    public DbSet<QuotaReservationRow> QuotaReservations => Set<QuotaReservationRow>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.UseOpenIddict();
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(ControlPlaneDb).Assembly);
    }
}

/// <summary>How the control plane talks to PostgreSQL: api, worker, migrations and tests all come through here.</summary>
public static class ControlPlaneDbServices
{
    public static IServiceCollection AddControlPlaneDb(this IServiceCollection services, IConfiguration configuration)
    {
        var address = configuration.GetConnectionString("postgres")
            ?? throw new InvalidOperationException("ConnectionStrings:postgres is not set; give the control plane its PostgreSQL, for example ConnectionStrings__postgres='Host=127.0.0.1;Username=postgres;Database=controlplane'.");
        services.AddSingleton(_ => DataSource(address));
        services.AddPooledDbContextFactory<ControlPlaneDb>((provider, db) => db.UseControlPlane(provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<ControlPlaneDb>>().CreateDbContext());
        services.AddSingleton<SecretBox>();
        return services;
    }

    public static DbContextOptionsBuilder UseControlPlane(this DbContextOptionsBuilder options, NpgsqlDataSource source) =>
        options.UseNpgsql(source).UseSnakeCaseNamingConvention();

    private static NpgsqlDataSource DataSource(string address)
    {
        // A connection keeps no state that the next user could see (no temporary tables, settings or session locks are left), so it need not be reset, which costs five statements.
        var settings = new NpgsqlConnectionStringBuilder(address) { MaxAutoPrepare = 100, AutoPrepareMinUsages = 2, NoResetOnClose = true, ApplicationName = "controlplane" };
        if (!address.Contains("Pool Size", StringComparison.OrdinalIgnoreCase))
            settings.MaxPoolSize = 50;
        return NpgsqlDataSource.Create(settings);
    }
}
