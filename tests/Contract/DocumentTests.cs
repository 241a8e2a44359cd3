using System.Text.Json;
using ControlPlane.Api.Arm;
using ControlPlane.Tests.Architecture;
using ControlPlane.Tests.Fixtures;
using Xunit;

namespace ControlPlane.Tests.Contract;

/// <summary>The documents that are served are the documents that are committed, and ARM's own rules find nothing wrong with them.</summary>
public sealed class DocumentTests(ControlPlaneFixture plane) : IClassFixture<ControlPlaneFixture>
{
    private static string Served { get; } = Path.Combine(Product.Root, ".local", "results", "contract");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_committed_documents_are_those_that_are_served()
    {
        Assert.Equal(await SaveAsync("openapi.yaml", "/openapi.yaml"), Product.Read("openapi.yaml"));
        foreach (var name in await NamesAsync())
        {
            var (file, served) = (FileOf(name), await SaveAsync(FileOf(name), $"/swagger/{name}.json"));
            Assert.True(File.Exists(Path.Combine(Product.Root, file)) && served == Product.Read(file), $"{file} is out of date: ./dev openapi");
        }
    }

    [Fact]
    public async Task Arms_own_rules_find_no_error()
    {
        foreach (var name in await NamesAsync())
            await SaveAsync(FileOf(name), $"/swagger/{name}.json");
        var findings = (await Node.RunAsync("lint.cjs", Cancel, Directory.GetFiles(Path.Combine(Served, "docs", "swagger"), "*.json"))).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var errors = findings.Where(line => JsonSerializer.Deserialize<JsonElement>(line).GetProperty("isError").GetBoolean()).ToList();
        Assert.True(errors.Count == 0, $"{errors.Count} errors:\n{string.Join('\n', errors)}");
    }

    private async Task<IReadOnlyList<string>> NamesAsync() => JsonSerializer.Deserialize<List<string>>((await plane.Arm.GetAsync("/swagger")).Is(200).Text)!;

    private static string FileOf(string name) => name == Swagger.Common ? $"docs/swagger/{Swagger.CommonFile}" : $"docs/swagger/{name}.json";

    /// <summary>Keeps what is served beside the results, to compare it and to lint it.</summary>
    private async Task<string> SaveAsync(string file, string path)
    {
        var answer = await plane.Arm.GetAsync(path);
        Assert.True(answer.Status == 200, $"{answer}\n{string.Join('\n', plane.Log.Errors)}");
        var text = answer.Text;
        var target = Path.Combine(Served, file);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        await File.WriteAllTextAsync(target, text, Cancel);
        return text;
    }
}
