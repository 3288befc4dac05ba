"""URL prefixes with blanks, umlauts, parentheses and other signs: files and applications behind them, on a real nginx and Apache."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.local.nginx_server import Bench, binaries, fill
from tests.support import apache_host
from tests.support.apache_host import Host
from tests.support.behind import SERVERS, application
from tests.support.nginx_variants import STATIC

pytestmark = [pytest.mark.local]
NAMES = ("über uns", "build (1)", "it's", "a+b & c", "r$1;x", "日本/🍏", "%C3%A4%20!", ".hidden ü", "e\u0301")
PREFIXES = [f"/{name}/" for name in NAMES]
PLAIN = [unicodedata.normalize("NFC", name).replace("%C3%A4%20", "ä ") for name in NAMES]
SHORT = "-._~+@,=:!/"


class Asked:
    """One running server."""

    def __init__(self, host: Host | Bench) -> None:
        self._host = host

    @property
    def verbatim(self) -> bool:
        """The prefix reaches an application as the device wrote it; Apache writes it in one form, and hands on the rest."""
        return isinstance(self._host, Bench)

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, header values by name, and body."""
        if isinstance(self._host, Bench):
            answer = self._host.ask(path)
            return answer.status, dict(answer.headers), answer.body
        reply = self._host.get(path)
        return reply.status, {name.lower(): value for name, value in reply.headers}, reply.body


def _locations(files: str, port: int) -> list[dict[str, Any]]:
    static = [{"path": f"/files{path}", "root": files} for path in PREFIXES]
    return [*static, *({"path": f"/app{path}", "upstream": f"http://127.0.0.1:{port}"} for path in PREFIXES)]


@pytest.fixture(scope="module", params=SERVERS)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    if SERVERS[request.param]:
        pytest.skip(SERVERS[request.param])
    if request.param == "nginx":
        raw = {**STATIC, "locations": _locations("/srv/ota", 8080)}
        bench = Bench(binaries()["system"], tmp_path_factory.mktemp("prefixes"), raw)
        fill(Path(bench.site.static[0].root or ""))
        with bench.running(), application(bench.ports["app"]):
            yield Asked(bench)
        return

    def change(raw: dict[str, Any], place: Path) -> None:
        fill(place / "www")
        raw["locations"] = _locations(str(place / "www"), port)

    with application() as port, apache_host.running(change) as host:
        yield Asked(host)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("safe", ["/", SHORT, SHORT + "$&'()*;"], ids=["all", "must", "may"])
def test_a_file_is_found_however_its_prefix_is_encoded(name: str, safe: str, asked: Asked) -> None:
    prefix = f"/files/{quote(name, safe=safe)}"
    status, headers, _ = asked.get(f"{prefix}/app.plist")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "text/xml", "no-store")
    assert asked.get(f"{prefix}/a%20b+c.ipa")[0] == 200
    assert asked.get(f"{prefix}/none")[0] == 404
    assert asked.get(f"{prefix}/.secret")[0] in (403, 404)
    assert asked.get(f"{prefix}/sub/.git/config")[0] in (403, 404)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("kind", ["files", "app"])
def test_a_prefix_without_its_slash_is_sent_to_the_one_with_it(kind: str, name: str, asked: Asked) -> None:
    status, headers, _ = asked.get(f"/{kind}/{quote(name)}?a=%2F")
    place = headers["location"].removeprefix("https://ota.example.com").partition("/")[2]
    assert status == 308
    path, _, query = place.partition("?")
    assert (unquote(path), query) == (f"{kind}/{name}/", "a=%2F")
    assert path.isascii()
    assert " " not in path
    assert asked.get(f"/{place}")[0] == 200


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("safe", ["/", SHORT, SHORT + "$&'()*;"], ids=["all", "must", "may"])
def test_an_application_gets_the_path_as_it_was_sent(name: str, safe: str, asked: Asked) -> None:
    sent = quote(name, safe=safe)
    for spelling in {sent, sent.replace("%C3", "%c3")}:
        got = spelling if asked.verbatim else quote(name, safe=SHORT)
        for rest in ("", "x", "x%2Fy%20z?a=%2F&b", "%C3%A4%c3%a4", "a;b=c", "%3F", "%25", "x?%"):
            status, headers, body = asked.get(f"/app/{spelling}/{rest}")
            assert status == 200, (spelling, rest)
            assert f'"line": "GET /app/{got}/{rest} HTTP/1.1"'.encode() in body, (spelling, rest, body)
            assert headers["x-content-type-options"] == "nosniff"


def test_what_is_only_like_a_prefix_is_not_found(asked: Asked) -> None:
    for path in ("/files/uber%20uns/app.plist", "/files/build%20%5B1%5D/app.plist", "/files/%FCber%20uns/app.plist"):
        assert asked.get(path)[0] == 404
