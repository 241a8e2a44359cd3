using System.Reflection;
using ControlPlane.Contracts.Arm;

namespace ControlPlane.Worker.Arm;

/// <summary>Which runner carries out which request: every <see cref="Operation{T,TStatus}"/> of this assembly under the names of its <see cref="RunsOnAttribute"/>s.</summary>
internal sealed class OperationRegistry
{
    private readonly Dictionary<(string Type, string Request), Type> runners = [];

    public Type? Find(string resourceType, string request) => runners.GetValueOrDefault((resourceType, request));

    public IEnumerable<(string Type, string Request)> Requests => runners.Keys;

    public static OperationRegistry Register(IServiceCollection services)
    {
        var registry = new OperationRegistry();
        foreach (var operation in typeof(OperationRegistry).Assembly.GetTypes().Where(type => type.IsDefined(typeof(RunsOnAttribute))))
        {
            var parent = operation;
            while (parent is not { IsGenericType: true } || parent.GetGenericTypeDefinition() != typeof(Operation<,>))
                parent = parent!.BaseType;
            var arguments = parent.GenericTypeArguments;
            var runner = typeof(OperationRunner<,,>).MakeGenericType(arguments[0], arguments[1], operation);
            var type = (ResourceType)arguments[0].GetProperty(nameof(ResourceGroup.Type), BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;
            services.AddScoped(operation);
            services.AddScoped(runner);
            foreach (var request in operation.GetCustomAttributes<RunsOnAttribute>().Select(runs => runs.Request))
                registry.runners.Add((type.ToString(), request), runner);
        }

        return registry;
    }
}
