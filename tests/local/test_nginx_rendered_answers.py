"""What we say of our own rendered files beside what a real nginx answers with them: page, manifest, package, unknown host, plain http, HEAD, and what is not there."""

from __future__ import annotations

import dataclasses
import http.client
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.servers.nginx.answering.request import asked
from ota_proxy.servers.nginx.effective import effective
from ota_proxy.servers.nginx.tree import load
from ota_proxy.servers.rendered import Scope
from tests.local.nginx_application import application
from tests.local.nginx_server import HOST, MIXED, Bench, fill
from tests.support.nginx_answers import Real, Score, compare
from tests.support.nginx_variants import EVERYTHING, FEATURES, NAMES, OFFLOADED, PROXIED, STATIC, Raw

pytestmark = pytest.mark.local

SITES: dict[str, tuple[Raw, Scope]] = {
    "plain": (STATIC, "site"),
    "proxied": (PROXIED, "site"),
    "mixed": (MIXED, "site"),
    "offloaded": (OFFLOADED, "site"),
    "names": (NAMES, "full"),
    "everything": (EVERYTHING, "full"),
    "features": ({**FEATURES, "http3": False}, "site"),
    "snippet": (STATIC, "snippet"),
}
OPEN = {"everything", "features", "offloaded"}
"""What these answer depends on the client: its address (which proxy it is), its password, its certificate, how often it asks."""
NAMES_OF_FILES = (
    *("", "app.plist", "app.ipa", "A.IPA", "a%20b+c.ipa", "style.css", "app.mobileconfig", "sub", "sub/", "sub/x.ipa"),
    *(".secret", "sub/.git/config", ".well-known/assets.plist", "none.ipa", "none.plist", "none", "x/../app.plist"),
    *("/app.ipa", "%2e%2e/", "app.plist/", "app.ipa?token=1"),
)
PLACES = ("/", "/app.ipa", "/ota/app.plist?a=b", "/.well-known/acme-challenge/x", "/none", "/..", "//a")
HOSTS = (HOST, "other.example.net", "builds.team.example.com", "127.0.0.1")
FIELDS: tuple[dict[str, str], ...] = (
    {},
    {"Range": "bytes=0-99"},
    {"Accept_Encoding": "gzip"},
    {"If_None_Match": "*"},
    {"Range": "bytes=5000-"},
)


def _asked(bench: Bench) -> Iterator[tuple[str, bool, str]]:
    """Yield target, whether it is asked for without TLS, and host."""
    offloaded = bench.site.tls.offloaded
    for location in bench.site.locations:
        for name in NAMES_OF_FILES:
            yield f"{location.path}{name}", offloaded, HOST
        yield location.path.rstrip("/") or "/", offloaded, HOST
    yield from ((target, plain, host) for target in PLACES for plain in (True, offloaded) for host in HOSTS)


@pytest.mark.parametrize("portable", [False, True], ids=["exact", "portable"])
@pytest.mark.parametrize("name", SITES)
def test_rendered_files_are_answered_as_nginx_does(binary: str, tmp_path: Path, name: str, portable: bool) -> None:
    raw, scope = SITES[name]
    bench = Bench(binary, tmp_path, raw, scope, portable=portable)
    for location in bench.site.locations:
        if location.root:
            fill(Path(location.root))
    bench.test()
    tree, score = load(bench.config), Score()
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stderr
    own = re.findall(r"nginx/([\d.]+)", said)[0]
    wrong = []
    with application(bench.ports["app"]), bench.running():
        for number, (target, plain, host) in enumerate(_asked(bench)):
            fields = FIELDS[number % len(FIELDS)] if number % 2 else {}
            method = ("GET", "GET", "HEAD", "GET", "PUT")[number % 5]
            ways: dict[str, Any] = {"plain": plain, "host": host, "sni": host, **fields}
            try:
                got = bench.ask(target, method, **ways)
            except TimeoutError:
                continue  # this machine is busy: that is no answer of nginx
            except (OSError, http.client.HTTPException):
                got = None
            port = bench.ports["http" if plain else "https"]
            lines = [f"{key.replace('_', '-')}: {value}" for key, value in {"Host": host, **fields}.items()]
            question = asked(f"http{'' if plain else 's'}://{host}:{port}{target}", headers=lines)
            ours = effective(tree, dataclasses.replace(question, method=method), version=own)
            if got is None:
                wrong += [(method, target, plain, host, "no answer")] if ours.status is not None else []
                continue
            one = compare(ours, Real(got.status, got.headers, got.body))
            wrong += [(method, target, plain, host, f"{fields} {each}") for each in one.wrong]
            score.add(one)
    assert wrong == []
    assert score.fields > 300
    assert name in OPEN or score.unknown <= score.fields * 0.03
