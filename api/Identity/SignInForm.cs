using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;

namespace ControlPlane.Api.Identity;

/// <summary>The pages that people see at the token service: plain HTML with forms, no script, nothing from elsewhere.</summary>
internal sealed class SignInForm
{
    public const string User = "username";
    public const string Password = "password";
    public const string UserCode = "user_code";
    public const string Decision = "decision";
    public const string Deny = "deny";

    private readonly StringBuilder body = new();

    /// <summary>Where else the answer to the form may lead the browser, which <c>form-action</c> must allow.</summary>
    private string? leadsTo;

    public SignInForm Heading(string text) => Add($"<h1>{Encode(text)}</h1>");

    public SignInForm Text(string text) => Add($"<p>{Encode(text)}</p>");

    public SignInForm Complaint(string? text) => text is null ? this : Add($"<p role=\"alert\" class=\"wrong\">{Encode(text)}</p>");

    public SignInForm Begin(string method, string action, string? leadsTo = null)
    {
        this.leadsTo = leadsTo;
        return Add($"<form method=\"{method}\" action=\"{Encode(action)}\">");
    }

    public SignInForm Hidden(string name, string? value) => Add($"<input type=\"hidden\" name=\"{Encode(name)}\" value=\"{Encode(value ?? "")}\">");

    public SignInForm Field(string label, string name, string type, string autocomplete, string? value = null) =>
        Add($"<label>{Encode(label)}<input name=\"{name}\" type=\"{type}\" autocomplete=\"{autocomplete}\" autocapitalize=\"none\" spellcheck=\"false\" required value=\"{Encode(value ?? "")}\"></label>");

    public SignInForm Credentials(string? name) => Field("User name", User, "text", "username", name).Field("Password", Password, "password", "current-password");

    public SignInForm Button(string label, string? name = null, string? value = null) =>
        Add($"<button{(name is null ? "" : $" name=\"{name}\" value=\"{value}\"")}{(value == Deny ? " class=\"second\"" : "")}>{Encode(label)}</button>");

    public SignInForm End() => Add("</form>");

    public Task WriteAsync(HttpContext http, int status = StatusCodes.Status200OK)
    {
        var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var headers = http.Response.Headers;
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/html; charset=utf-8";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = $"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'{(leadsTo is null ? "" : " " + leadsTo)}; base-uri 'none'; frame-ancestors 'none'";
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        return http.Response.WriteAsync(
            $$"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>ControlPlane</title>
            <style nonce="{{nonce}}">
            body{font:16px/1.5 system-ui,sans-serif;background:#f3f4f6;color:#1f2328;margin:0;display:grid;place-items:center;min-height:100vh}
            main{background:#fff;padding:2rem;border-radius:8px;box-shadow:0 1px 4px #0003;width:min(24rem,90vw);box-sizing:border-box}
            h1{font-size:1.4rem;margin:0 0 1rem}label{display:block;margin:0 0 1rem}
            input:not([type=hidden]){display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem;border:1px solid #8c959f;border-radius:4px}
            button{font:inherit;padding:.5rem 1rem;border:0;border-radius:4px;background:#0b57a4;color:#fff;cursor:pointer;margin-right:.5rem}
            button.second{background:#e6e8eb;color:#1f2328}.wrong{color:#a40e26}
            </style></head><body><main>{{body}}</main></body></html>
            """, http.RequestAborted);
    }

    private SignInForm Add(string html)
    {
        body.Append(html);
        return this;
    }

    private static string Encode(string text) => HtmlEncoder.Default.Encode(text);
}
