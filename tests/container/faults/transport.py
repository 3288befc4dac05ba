"""Faults of the way to the server: redirects, certificates, TLS, HSTS, unknown host names."""

from __future__ import annotations

from ota_proxy.apps.manifest import build_manifest
from ota_proxy.apps.package import EXAMPLE_APP
from ota_proxy.commands.check import CheckOptions
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import Content
from tests.container.faults import nginx_edits
from tests.container.faults.behind import behind
from tests.container.faults.model import NGINX_OPEN, Edit, both, fault, replaced, sent_away
from tests.support.device_servers import issue
from tests.support.variants import ECDSA, RSA, STATIC, variant

BASE, CDN = "https://ota.example.com", "cdn.example.com"
HTTPS = ("ota.example.com", 443)
GCM, CBC = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"
TWO_HOSTS = variant("static", locations=STATIC[:1], certificates=[ECDSA], domains=["ota.example.com", CDN])
RSA_ONLY = variant("static", locations=STATIC[:1], certificates=[RSA])


def _speaks(lines: str) -> Edit:
    return both(nginx_edits.without("ssl_protocols"), nginx_edits.without("ssl_ciphers"), nginx_edits.tls(lines))


def spoken(protocols: str, ciphers: str, more: str = "", *, nginx: str = "") -> tuple[Edit, Edit]:
    """Return edits that let a server speak these TLS versions and (before 1.3) suites."""
    plus = " ".join(f"+{name}" for name in protocols.split())
    conf = "".join(f" ssl_conf_command {line};" for line in [nginx] if line)
    return (
        _speaks(f"ssl_protocols {protocols}; ssl_ciphers {ciphers};{conf}"),
        replaced(
            r"SSLProtocol -all \+TLSv1\.2 \+TLSv1\.3\n *SSLCipherSuite ECDHE\S*",
            f"SSLProtocol -all {plus}\n    SSLCipherSuite {ciphers}{more}",
        ),
    )


def first(text: str) -> Edit:
    """Return an edit that puts something before everything else."""
    return lambda rendered: f"{text}\n{rendered}"


def elsewhere() -> Content:
    """Return content whose package is on a host with a certificate of its own making."""
    leaf = issue(CDN, hosts=(CDN,))
    files = (TestFile("/etc/ssl/ota/cdn.pem", leaf.pem.encode()), TestFile("/etc/ssl/private/cdn.key", leaf.key_pem))
    return Content(manifest=build_manifest(EXAMPLE_APP, f"https://{CDN}/App.ipa"), extra=files)


def hsts(value: str) -> tuple[Edit, Edit]:
    """Return edits that change what the HSTS header says."""
    return (replaced(r"max-age=63072000", value), replaced(r"max-age=63072000", value))


FAULTS = (
    fault(
        "plain http serves the content",
        "OTA201",
        nginx_edits.plain("root /srv/ota;"),
        replaced(r'^( *)RewriteRule "\^" "https://ota\.example\.com%1" \[R=308,NE,L\]$', r'\1Alias "/" "/srv/ota/"'),
    ),
    fault(
        "the redirect drops path and query",
        "OTA202",
        nginx_edits.plain("return 308 https://ota.example.com/;"),
        replaced(r"(https://ota\.example\.com)%1(\" \[R=308,NE),L\]", r"\1/\2,QSD,L]"),
    ),
    fault(
        "the redirect is temporary",
        "OTA203",
        nginx_edits.plain("return 302 https://ota.example.com$request_uri;"),
        replaced(r"\[R=308,NE,L\]", "[R=302,NE,L]"),
    ),
    fault("the intermediate is not served", "OTA210", content=Content(flaw="missing-intermediate")),
    fault("the certificate authority is unknown", "OTA207", content=Content(flaw="unknown-ca")),
    fault("the certificate has expired", "OTA208", content=Content(flaw="expired")),
    fault("an intermediate has expired", "OTA208", content=Content(flaw="expired-intermediate")),
    fault("the certificate is not valid yet", "OTA208", content=Content(flaw="not-yet-valid")),
    fault("the certificate is for another host", "OTA209", content=Content(flaw="wrong-host")),
    fault("the certificate lives too long", "OTA212", content=Content(flaw="too-long")),
    fault(
        "no HSTS",
        "OTA219",
        nginx_edits.without("add_header", "Strict-Transport-Security"),
        replaced(r"^ *Header always set Strict-Transport-Security .*$", ""),
    ),
    fault(
        "HSTS is sent over http too",
        "OTA219",
        nginx_edits.plain(
            'add_header Strict-Transport-Security "max-age=63072000" always; return 308 https://ota.example.com$request_uri;'
        ),
        replaced(
            r"Header always unset Strict-Transport-Security",
            'Header always set Strict-Transport-Security "max-age=63072000"',
        ),
    ),
    fault(
        "TLS 1.1 is still spoken",
        "OTA215 OTA217",
        _speaks("ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers DEFAULT@SECLEVEL=0;"),
        replaced(
            r"SSLProtocol -all \+TLSv1\.2 \+TLSv1\.3\n *SSLCipherSuite ECDHE\S*",
            "SSLProtocol -all +TLSv1.1 +TLSv1.2 +TLSv1.3\n    SSLCipherSuite DEFAULT@SECLEVEL=0",
        ),
    ),
    fault(
        "an unknown host name gets the content",
        "OTA223",
        nginx_edits.port(NGINX_OPEN, without=("ssl_reject_handshake", "return")),
        replaced(r"^ *RewriteCond .*\n *RewriteCond .*SSL_TLS_SNI.*\n *RewriteRule \"\^\" - \[R=421,L\]$", ""),
    ),
    fault(
        "the redirect does not believe the proxy in front",
        "OTA204",
        replaced(r"\^trusted:", "^nobody:"),
        replaced(r"^ *RewriteCond expr .*CONN_REMOTE_ADDR.*$", ""),
        site=variant("static behind a TLS-terminating proxy"),
    ),
    fault(
        "the package is sent on over http",
        "OTA205",
        *sent_away("/App.ipa", "http://ota.example.com/files/App.ipa"),
        stage="package",
    ),
    fault(
        "the manifest is sent on over http",
        "OTA205",
        *sent_away("/app.plist", "http://ota.example.com/files/app.plist"),
        door="check",
    ),
    fault(
        "the TLS port speaks plain http",
        "OTA206",
        nginx_edits.without_word("listen", "ssl", "http2"),
        replaced(r"^( *)SSLEngine on$", r"\1SSLEngine off"),
    ),
    fault("the certificate names no host", "OTA211", content=Content(flaw="no-san")),
    fault("the certificate is not meant for servers", "OTA211", content=Content(flaw="no-server-auth")),
    fault(
        "the certificate's key is weak",
        "OTA211",
        replaced(r"(ssl_ciphers )ECDHE", r"\1@SECLEVEL=0:ECDHE"),
        replaced(r"(SSLCipherSuite )ECDHE", r"\1@SECLEVEL=0:ECDHE"),
        content=Content(flaw="weak-key"),
        site=RSA_ONLY,
    ),
    fault(
        "nothing newer than TLS 1.1 is spoken",
        "OTA214 OTA215",
        *spoken("TLSv1 TLSv1.1", "DEFAULT@SECLEVEL=0"),
    ),
    fault(
        "no suite has forward secrecy",
        "OTA216 OTA217 OTA218",
        *spoken("TLSv1.2", "AES128-GCM-SHA256"),
        site=RSA_ONLY,
    ),
    fault(
        "suites without forward secrecy are accepted too",
        "OTA217",
        *spoken("TLSv1.2 TLSv1.3", "ECDHE-RSA-AES128-GCM-SHA256:AES128-GCM-SHA256"),
        site=RSA_ONLY,
        door="check",
    ),
    fault(
        "TLS 1.2 has CBC suites only",
        "OTA218 OTA217",
        *spoken("TLSv1.2", CBC),
        site=variant("static", locations=STATIC[:1], certificates=[ECDSA], http2=False),
        door="check",
    ),
    fault(
        "HTTP/2 is offered and then refused for its suite",
        "OTA114 OTA217 OTA218",
        None,
        spoken("TLSv1.2", CBC)[1],
        door="check",
    ),
    fault(
        "TLS 1.2 lacks the extended master secret",
        "OTA218",
        *spoken(
            "TLSv1.2",
            GCM,
            "\n    SSLOpenSSLConfCmd Options -ExtendedMasterSecret",
            nginx="Options -ExtendedMasterSecret",
        ),
        door="check",
    ),
    fault("HSTS ends too soon", "OTA219", *hsts("max-age=86400"), door="check"),
    fault("HSTS asks for preload", "", *hsts("max-age=63072000; includeSubDomains; preload"), notes="OTA220"),
    fault(
        "the IPv6 address leads nowhere",
        "OTA221",
        door="check",
        options=CheckOptions(also={HTTPS: ("::1", 1)}),
    ),
    behind(
        "an offer of the application to upgrade is handed on",
        "OTA222",
        "add_header Upgrade h2c always;",
        nginx=nginx_edits.without("proxy_hide_header", "Upgrade"),
    ),
    fault(
        "a header of the connection is set for all",
        "OTA222",
        None,
        replaced(r"^( *)Header onsuccess unset Connection$", r"\1Header always set Proxy-Connection keep-alive"),
        door="check",
    ),
    fault("the certificate is about to expire", "OTA213", content=Content(flaw="expiring")),
    fault(
        "the package's host has a certificate of its own making",
        "OTA207",
        first(
            f"server {{ listen 443 ssl; server_name {CDN}; ssl_ciphers {GCM}; "
            "ssl_certificate /etc/ssl/ota/cdn.pem; ssl_certificate_key /etc/ssl/private/cdn.key; }"
        ),
        first(
            f"<VirtualHost *:443>\nServerName {CDN}\nSSLEngine on\nSSLCipherSuite {GCM}\nSSLCertificateFile /etc/ssl/ota/cdn.pem\n"
            "SSLCertificateKeyFile /etc/ssl/private/cdn.key\n</VirtualHost>"
        ),
        content=elsewhere(),
        site=TWO_HOSTS,
        stage="package",
        door="check",
    ),
    fault(
        "devices are asked for a certificate and told so by HTTP",
        "OTA225",
        nginx_edits.tls("ssl_client_certificate /etc/ssl/ota/ecdsa.pem; ssl_verify_client on;"),
        door="check",
    ),
    fault(
        "devices are asked for a certificate and told so by TLS",
        "OTA225",
        None,
        replaced(r"^( *SSLEngine on)$", r"\1\nSSLCACertificateFile /etc/ssl/ota/ecdsa.pem\nSSLVerifyClient require"),
        door="check",
    ),
    fault(
        "the page redirects to itself",
        "OTA204",
        *sent_away("/", f"{BASE}/"),
        door="check",
    ),
    fault(
        "the manifest redirects to itself",
        "OTA204",
        *sent_away("/app.plist", f"{BASE}/app.plist"),
        door="check",
    ),
    fault(
        "the redirect to https goes round by another host",
        "OTA203",
        nginx_edits.plain(
            f"if ($host != {CDN}) {{ return 308 http://{CDN}$request_uri; }} return 308 https://ota.example.com$request_uri;"
        ),
        replaced(
            r'^( *)(RewriteCond %\{THE_REQUEST\} .*\n *RewriteRule "\^" )("https://ota\.example\.com%1" \[R=308,NE,L\])$',
            rf'\1RewriteCond %{{HTTP_HOST}} !cdn\n\1\2"http://{CDN}%1" [R=308,NE,L]\n\1\2\3',
        ),
        site=TWO_HOSTS,
        door="check",
    ),
    fault(
        "the redirect glues the path to the host",
        "OTA202",
        None,
        replaced(
            r'^( *)RewriteCond %\{THE_REQUEST\} .*\n *RewriteRule "\^" "https://ota\.example\.com%1" .*$',
            r'\1Redirect 308 "/" "https://ota.example.com"',
        ),
        door="check",
    ),
    fault(
        "no handshake is finished under the site's name",
        "OTA206",
        nginx_edits.site("ssl_reject_handshake on;"),
        door="check",
    ),
    fault("the certificate has signed itself", "OTA207", content=Content(flaw="self-signed"), door="check"),
    fault(
        "HSTS is not on errors",
        "OTA219",
        nginx_edits.without_word("add_header", "always", of="Strict-Transport-Security"),
        replaced(
            r"Header always set Strict-Transport-Security (.*)$", r"Header onsuccess set Strict-Transport-Security \1"
        ),
        door="check",
    ),
)
