"""A snippet in somebody's host: outside its prefixes nothing answers differently, inside the host's promises stay."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.harness.authority import Authority
from ota_proxy.servers.apache.render import render
from tests.support import apache_host
from tests.support.apache_host import DOMAIN, HSTS, Host, Reply, application
from tests.support.apache_sites import PAST, fill

STRONG = "max-age=63072000; includeSubDomains; preload"
OWN = "max-age=63072000"
ASKED = (
    "/",
    "/page.html",
    "/feed.plist",
    "/other.ipa",
    "/missing",
    "/a%2Fb",
    "/.hidden",
    "/icons/",
    "/otas/x.ipa",
    "/applications/",
)
METHODS = ("GET", "HEAD", "POST", "TRACE", "OPTIONS")
OUTSIDE = [(method, target) for method in METHODS for target in ASKED]

apache = pytest.mark.skipif(bool(apache_host.MISSING), reason=apache_host.MISSING)
pytestmark = pytest.mark.local


@contextlib.contextmanager
def around(lines: str, *, snippet: bool, app: int = 9) -> Iterator[Host]:
    """Run an Apache whose host on a TLS port of its own has these lines, and the snippet of /ota/ and /app/ or not."""

    def change(raw: dict[str, Any], place: Path) -> None:
        raw["locations"] = [
            {"path": "/ota/", "root": str(place / "www")},
            {"path": "/app/", "upstream": f"http://127.0.0.1:{app}"},
        ]

    with apache_host.folder() as place:
        authority = Authority()
        site = apache_host.described(change, place, authority)
        fill(place / "www")
        host = place / "host"
        (host / "otas").mkdir(parents=True)
        for name in ("index.html", "page.html", "feed.plist", "other.ipa", ".hidden", "otas/x.ipa"):
            (host / name).write_text("text " * 500)
            os.utime(host / name, (PAST, PAST))
        caps = apache_host.capabilities(place)
        port = apache_host.free_port()
        pair = site.certificates[0]
        (place / "snippet.conf").write_text(render(site, caps, "snippet", "test").files[0].text)
        include = f"Include {place}/snippet.conf" if snippet else ""
        config = place / "httpd.conf"
        config.write_text(
            render(site, caps, "full", "test").files[0].text
            + f"LoadModule deflate_module {apache_host.MODULES}/mod_deflate.so\n"
            f"LoadModule filter_module {apache_host.MODULES}/mod_filter.so\n"
            f"Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nServerName {DOMAIN}\nSSLEngine on\n"
            f"SSLCertificateFile {pair.cert}\nSSLCertificateKeyFile {pair.key}\nDocumentRoot {host}\n"
            f"<Directory {host}>\nRequire all granted\n</Directory>\nAddType text/xml .plist\nAddOutputFilterByType DEFLATE text/html text/xml\n"
            f"TraceEnable On\n{lines}\n{include}\n</VirtualHost>\n"
        )
        listening = site.model_copy(update={"listen": site.listen.model_copy(update={"https": port})})
        running = Host(listening, place, authority, config)
        with apache_host.serving([apache_host.BINARY, "-f", str(config), "-DFOREGROUND"], running):
            yield running


def seen(reply: Reply) -> tuple[object, ...]:
    """Return what of an answer must not change: Apache lists the methods of Allow in no order."""
    pairs = ((name.lower(), value) for name, value in reply.headers if name.lower() != "date")
    return reply.status, sorted(
        (name, ",".join(sorted(value.split(","))) if name == "allow" else value) for name, value in pairs
    )


def answers(host: Host) -> dict[tuple[str, str], tuple[object, ...]]:
    return {
        (method, target): seen(host.get(target, "Accept-Encoding: gzip", method=method)) for method, target in OUTSIDE
    }


@apache
@pytest.mark.parametrize("lines", ["", f'Header always set {HSTS} "{STRONG}"\nErrorDocument 404 /page.html'])
def test_outside_its_prefixes_apache_answers_as_without_the_snippet(lines: str) -> None:
    with around(lines, snippet=False) as host:
        without = answers(host)
    with around(lines, snippet=True) as host:
        assert answers(host) == without
    assert without["GET", "/feed.plist"][1].count(("content-encoding", "gzip")) == 1  # type: ignore[attr-defined]  # a list of pairs


@apache
@pytest.mark.parametrize(
    ("lines", "ok", "refused"),
    [
        ("", OWN, OWN),
        (f'Header always set {HSTS} "{STRONG}"', STRONG, STRONG),
        (f'Header set {HSTS} "{STRONG}"', STRONG, OWN),
    ],
)
def test_inside_there_is_one_hsts_and_it_is_the_host_s_where_it_has_one(lines: str, ok: str, refused: str) -> None:
    with application() as app, around(lines, snippet=True, app=app) as host:
        for target in ("/ota/App.ipa", "/ota/manifest.plist"):
            assert host.get(target).one(HSTS) == ok, target
        for target in ("/ota/missing", "/ota", "/ota/.hidden", "/app"):
            assert host.get(target).one(HSTS) == refused, target
        tag = host.get("/ota/App.ipa").one("ETag")
        assert len(host.get("/ota/App.ipa", f"If-None-Match: {tag}").all(HSTS)) == 1
        for target in (
            "/app/x",
            "/app/x?status=404",
            f"/app/x?{HSTS}=max-age=0",
            f"/app/x?status=302&{HSTS}=max-age=0",
        ):
            assert host.get(target).one(HSTS) == (refused if "Header set" in lines else ok), target


@apache
def test_inside_files_keep_their_rules_and_applications_get_their_paths() -> None:
    with application() as app, around("AllowEncodedSlashes NoDecode\nTraceEnable Off", snippet=True, app=app) as host:
        plist = host.get("/ota/manifest.plist", "Accept-Encoding: gzip")
        assert (plist.one("Content-Type"), plist.all("Content-Encoding")) == ("text/xml", [])
        assert host.get("/ota/App.ipa", method="TRACE").status == 405
        assert b"GET /app/x%2Fy " in host.get("/app/x%2Fy").body
