using System.Text.Json;
using ControlPlane.Admission.Arm;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Admission.Deployments;

/// <summary>Something wrong with a template: where (a path such as <c>resources[2].properties.slots</c>) and what to do about it.</summary>
internal sealed record TemplateFault(string Path, string Message, string Code = TemplateFault.Invalid)
{
    public const string Invalid = "InvalidTemplate";
    public const string TooBig = "DeploymentTemplateLimitExceeded";
    public const string Unsupported = "DeploymentFeatureNotSupported";

    /// <summary>As ARM shows it: the path also stands in <c>additionalInfo</c>, as type TemplateViolation.</summary>
    public ErrorBody Body => new(Code, Sentence, Path.Length == 0 ? null : Path, AdditionalInfo: [new("TemplateViolation", Violation)]);

    private string Sentence => $"Deployment template validation failed: {(Path.Length == 0 ? "" : $"'{Path}': ")}{Message}.";

    private JsonElement Violation => Json.Element(new { lineNumber = 0, linePosition = 0, path = Path });
}

/// <summary>The evaluation cannot go on at this place; whoever knows the place turns it into a <see cref="TemplateFault"/>.</summary>
internal sealed class TemplateException(string code, string message) : Exception(message)
{
    public TemplateException(string message) : this(TemplateFault.Invalid, message)
    {
    }

    public string Code { get; } = code;
}

/// <summary>Collects every fault of a template, as far as they can be found independently of each other.</summary>
internal sealed class TemplateFaults
{
    private const int Most = 50;
    private readonly List<TemplateFault> all = [];

    public IReadOnlyList<TemplateFault> All => all;

    public void Add(string path, string message, string code = TemplateFault.Invalid)
    {
        if (all.Count < Most)
            all.Add(new(path, message, code));
    }

    /// <summary>What <paramref name="act"/> gives, or <paramref name="otherwise"/> once its fault has been noted; a used-up budget ends everything.</summary>
    public T Try<T>(string path, Func<T> act, T otherwise)
    {
        try
        {
            return act();
        }
        catch (TemplateException failure) when (failure.Code != TemplateFault.TooBig)
        {
            Add(path, failure.Message, failure.Code);
            return otherwise;
        }
        catch (TemplateException failure)
        {
            Add(path, failure.Message, failure.Code);
            throw Exception();
        }
    }

    public void Demand()
    {
        if (all.Count > 0)
            throw Exception();
    }

    /// <summary>One fault speaks for itself; several are details of one error.</summary>
    public ArmException Exception() => new(400, all.Count == 1 ? all[0].Body
        : new(all.Any(fault => fault.Code == TemplateFault.TooBig) ? TemplateFault.TooBig : TemplateFault.Invalid,
            $"Deployment template validation failed: the template has {all.Count} errors; see details.", Details: [.. all.Select(fault => fault.Body)]));
}
