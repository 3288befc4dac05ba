"""Faults of further hosts and of who may ask: redirect targets, unknown host names, client certificates, hosts that only we know."""

from __future__ import annotations

from ota_proxy.apps.landing_page import landing_page
from ota_proxy.apps.package import EXAMPLE_APP
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import Content
from tests.container.faults import apache_edits, nginx_edits
from tests.container.faults.behind import behind
from tests.container.faults.model import NGINX_OPEN, SMALL, Edit, Fault, both, fault, replaced, sent_away
from tests.container.faults.package import FILES
from tests.container.faults.transport import CDN, GCM, TWO_HOSTS, first, spoken
from tests.support.device_servers import issue

REFUSES = ("ssl_reject_handshake", "return")
"""What nginx's default server of the rendered site does."""

# -- where a redirect leads ------------------------------------------------------------------------------------------


def elsewhere(days: tuple[int, int]) -> Content:
    """Return content with a certificate that the CDN signed itself, valid from and until so many days from now."""
    leaf = issue(CDN, hosts=(CDN,), days=days)
    files = (TestFile("/etc/ssl/ota/cdn.pem", leaf.pem.encode()), TestFile("/etc/ssl/private/cdn.key", leaf.key_pem))
    return Content(extra=files)


HSTS = "max-age=63072000"
CDN_NGINX = (
    f"server {{ listen 443 ssl; server_name {CDN}; ssl_ciphers {GCM}; root /srv/ota; types {{ }} "
    f'default_type application/octet-stream; add_header Strict-Transport-Security "{HSTS}" always; '
    "ssl_certificate /etc/ssl/ota/cdn.pem; ssl_certificate_key /etc/ssl/private/cdn.key; }"
)
CDN_APACHE = (
    f"<VirtualHost *:443>\nServerName {CDN}\nSSLEngine on\nSSLCipherSuite {GCM}\nDocumentRoot /srv/ota\n"
    f'Header always set Strict-Transport-Security "{HSTS}"\nSSLCertificateFile /etc/ssl/ota/cdn.pem\n'
    "SSLCertificateKeyFile /etc/ssl/private/cdn.key\n</VirtualHost>"
)


def _redirected(path: str) -> tuple[Edit, Edit]:
    nginx, apache = sent_away(path, f"https://{CDN}{path}")
    return both(nginx, first(CDN_NGINX)), both(apache, first(CDN_APACHE))


_TARGETS = (
    fault(
        "a redirect leads the package to a certificate that has expired",
        "OTA207 OTA208",  # nobody vouches for it either
        *_redirected("/App.ipa"),
        content=elsewhere((-90, -3)),
        site=TWO_HOSTS,
        stage="package",
        door="check",
    ),
    fault(
        "a redirect leads the manifest to a certificate that is not valid yet",
        "OTA207 OTA208",
        *_redirected("/app.plist"),
        content=elsewhere((3, 90)),
        site=TWO_HOSTS,
        door="check",
    ),
)

# -- under an unknown host name -----------------------------------------------------------------------------------------

_UNKNOWN_HOSTS = (
    fault(
        "an unknown host name in the handshake gets the content",
        "OTA223",
        nginx_edits.port(f"if ($ssl_server_name = ota.example.com) {{ return 421; }} {NGINX_OPEN}", without=REFUSES),
        replaced(
            r'^( *RewriteCond) .*\n( *)RewriteCond .*SSL_TLS_SNI.*\n( *RewriteRule "\^" - \[R=421,L\])$',
            r"\1 %{HTTP_HOST} !=ota.example.com\n\2RewriteCond %{SSL:SSL_TLS_SNI} =ota.example.com\n\3",
        ),
        door="check",
    ),
    fault(
        "an unknown host name gets the package and not the manifest",
        "OTA223",
        nginx_edits.port(f"location ~ [.]plist$ {{ return 421; }} {NGINX_OPEN}", without=REFUSES),
        None,
        door="check",
    ),
)

# -- client certificates ---------------------------------------------------------------------------------------------

_ASKS_NGINX = nginx_edits.tls("ssl_client_certificate /etc/ssl/ota/ecdsa.pem; ssl_verify_client on;")
_ASKS_APACHE = replaced(
    r"^( *SSLEngine on)$", r"\1\nSSLCACertificateFile /etc/ssl/ota/ecdsa.pem\nSSLVerifyClient require"
)
_OLD_NGINX, _OLD_APACHE = spoken("TLSv1.2", GCM)


_CLIENTS = (
    fault(
        "devices are asked for a certificate under TLS 1.2",
        "OTA225",
        both(_ASKS_NGINX, _OLD_NGINX),
        both(_ASKS_APACHE, _OLD_APACHE),
        door="check",
    ),
    fault(
        "devices are asked for a certificate under TLS 1.3 alone",
        "OTA225",
        None,
        both(_ASKS_APACHE, replaced(r"SSLProtocol -all \+TLSv1\.2 \+TLSv1\.3", "SSLProtocol -all +TLSv1.3")),
        door="check",
    ),
    fault(
        "devices are asked for a certificate for packages only",
        "OTA225",
        both(
            nginx_edits.port("ssl_client_certificate /etc/ssl/ota/ecdsa.pem; ssl_verify_client optional;"),
            nginx_edits.files("ipa", "if ($ssl_client_verify != SUCCESS) { return 496; }"),
        ),
        apache_edits.packages("SSLVerifyClient require"),
        site=SMALL,
        stage="package",
        door="check",
    ),
)

# -- hosts that only we know -----------------------------------------------------------------------------------------


def _page_at(manifest: str) -> Content:
    """Return content whose page leads to a manifest elsewhere."""
    return Content(page=landing_page(EXAMPLE_APP, manifest, icon="icon57.png", stylesheet="app.css"))


_HOSTS: dict[str, str] = {
    "the link leads to a loopback address": "https://127.0.0.1:1/app.plist",
    "the link leads to localhost": "https://localhost:1/app.plist",
    "the link leads to a name without a dot": "https://no-such-build-server/app.plist",
}
_OURS = tuple(fault(name, "OTA226", content=_page_at(url), site=SMALL, door="check") for name, url in _HOSTS.items())

# -- what HEAD and the end of a package say --------------------------------------------------------------------------

_ANSWERS = (
    behind(
        "HEAD is fine and GET wants a login",
        "OTA402",
        rf"location ~ \.ipa$ {{ if ($request_method = GET) {{ return 401; }} {FILES} }}",
    ),
    behind(
        "HEAD is fine and GET is forbidden",
        "OTA402",
        rf"location ~ \.ipa$ {{ if ($request_method = GET) {{ return 403; }} {FILES} }}",
    ),
    behind(
        "HEAD is fine and GET finds nothing",
        "OTA401",
        rf"location ~ \.ipa$ {{ if ($request_method = GET) {{ return 404; }} {FILES} }}",
    ),
    behind(
        "the last byte of a package is refused",
        "OTA407",
        r"location ~ \.ipa$ { if ($http_range ~ '^bytes=[1-9][0-9]+-$') { return 416; } " + FILES + " }",
    ),
)

FAULTS: tuple[Fault, ...] = (*_TARGETS, *_UNKNOWN_HOSTS, *_CLIENTS, *_OURS, *_ANSWERS)
