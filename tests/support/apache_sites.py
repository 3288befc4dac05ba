"""Two running Apaches that several tests look at: a busy one under a meddling configuration, and one behind a proxy that speaks TLS."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import apache_host
from tests.support.apache_host import DOMAIN, HSTS, Host

PAST = 1_700_000_000
SERIOUS = (":warn]", ":crit]", ":alert]", ":emerg]")
ODD_FOLDER = "we ir*d [x] {y} \"q\" 'a' #1 100% <b> a\\b é?"
ODD_SOCKET = "so ck'\"ét\\%20&@[x]{y}$.sock"
ODD_HEADER = 'a "b" \\n \\\\ %{HTTP_HOST}e %% $1 $x <c> ; # expr= \\'
PARENT = (
    "AddLanguage fr .fr",
    "AddEncoding x-gzip .tgz",
    "AddHandler type-map var",
    "AddOutputFilterByType DEFLATE text/html text/plain text/xml application/octet-stream",
    "ExpiresActive On",
    'ExpiresDefault "access plus 1 year"',
    "ErrorDocument 404 /missing.html",
    f'Header set {HSTS} "max-age=1"',
    'Header set X-Frame-Options "SAMEORIGIN"',
)
PARENT_MODULES = tuple(
    f"LoadModule {name}_module {apache_host.MODULES}/mod_{name}.so"
    for name in ("filter", "deflate", "expires", "negotiation", "info")
)


def fill(www: Path) -> None:
    """Put one file of every kind into a folder, all of them old enough for strong tags."""
    for name in ("App.ipa", "App.fr.ipa", "App.tgz.ipa", "App.var.ipa", "UPPER.IPA", "a b+c%2F.ipa", "é.ipa"):
        (www / name).write_bytes(bytes(range(256)) * 1000)
    for name in ("App.ipa.tgz", "App.ipa.fr", "manifest.plist.x"):
        (www / name).write_text("neither package nor manifest")
    (www / "manifest.plist").write_text("<plist/>" * 500)
    (www / "profile.mobileconfig").write_text("<plist/>")
    (www / "index.html").write_text("<!doctype html>landing" * 100)
    (www / "sub").mkdir()
    (www / "sub" / "index.html").write_text("sub")
    (www / ".well-known").mkdir()
    (www / ".well-known" / "security.txt").write_text("Contact: x")
    (www / ".git").mkdir()
    (www / ".git" / "config").write_text("secret")
    (www / ".env").write_text("secret")
    (www / "empty").mkdir()
    (www / "empty" / "page.html").write_text("page")
    for path in www.rglob("*"):
        os.utime(path, (PAST, PAST))  # a file changed within the last second has a weak tag


@contextlib.contextmanager
def busy() -> Iterator[Host]:
    """Run a site with odd names, files and applications; its error log must stay free of warnings."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(apache_host.application())

        def change(raw: dict[str, Any], place: Path) -> None:
            odd = place / "www" / ODD_FOLDER
            odd.mkdir()
            for folder in (place / "www", odd):
                fill(folder)
            challenge = place / "acme" / ".well-known" / "acme-challenge"
            challenge.mkdir(parents=True)
            (challenge / "token").write_text("proof")
            stack.enter_context(apache_host.application(f"{place}/run/{ODD_SOCKET}"))
            stack.enter_context(apache_host.application(f"{place}/run/second.sock"))
            raw["locations"] = [
                {"path": "/ota/", "root": str(place / "www")},
                {"path": "/odd+a.b/", "root": str(odd)},
                {"path": "/app/", "upstream": f"http://127.0.0.1:{port}"},
                {"path": "/app/files/", "root": str(place / "www")},
                {"path": "/sock/", "upstream": f"unix:{place}/run/{ODD_SOCKET}"},
                {"path": "/sock2/", "upstream": f"unix:{place}/run/second.sock"},
            ]
            raw["headers"] = {"X-Frame-Options": "DENY", "X-Odd": ODD_HEADER}
            raw["public_url"] = f"https://{DOMAIN}:8443"

        host = stack.enter_context(apache_host.running(change, *PARENT, before=PARENT_MODULES))
        yield host
        assert not [line for line in host.log.splitlines() if any(word in line for word in SERIOUS)]


@contextlib.contextmanager
def behind() -> Iterator[Host]:
    """Run a site whose TLS ends at 127.0.0.1."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(apache_host.application())

        def change(raw: dict[str, Any], place: Path) -> None:
            fill(place / "www")
            challenge = place / "acme" / ".well-known" / "acme-challenge"
            challenge.mkdir(parents=True)
            (challenge / "token").write_text("proof")
            raw["locations"] = [
                {"path": "/", "upstream": f"http://127.0.0.1:{port}"},
                {"path": "/ota/", "root": str(place / "www")},
            ]
            raw |= {"certificates": [], "tls": {"offloaded": True}, "trusted_proxies": ["127.0.0.1", "2001:db8::/32"]}
            raw["access"] = {"deny": ["203.0.113.0/24"]}
            del raw["listen"]["https"]

        modules = [f"LoadModule {name}_module {apache_host.MODULES}/mod_{name}.so" for name in ("socache_shmcb", "ssl")]
        yield stack.enter_context(
            apache_host.running(change, 'SSLSessionCache "shmcb:enclosing(100000)"', before=modules)
        )
