// Runs the inbound rules of a web.config through ASP.NET Core's AddIISUrlRewrite and says where a request would go.
// Arguments: the web.config, the folder for IsFile and IsDirectory. It prints its address, then the rules it cannot read, as JSON.
// X-Lane-Scheme stands for the scheme of the request, so that no certificate is needed; X-Lane-Target says where it went.

using System.Text.Json;
using System.Xml.Linq;
using Microsoft.AspNetCore.Rewrite;
using Microsoft.Extensions.FileProviders;

var document = XDocument.Load(args[0]);
var options = new RewriteOptions { StaticFileProvider = new PhysicalFileProvider(args[1]) };
var unreadable = new List<string>();
foreach (var rule in document.Descendants("rules").Elements("rule"))
{
    var alone = new XElement("rewrite", document.Descendants("rewriteMaps"), new XElement("rules", rule));
    try { options.AddIISUrlRewrite(new StringReader(alone.ToString())); }
    catch (Exception) { unreadable.Add((string?)rule.Attribute("name") ?? ""); }
}

var builder = WebApplication.CreateBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
var app = builder.Build();
app.Use(async (context, next) =>
{
    context.Request.Scheme = context.Request.Headers["X-Lane-Scheme"].FirstOrDefault() ?? "http";
    await next(context);
});
app.UseRewriter(options);
app.Run(context =>
{
    context.Response.Headers["X-Lane-Target"] = context.Request.Path + context.Request.QueryString;
    return Task.CompletedTask;
});

await app.StartAsync();
Console.WriteLine(app.Urls.First());
Console.WriteLine(JsonSerializer.Serialize(unreadable));
await app.WaitForShutdownAsync();
