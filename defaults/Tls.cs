using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Defaults;

/// <summary>
/// The server's certificate from the files that an ACME client keeps up to date: <c>Tls:CertificatePath</c> (PEM, the certificate first and then its chain) and <c>Tls:KeyPath</c>.
/// Without them Kestrel's own settings count.
/// </summary>
public static class Tls
{
    /// <summary>New connections get the certificate that is in the files; open ones keep theirs.</summary>
    public static WebApplicationBuilder AddTls(this WebApplicationBuilder builder)
    {
        if (builder.Configuration["Tls:CertificatePath"] is not { Length: > 0 } path)
            return builder;
        var key = builder.Configuration["Tls:KeyPath"] ?? throw new InvalidOperationException("Tls:KeyPath is not set, although Tls:CertificatePath is; it names the PEM file with the private key.");
        builder.Services.AddSingleton(provider => new CertificateFiles(path, key, provider.GetRequiredService<ILogger<CertificateFiles>>(), provider.GetService<TimeProvider>() ?? TimeProvider.System));
        builder.Services.AddHostedService(provider => provider.GetRequiredService<CertificateFiles>());
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureHttpsDefaults(https =>
        {
            var files = kestrel.ApplicationServices.GetRequiredService<CertificateFiles>();
            https.ServerCertificateSelector = (_, _) => files.Current.TargetCertificate;
            https.OnAuthenticate = (_, options) =>
            {
                // The context sends the chain as well, which a certificate alone does not.
                options.ServerCertificateSelectionCallback = null;
                options.ServerCertificateContext = files.Current;
            };
        }));
        return builder;
    }
}

/// <summary>
/// Looks into the files every few seconds, at what is in them: links such as certbot's change without a notice from the file system. Files that do not fit together, as between
/// two writes, or that are broken change nothing.
/// </summary>
internal sealed partial class CertificateFiles : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    private readonly string certificatePath;
    private readonly string keyPath;
    private readonly ILogger<CertificateFiles> logger;
    private readonly TimeProvider time;
    private string seen;
    private volatile SslStreamCertificateContext current;

    public CertificateFiles(string certificatePath, string keyPath, ILogger<CertificateFiles> logger, TimeProvider time)
    {
        (this.certificatePath, this.keyPath, this.logger, this.time) = (certificatePath, keyPath, logger, time);
        try
        {
            var (certificate, key) = (File.ReadAllText(certificatePath), File.ReadAllText(keyPath));
            (seen, current) = (Fingerprint(certificate, key), Load(certificate, key));
        }
        catch (Exception failure) when (IsBroken(failure))
        {
            throw new InvalidOperationException($"Tls:CertificatePath ({certificatePath}) and Tls:KeyPath ({keyPath}) do not hold a PEM certificate and its private key: {failure.Message}", failure);
        }
    }

    /// <summary>What new connections are served with.</summary>
    public SslStreamCertificateContext Current => current;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await LookAsync(stoppingToken);
    }

    private async Task LookAsync(CancellationToken cancel)
    {
        try
        {
            var (certificate, key) = (await File.ReadAllTextAsync(certificatePath, cancel), await File.ReadAllTextAsync(keyPath, cancel));
            var fingerprint = Fingerprint(certificate, key);
            if (fingerprint == seen)
                return;
            // Noted before it is tried: what is broken is reported once, not at every look.
            seen = fingerprint;
            current = Load(certificate, key);
            Log.Changed(logger, current.TargetCertificate.Subject, current.TargetCertificate.NotAfter);
        }
        catch (Exception failure) when (IsBroken(failure))
        {
            Log.Broken(logger, failure, certificatePath, keyPath);
        }
    }

    private static SslStreamCertificateContext Load(string certificate, string key)
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificate);
        using var pair = X509Certificate2.CreateFromPem(certificate, key);
        // Only a key that came by PKCS #12 serves on every platform.
        var leaf = X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), password: null);
        return SslStreamCertificateContext.Create(leaf, [.. chain.Skip(1)], offline: true);
    }

    private static string Fingerprint(string certificate, string key) => Convert.ToHexString(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(certificate + '\n' + key)));

    private static bool IsBroken(Exception failure) => failure is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "New connections are served with the certificate of {Subject}, valid until {Until}")]
        public static partial void Changed(ILogger logger, string subject, DateTime until);

        [LoggerMessage(LogLevel.Warning, "{Certificate} and {Key} cannot be used; the certificate before them stays in use")]
        public static partial void Broken(ILogger logger, Exception failure, string certificate, string key);
    }
}
