using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;

namespace ControlPlane.Cli;

/// <summary>`apply -f`: PUTs every resource of a file, in the file's order.</summary>
internal static class ApplyCommand
{
    public static Command Create()
    {
        var files = ManifestOptions.Files();
        var wait = new Option<bool>("--wait") { Description = "Wait for each resource before the next one is sent." };
        var command = new Command("apply", "Create or replace the resources of a YAML file.") { files, wait };
        var variables = ManifestOptions.AddTo(command);
        return Session.Run(command, async (client, parsed, cancel) =>
        {
            var manifests = ManifestOptions.Read(client.Connection, parsed, files, variables);
            foreach (var manifest in manifests)
            {
                var accepted = await PutAsync(client, manifest, cancel);
                if (!parsed.GetValue(wait))
                    continue;
                if (!await Following.ToTheEndAsync(client, accepted, Name(manifest), cancel))
                    return ExitCode.Failed;
            }

            return ExitCode.Ok;
        });
    }

    /// <summary>PUTs one resource and says what that meant.</summary>
    public static async Task<ArmResponse> PutAsync(Client client, Manifest manifest, CancellationToken cancel)
    {
        var accepted = await client.SendAsync(HttpMethod.Put, ResourceAddress.Versioned(manifest.Id, manifest.ApiVersion), (JsonNode)manifest.Body, cancel);
        Console.WriteLine($"{Name(manifest)} {(accepted.Status == HttpStatusCode.Created ? "created" : "replaced")}");
        return accepted;
    }

    private static string Name(Manifest manifest) => string.Join('/', manifest.Id.Split('/')[^2..]);
}

/// <summary>The options by which a command reads manifests.</summary>
internal static class ManifestOptions
{
    public static Option<string[]> Files() => new("--file", "-f") { Description = "YAML file; - reads standard input.", Required = true };

    public static (Option<string[]> Var, Option<string[]> VarFile) AddTo(Command command)
    {
        var one = new Option<string[]>("--var") { Description = "name=value for {{name}}; name=@file takes the text of a file, without the last line break." };
        var file = new Option<string[]>("--var-file") { Description = "JSON file; {{a.b.0}} takes the value at that path." };
        command.Add(one);
        command.Add(file);
        return (one, file);
    }

    public static IReadOnlyList<Manifest> Read(
        Connection connection, ParseResult parsed, Option<string[]> files, (Option<string[]> Var, Option<string[]> VarFile) options)
    {
        var variables = Variables.From(connection, parsed.GetValue(options.VarFile) ?? [], parsed.GetValue(options.Var) ?? []);
        return [.. (parsed.GetValue(files) ?? []).SelectMany(file => Manifest.ReadFile(file, variables, connection))];
    }
}

/// <summary>Follows one operation in words, a line for each change.</summary>
internal static class Following
{
    /// <returns>Whether it succeeded; if not, the reasons were printed.</returns>
    public static async Task<bool> ToTheEndAsync(Client client, ArmResponse accepted, string name, CancellationToken cancel)
    {
        string? shown = null;
        JsonObject status = [];
        await foreach (var next in client.FollowAsync(accepted, cancel))
        {
            status = next;
            var line = OperationLine.Of(status);
            if (!string.Equals(line, shown, StringComparison.Ordinal))
                Report.Line($"  {name}  {line}");
            shown = line;
        }

        if (!ArmStates.IsSuccess(status) && ArmError.From(status["error"]) is { } error)
            Report.Error(error);
        return ArmStates.IsSuccess(status);
    }
}
