using ControlPlane.Agent;
using Microsoft.Extensions.Hosting;

try
{
    await AgentComposition.Build(Host.CreateApplicationBuilder(args)).RunAsync();
    return 0;
}
catch (InvalidOperationException wrong)
{
    // Something that the agent must be told is missing; which, the message says.
    await Console.Error.WriteLineAsync(wrong.Message);
    return 64;
}
