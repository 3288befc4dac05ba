"""What docs/explanation/other-generators.md says of our own files: lines as rendered, answers as a real nginx gives them."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.nginx.render import render
from tests.docs.blocks import ROOT
from tests.local.nginx_server import HOST, Bench, fill
from tests.support.nginx_variants import STATIC

PAGE = (ROOT / "docs/explanation/other-generators.md").read_text(encoding="utf-8")
MANIFEST, PACKAGE, MISSING, UNKNOWN = "/app.plist", "/app.ipa", "/missing.plist", "unknown.example.net"


def row(first: str) -> list[str]:
    """Return the cells of the page's only row that begins with `first`."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in PAGE.splitlines() if line[:1] == "|"]
    found = [cells for cells in rows if cells[0] == first]
    assert len(found) == 1, (first, found)
    return found[0]


def redirected(bench: Bench) -> str:
    answer = bench.ask("/a%2Fb?x=%20", plain=True)
    kept = answer.one("location") == f"https://{HOST}/a%2Fb?x=%20"
    return f"{answer.status} to the site, path and query {'as they were sent' if kept else 'changed'}"


def unanswered(bench: Bench) -> str:
    try:
        return str(bench.ask("/", plain=True, host=UNKNOWN).status)
    except ConnectionError:
        return "no answer"


def hsts(bench: Bench) -> str:
    good, bad = (bench.ask(path).one("strict-transport-security") for path in (PACKAGE, MISSING))
    assert good == bad
    return f"{good}, on errors too"


def head(bench: Bench) -> str:
    answer, body = bench.ask(PACKAGE, "HEAD"), bench.ask(PACKAGE).body
    return f"{answer.status} with {'its' if answer.one('content-length') == str(len(body)) else 'another'} length"


def compressed(bench: Bench) -> str:
    answer = bench.ask(MANIFEST, accept_encoding="gzip")
    return " ".join(answer.all("content-encoding")) or "not compressed"


def posted(bench: Bench) -> str:
    answer = bench.ask(PACKAGE, "POST")
    return f"{answer.status} with Allow" if answer.one("allow") == "GET, HEAD" else str(answer.status)


ANSWERS: dict[str, Callable[[Bench], str]] = {
    "http": redirected,
    "http, unknown host": unanswered,
    "https, unknown host": lambda bench: str(bench.ask(MANIFEST, host=UNKNOWN, sni=UNKNOWN).status),
    "Strict-Transport-Security": hsts,
    "type of a manifest": lambda bench: bench.ask(MANIFEST).one("content-type"),
    "type of a package": lambda bench: bench.ask(PACKAGE).one("content-type"),
    "Cache-Control of a manifest": lambda bench: bench.ask(MANIFEST).one("cache-control"),
    "Cache-Control of a package": lambda bench: bench.ask(PACKAGE).one("cache-control"),
    "Cache-Control of a missing file": lambda bench: bench.ask(MISSING).one("cache-control"),
    "HEAD of a package": head,
    "a range of a package": lambda bench: str(bench.ask(PACKAGE, range="bytes=0-9").status),
    "a manifest, gzip accepted": compressed,
    "POST to a package": posted,
    "`/.git/config`": lambda bench: str(bench.ask("/.git/config").status),
    "Server": lambda bench: bench.ask(MANIFEST).one("server"),
}


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory, binary: str) -> Iterator[Bench]:
    """The example site as it is rendered when no version is named."""
    bench = Bench(binary, tmp_path_factory.mktemp("portable"), STATIC)
    caps = dataclasses.replace(resolve("nginx", "portable"), layout=bench.caps.layout)
    rendered, here = render(bench.site, caps, "site", "test"), render(bench.site, bench.caps, "site", "test")
    around = bench.config.read_text(encoding="utf-8")
    assert here.files[0].text in around
    bench.config.write_text(around.replace(here.files[0].text, rendered.files[0].text), encoding="utf-8")
    root = Path(bench.site.static[0].root or "")
    fill(root)
    (root / ".git").mkdir()
    (root / ".git/config").write_text("[remote]\n", encoding="utf-8")
    with bench.running():
        yield bench


@pytest.mark.local
@pytest.mark.parametrize("request_", ANSWERS)
def test_nginx_answers_as_the_page_says(portable: Bench, request_: str) -> None:
    assert ANSWERS[request_](portable) == row(request_)[1]


def test_every_request_of_the_page_is_tried() -> None:
    table = PAGE.partition("| request |")[2].partition("\n\n")[0].splitlines()[2:]
    assert [line.strip("| ").split(" | ")[0] for line in table] == list(ANSWERS)


@pytest.mark.parametrize(("server", "cell"), [("nginx", 1), ("apache", 2)])
def test_our_files_are_as_short_as_the_page_says(server: str, cell: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ota_proxy", "render", server]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    stated = re.fullmatch(r"1 file, less than (\d+) lines", row("ota-proxy, one site")[cell])
    assert stated is not None
    assert len(done.stdout.splitlines()) < int(stated[1])
