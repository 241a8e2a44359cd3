using System.Text.Json.Nodes;
using ControlPlane.Simulators.Clusters.Requests;
using ControlPlane.Simulators.Wire;

namespace ControlPlane.Simulators.Clusters.Serving;

/// <summary>"Who am I" and "may I": the reviews that a client asks for about itself, and that are stored nowhere.</summary>
internal static class SelfReviews
{
    public static async Task<KubernetesAnswer?> AnswerAsync(ResourcePath path, Caller user, HttpRequest request)
    {
        if (request.ContentType?.Contains("protobuf", StringComparison.Ordinal) is true)
            return KubernetesAnswer.Failure(415, "UnsupportedMediaType", "this server reads JSON and YAML only");
        if (await RequestBody.ReadAsync(request, request.HttpContext.RequestAborted) is not JsonObject body) body = [];
        switch (path.Resource)
        {
            case "selfsubjectreviews":
                body["status"] = new JsonObject { ["userInfo"] = new JsonObject { ["username"] = user.Name, ["groups"] = Json.Array(user.Groups) } };
                break;
            case "selfsubjectaccessreviews" when body["spec"] is JsonObject spec && spec["resourceAttributes"] is JsonObject wanted:
                var method = Method(wanted.Text("verb"));
                body["status"] = new JsonObject { ["allowed"] = user.May(method, new ResourcePath("", wanted.Text("namespace") ?? "", wanted.Text("resource") ?? "", wanted.Text("name"), null)) };
                break;
            default:
                return null;
        }

        (body["apiVersion"], body["kind"]) = (path.ApiVersion, path.Resource == "selfsubjectreviews" ? "SelfSubjectReview" : "SelfSubjectAccessReview");
        return KubernetesAnswer.Of(body, 201);
    }

    private static string Method(string? verb) => verb switch
    {
        "get" or "list" or "watch" => "GET",
        "create" => "POST",
        "update" => "PUT",
        "delete" or "deletecollection" => "DELETE",
        _ => (verb ?? "").ToUpperInvariant(),
    };
}
