using ControlPlane.Api.Arm;

namespace ControlPlane.Api.Identity.Directory;

/// <summary>The directory's administration in Microsoft Graph's paths and shapes, below <c>/v1.0</c>. Every permission is judged at the tenant: the directory belongs to no subscription.</summary>
internal static class DirectoryRoutes
{
    private static readonly QueryParameter[] Paging = [new("$top", "Items on a page, 1 to 999."), new("$skiptoken", "Where the page begins, as a nextLink says."), new("$filter", "{name} eq '{value}'.")];

    public static void Map(IEndpointRouteBuilder app)
    {
        const string Applications = Graph.Root + "/applications", Application = Applications + "/{id}", Federated = Application + "/federatedIdentityCredentials";
        app.MapArm(HttpMethod.Get, Applications, List("Applications", "applications", typeof(GraphPage<GraphApplication>)), ApplicationEndpoints.ListAsync);
        app.MapArm(HttpMethod.Post, Applications, Create("Applications", "applications", typeof(ApplicationBody), typeof(GraphApplication)), ApplicationEndpoints.CreateAsync);
        app.MapArm(HttpMethod.Get, Application, Get("Applications", "applications", typeof(GraphApplication)), ApplicationEndpoints.GetAsync);
        app.MapArm(HttpMethod.Patch, Application, Change("Applications_Update", "applications", "Change what is given.", typeof(ApplicationBody)), ApplicationEndpoints.UpdateAsync);
        app.MapArm(HttpMethod.Delete, Application, Delete("Applications", "applications"), ApplicationEndpoints.DeleteAsync);
        app.MapArm(HttpMethod.Post, Application + "/addPassword", Write("Applications_AddPassword", "applications", "Make a secret; it is shown this once.", typeof(AddPasswordBody), new(200, "The secret.", typeof(PasswordCredential))), CredentialEndpoints.AddPasswordAsync);
        app.MapArm(HttpMethod.Post, Application + "/removePassword", Change("Applications_RemovePassword", "applications", "Remove a secret.", typeof(RemovePasswordBody)), CredentialEndpoints.RemovePasswordAsync);
        app.MapArm(HttpMethod.Get, Federated, new("FederatedIdentityCredentials_List", "ControlPlane.Identity/applications/read", "List the workloads that may act as the application.") { IsTenantLevel = true, Answers = [new(200, "A page.", typeof(GraphPage<FederatedIdentityCredential>))] }, CredentialEndpoints.ListFederatedAsync);
        app.MapArm(HttpMethod.Post, Federated, Create("FederatedIdentityCredentials", "applications", typeof(FederatedIdentityCredential), typeof(FederatedIdentityCredential)), CredentialEndpoints.AddFederatedAsync);
        app.MapArm(HttpMethod.Get, Federated + "/{credential}", Get("FederatedIdentityCredentials", "applications", typeof(FederatedIdentityCredential)), CredentialEndpoints.GetFederatedAsync);
        app.MapArm(HttpMethod.Patch, Federated + "/{credential}", Change("FederatedIdentityCredentials_Update", "applications", "Change what is given.", typeof(FederatedIdentityCredential)), CredentialEndpoints.UpdateFederatedAsync);
        app.MapArm(HttpMethod.Delete, Federated + "/{credential}", Change("FederatedIdentityCredentials_Delete", "applications", "Delete."), CredentialEndpoints.RemoveFederatedAsync);

        const string Principals = Graph.Root + "/servicePrincipals", Principal = Principals + "/{id}";
        app.MapArm(HttpMethod.Get, Principals, List("ServicePrincipals", "servicePrincipals", typeof(GraphPage<GraphServicePrincipal>)), ServicePrincipalEndpoints.ListAsync);
        app.MapArm(HttpMethod.Post, Principals, Create("ServicePrincipals", "servicePrincipals", typeof(ServicePrincipalBody), typeof(GraphServicePrincipal)), ServicePrincipalEndpoints.CreateAsync);
        app.MapArm(HttpMethod.Get, Principal, Get("ServicePrincipals", "servicePrincipals", typeof(GraphServicePrincipal)), ServicePrincipalEndpoints.GetAsync);
        app.MapArm(HttpMethod.Patch, Principal, Change("ServicePrincipals_Update", "servicePrincipals", "Change what is given.", typeof(ServicePrincipalBody)), ServicePrincipalEndpoints.UpdateAsync);
        app.MapArm(HttpMethod.Delete, Principal, Delete("ServicePrincipals", "servicePrincipals"), ServicePrincipalEndpoints.DeleteAsync);
        app.MapArm(HttpMethod.Get, Principal + "/transitiveMemberOf", MemberOf("ServicePrincipals", "servicePrincipals"), GroupEndpoints.MemberOfAsync);

        const string Users = Graph.Root + "/users", User = Users + "/{id}";
        app.MapArm(HttpMethod.Get, Users, List("Users", "users", typeof(GraphPage<GraphUser>)), UserEndpoints.ListAsync);
        app.MapArm(HttpMethod.Post, Users, Create("Users", "users", typeof(UserBody), typeof(GraphUser)), UserEndpoints.CreateAsync);
        app.MapArm(HttpMethod.Get, User, Get("Users", "users", typeof(GraphUser)), UserEndpoints.GetAsync);
        app.MapArm(HttpMethod.Patch, User, Change("Users_Update", "users", "Change what is given; a new password or a disabled account ends what was signed in before.", typeof(UserBody)), UserEndpoints.UpdateAsync);
        app.MapArm(HttpMethod.Delete, User, Delete("Users", "users"), UserEndpoints.DeleteAsync);
        app.MapArm(HttpMethod.Get, User + "/transitiveMemberOf", MemberOf("Users", "users"), GroupEndpoints.MemberOfAsync);

        const string Groups = Graph.Root + "/groups", Group = Groups + "/{id}";
        app.MapArm(HttpMethod.Get, Groups, List("Groups", "groups", typeof(GraphPage<GraphGroup>)), GroupEndpoints.ListAsync);
        app.MapArm(HttpMethod.Post, Groups, Create("Groups", "groups", typeof(GroupBody), typeof(GraphGroup)), GroupEndpoints.CreateAsync);
        app.MapArm(HttpMethod.Get, Group, Get("Groups", "groups", typeof(GraphGroup)), GroupEndpoints.GetAsync);
        app.MapArm(HttpMethod.Patch, Group, Change("Groups_Update", "groups", "Change what is given.", typeof(GroupBody)), GroupEndpoints.UpdateAsync);
        app.MapArm(HttpMethod.Delete, Group, Delete("Groups", "groups"), GroupEndpoints.DeleteAsync);
        app.MapArm(HttpMethod.Get, Group + "/members", List("GroupMembers", "groups", typeof(GraphPage<GraphObject>)), GroupEndpoints.MembersAsync);
        app.MapArm(HttpMethod.Get, Group + "/transitiveMembers", List("GroupTransitiveMembers", "groups", typeof(GraphPage<GraphObject>)), GroupEndpoints.TransitiveMembersAsync);
        app.MapArm(HttpMethod.Get, Group + "/transitiveMemberOf", MemberOf("Groups", "groups"), GroupEndpoints.MemberOfAsync);
        app.MapArm(HttpMethod.Post, Group + "/members/$ref", Change("GroupMembers_Add", "groups", "Put a user, service principal or group into the group.", typeof(Reference)), GroupEndpoints.AddMemberAsync);
        app.MapArm(HttpMethod.Delete, Group + "/members/{member}/$ref", Change("GroupMembers_Remove", "groups", "Take a member out of the group."), GroupEndpoints.RemoveMemberAsync);
    }

    private static ArmRoute List(string noun, string type, Type page) =>
        new($"{noun}_List", Action(type, "read"), "List, a page at a time.") { IsTenantLevel = true, IsPaged = true, Query = Paging, Answers = [new(200, "A page.", page)] };

    private static ArmRoute MemberOf(string noun, string type) =>
        new($"{noun}_ListTransitiveMemberOf", Action(type, "read"), "List the groups it is in, directly and through groups.") { IsTenantLevel = true, IsPaged = true, Query = Paging, Answers = [new(200, "A page.", typeof(GraphPage<GraphObject>))] };

    private static ArmRoute Get(string noun, string type, Type shown) => new($"{noun}_Get", Action(type, "read"), "Read one.") { IsTenantLevel = true, Answers = [new(200, "It.", shown)] };

    private static ArmRoute Create(string noun, string type, Type body, Type shown) => Write($"{noun}_Create", type, "Create one.", body, new(201, "It.", shown));

    private static ArmRoute Delete(string noun, string type) => new($"{noun}_Delete", Action(type, "delete"), "Delete, with everything that belongs to it.") { IsTenantLevel = true, Answers = [Done] };

    private static ArmRoute Change(string operationId, string type, string summary, Type? body = null) => Write(operationId, type, summary, body, Done);

    private static ArmRoute Write(string operationId, string type, string summary, Type? body, RouteAnswer answer) => new(operationId, Action(type, "write"), summary) { IsTenantLevel = true, Body = body, Answers = [answer] };

    private static RouteAnswer Done => new(204, "Done.");

    private static string Action(string type, string verb) => $"ControlPlane.Identity/{type}/{verb}";
}
