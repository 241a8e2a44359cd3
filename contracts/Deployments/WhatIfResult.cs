using System.Text.Json;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Contracts.Deployments;

/// <summary>What would happen to a resource (Azure's WhatIfChange).</summary>
public enum WhatIfChangeType { Create, Delete, Ignore, Deploy, NoChange, Modify, Unsupported }

/// <summary>What would happen to a property.</summary>
public enum WhatIfPropertyChangeType { Create, Delete, Modify, Array, NoEffect }

/// <summary>The answer of <c>whatIf</c>.</summary>
public sealed record WhatIfResult(string Status, WhatIfProperties? Properties = null, ErrorBody? Error = null);

/// <summary>Every resource that the deployment would touch or leave alone.</summary>
public sealed record WhatIfProperties(IReadOnlyList<WhatIfChange> Changes);

/// <summary>One resource; <paramref name="UnsupportedReason"/> says why it would be refused.</summary>
public sealed record WhatIfChange(
    string ResourceId, WhatIfChangeType ChangeType, string? UnsupportedReason = null, JsonElement? Before = null, JsonElement? After = null, IReadOnlyList<WhatIfPropertyChange>? Delta = null);

/// <summary>One property; the children of an array have its indexes as paths.</summary>
public sealed record WhatIfPropertyChange(
    string Path, WhatIfPropertyChangeType PropertyChangeType, JsonElement? Before = null, JsonElement? After = null, IReadOnlyList<WhatIfPropertyChange>? Children = null);

/// <summary>The answer of <c>exportTemplate</c>.</summary>
public sealed record ExportedTemplate(JsonElement Template);

/// <summary>The answer of <c>calculateTemplateHash</c>.</summary>
public sealed record TemplateHashResult(string MinifiedTemplate, string TemplateHash);
