"""Faults of IIS: one thing broken in the rendered web.config, or in what setup.ps1 puts into applicationHost.config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.container.faults.model import SMALL, Edit, Fault, replaced
from tests.support.variants import variant

PROXIED = variant("proxied behind a TLS-terminating proxy")
PLAIN_PROXY = variant("static", locations=[{"path": "/", "upstream": "http://127.0.0.1:8080"}])
_FIRST_RULE = r'( *)<remove name="ota-proxy dot files /" />'


@dataclass(frozen=True, slots=True)
class IisFault:
    """A fault, and what is broken at the server's level where web.config is not the place."""

    fault: Fault
    server_edit: Edit | None = None
    version: str = "2022"


def iis(name: str, ids: str, edit: Edit | None = None, **more: Any) -> IisFault:  # noqa: ANN401 - fields of both
    server_edit, version = more.pop("server_edit", None), more.pop("version", "2022")
    edits = {"iis": edit or (lambda text: text)}
    notes = tuple(more.pop("notes", "").split())
    return IisFault(
        Fault(name, tuple(ids.split()), edits, **({"site": SMALL} | more), notes=notes), server_edit, version
    )


def rule(match: str, action: str) -> Edit:
    """Put a rule before those for files."""
    added = f'<rule name="broken" stopProcessing="true"><match url="{match}" /><action {action} /></rule>'
    return replaced(_FIRST_RULE, rf"\1{added}\n\g<0>")


def filtered(text: str) -> Edit:
    """Put something into requestFiltering."""
    return replaced(r"<requestFiltering ([^>]*)>", rf"<requestFiltering \1>{text}")


def files(text: str) -> Edit:
    """Put a section before those that are there."""
    return replaced(r'<directoryBrowse enabled="false" />', rf"\g<0>{text}")


TRANSPORT = (
    iis("plain http serves the content", "OTA201", replaced(r'<rule name="ota-proxy https"', r'\g<0> enabled="false"')),
    iis(
        "the redirect drops path and query",
        "OTA202",
        replaced(r'(url="https://ota\.example\.com)\{UNENCODED_URL\}', r"\1/"),
    ),
    iis("the redirect is temporary", "OTA203", replaced(r'redirectType="Permanent"', 'redirectType="Found"')),
    iis(
        "the redirect glues the path to the host", "OTA202", replaced(r"\{UNENCODED_URL\}(\" appendQuery)", r"{R:0}\1")
    ),
    iis(
        "the manifest redirects to itself",
        "OTA204",
        rule(r"^app\\.plist$", 'type="Redirect" url="https://ota.example.com/app.plist"'),
    ),
    iis("no HSTS", "OTA219", server_edit=replaced(r'enabled="true"( />\s*</site>)', r'enabled="false"\1')),
    iis("HSTS without an age", "OTA219", server_edit=replaced(r' max-age="\d+"', "")),
    iis("HSTS ends too soon", "OTA219", server_edit=replaced(r'max-age="\d+"', 'max-age="86400"'), door="check"),
    iis(
        "HSTS is sent over http too",
        "OTA219",
        replaced(r"(</customHeaders>)", r'<add name="Strict-Transport-Security" value="max-age=63072000" />\1'),
    ),
    iis(
        "no HSTS by rule", "OTA219", replaced(r'<rule name="ota-proxy hsts"', r'\g<0> enabled="false"'), version="2016"
    ),
    iis(
        "HSTS by rule over http too",
        "OTA219",
        replaced(r'<add input="\{HTTPS\}" pattern="\^on\$" />', '<add input="{HTTPS}" pattern="^o" />'),
        version="2016",
    ),
    iis(
        "an unknown host name gets the content",
        "OTA223",
        replaced(r'<rule name="ota-proxy host"', r'\g<0> enabled="false"'),
        server_edit=lambda text: text.replace(":ota.example.com", ":").replace('sslFlags="65"', 'sslFlags="64"'),
    ),
    iis(
        "https is required by the section access as well",
        "OTA201",
        server_edit=replaced(
            r"</configuration>",
            '<location path="ota.example.com"><system.webServer><security><access sslFlags="Ssl" /></security>'
            r"</system.webServer></location>\g<0>",
        ),
    ),
    iis(
        "devices need a certificate",
        "OTA201 OTA301",
        server_edit=replaced(
            r"</configuration>",
            '<location path="ota.example.com"><system.webServer><security><access sslFlags="Ssl, SslRequireCert" />'
            r"</security></system.webServer></location>\g<0>",
        ),
    ),
)

MANIFESTS = (
    iis(
        "manifests have no media type",
        "OTA611",
        replaced(r' *<mimeMap fileExtension="\.plist".*\n', ""),
        stage=None,
    ),
    iis(
        "manifests have no type of their own",
        "OTA314",
        replaced(r'mimeType="text/xml"', 'mimeType="application/octet-stream"'),
    ),
    iis("manifests may be cached", "OTA315", replaced(r'value="no-store"', 'value="public, max-age=3600"')),
    iis(
        "nothing says how long manifests may be kept",
        "OTA315",
        lambda text: text.replace('cacheControlMode="DisableCache"', 'cacheControlMode="NoControl"').replace(
            '<rule name="ota-proxy manifests /"', '<rule enabled="false" name="ota-proxy manifests /"'
        ),
    ),
    iis(
        "a single page application answers for manifests",
        "OTA302",
        rule(r"\\.plist$", 'type="Rewrite" url="/index.html"'),
    ),
    iis(
        "manifests lead to a login",
        "OTA303",
        rule(r"\\.plist$", 'type="Redirect" url="/login?next={URL}" redirectType="Found"'),
    ),
    iis("manifests are denied", "OTA303", rule(r"\\.plist$", 'type="CustomResponse" statusCode="401"')),
    iis("manifests answer with a server error", "OTA301", rule(r"\\.plist$", 'type="CustomResponse" statusCode="503"')),
    iis(
        "a variable may not be set",
        "OTA301",
        server_edit=replaced(r'<add name="HTTP_X_FORWARDED_PORT" />', ""),
        site=PLAIN_PROXY,
    ),
    iis(
        "the application is down",
        "OTA301",
        server_edit=replaced(r'(<proxy [^>]*) enabled="true"', r"\1"),
        site=PLAIN_PROXY,
    ),
    iis("the application is told http", "OTA312", replaced(r'(PROTO" value=)"https"', r'\1"http"'), site=PLAIN_PROXY),
    iis(
        "the application is told an inner name",
        "OTA313",
        replaced(r'(HOST" value=)"[^"]*"', r'\1"10.0.0.7"'),
        site=PLAIN_PROXY,
    ),
)

PACKAGES = (
    iis(
        "packages have no media type", "OTA611", replaced(r' *<mimeMap fileExtension="\.ipa".*\n', ""), stage="package"
    ),
    iis("packages are called text", "OTA411", replaced(r'(\.ipa" mimeType=)"[^"]*"', r'\1"text/plain"')),
    iis("packages get no answer", "OTA401", rule(r"\\.ipa$", 'type="AbortRequest"')),
    iis(
        "packages are denied",
        "OTA611",
        rule(r"\\.ipa$", 'type="CustomResponse" statusCode="403" subStatusCode="6"'),
        stage="package",
    ),
    iis("HEAD is denied", "OTA403", replaced(r' *<add verb="HEAD" allowed="true" />\n', "")),
    iis(
        "packages are compressed",
        "OTA409",
        lambda text: files(
            '<httpCompression staticCompressionIgnoreHitFrequency="true"><staticTypes>'
            '<add mimeType="application/octet-stream" enabled="true" /></staticTypes></httpCompression>'
        )(text).replace('doStaticCompression="false"', 'doStaticCompression="true"'),
    ),
    iis(
        "a footer is appended to all files",
        "OTA406",  # what stands behind </plist> is a note, a package with a footer loses its ranges
        replaced(r"<staticContent>", '<staticContent enableDocFooter="true" defaultDocFooter="bye">'),
        notes="OTA307",
    ),
    iis(
        "plus signs in names are double escaping",
        "OTA611",
        replaced(r'allowDoubleEscaping="true" ', ""),
        stage="package",
    ),
    iis(
        "the extension of packages is denied",
        "OTA611",
        filtered('<fileExtensions><add fileExtension=".ipa" allowed="false" /></fileExtensions>'),
        stage="package",
    ),
    iis(
        "a segment hides the package",
        "OTA611",
        filtered('<hiddenSegments><add segment="App.ipa" /></hiddenSegments>'),
        stage="package",
    ),
    iis(
        "a sequence denies the package",
        "OTA611",
        filtered('<denyUrlSequences><add sequence="app.ip" /></denyUrlSequences>'),
        stage="package",
    ),
    iis("URLs may be eight bytes long", "OTA201 OTA611", filtered('<requestLimits maxUrl="8" />')),
)

SERVER = (
    iis(
        "folders are listed",
        "OTA613",
        lambda text: text.replace('Browse enabled="false"', 'Browse enabled="true"').replace(
            'defaultDocument enabled="true"', 'defaultDocument enabled="false"'
        ),
    ),
    iis("a media type is there twice", "OTA615", replaced(r' *<remove fileExtension="\.crt" />\n', "")),
    iis("a section is locked", "OTA615", replaced(r"<security>", '<security><access sslFlags="Ssl" />')),
    iis("an attribute is spelt wrongly", "OTA615", replaced(r"allowDoubleEscaping", "AllowDoubleEscaping")),
    iis("the file is cut off", "OTA615", replaced(r"</configuration>", "")),
    iis("hsts stands in web.config", "OTA615", files('<hsts enabled="true" />')),
    iis(
        "hsts on a Windows that does not know it",
        "OTA615",
        version="2016",
        server_edit=replaced(r"</site>", r'<hsts enabled="true" />\g<0>'),
    ),
    iis(
        "the content type is added as a second header",
        "OTA604",
        replaced(r"(</customHeaders>)", r'<add name="Content-Type" value="text/xml" />\1'),
    ),
)

FAULTS: tuple[IisFault, ...] = (*TRANSPORT, *MANIFESTS, *PACKAGES, *SERVER)
