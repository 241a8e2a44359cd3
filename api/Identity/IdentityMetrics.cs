using System.Diagnostics.Metrics;

namespace ControlPlane.Api.Identity;

/// <summary>What is counted about identity, on the meter <c>ControlPlane.Identity</c>.</summary>
internal sealed class IdentityMetrics
{
    public const string MeterName = "ControlPlane.Identity";

    private readonly Counter<long> keyLoads;
    private readonly Counter<long> tokens;
    private readonly Counter<long> refusals;
    private readonly Counter<long> validations;

    public IdentityMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        keyLoads = meter.CreateCounter<long>("controlplane.identity.signing_key_loads", "{load}", "Times the signing keys were read from the database.");
        tokens = meter.CreateCounter<long>("controlplane.identity.tokens_issued", "{token}", "Access tokens issued.");
        refusals = meter.CreateCounter<long>("controlplane.identity.token_requests_refused", "{request}", "Token requests refused, by OAuth error.");
        validations = meter.CreateCounter<long>("controlplane.identity.token_validations", "{token}", "Access tokens whose signature was checked, by outcome.");
    }

    public void SigningKeysLoaded() => keyLoads.Add(1);

    public void TokenIssued() => tokens.Add(1);

    public void TokenRequestRefused(string error) => refusals.Add(1, new KeyValuePair<string, object?>("error", error));

    public void TokenValidated(string outcome) => validations.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
}
