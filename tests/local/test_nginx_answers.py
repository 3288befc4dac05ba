"""Our answers beside those of a real nginx: configurations made at random, the cases that were wrong once, arguments, and tricky files."""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from ota_proxy.servers.nginx.syntax import Directive, parse
from tests.support.nginx_answers import (
    HEAD,
    TYPES,
    Case,
    Score,
    ask_real,
    batch,
    free_port,
    generated,
    judged,
    lacking,
    make_files,
    running,
)
from tests.support.nginx_cases import CASES
from tests.support.nginx_phases import MAPS, PHASES
from tests.support.nginx_tricky import Tricky, tricky

pytestmark = pytest.mark.local

SIZE = 25
BATCHES = int(os.environ.get("OTA_PROXY_GENERATED", "200")) // SIZE
"""OTA_PROXY_GENERATED=2000 is the nightly run."""
RECORDED = "nginx version: nginx/1.22.1"


def version(nginx: str) -> str:
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"nginx/([\d.]+)", said)
    assert found is not None
    return found[1]


def test_generated_configurations_get_the_real_servers_answers(binary: str, tmp_path: Path) -> None:
    total, wrong = Score(), []
    for seed in range(BATCHES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        made = generated(seed, SIZE, folder, binary)
        assert len(made.cases) > SIZE * 0.8
        score, reports = judged(made, binary, version(binary))
        total.add(score)
        wrong += [f"seed {seed}: {report}" for report in reports]
    assert wrong == []
    assert total.fields > BATCHES * SIZE * 20
    assert total.unknown <= total.fields * 0.03


def test_what_was_wrong_once_stays_right(binary: str, tmp_path: Path) -> None:
    _held(binary, tmp_path, CASES, f"{TYPES}\n")


def test_each_phase_answers_as_the_real_server_does(binary: str, tmp_path: Path) -> None:
    _held(binary, tmp_path, PHASES, f"{MAPS}{TYPES}\n")


def _held(binary: str, tmp_path: Path, blocks: list[tuple[str, str, list[tuple[str, ...]]]], http: str) -> None:
    """Ask for each block by GET and by HEAD."""
    make_files(tmp_path / "www")
    upstream, port = free_port(), free_port()
    places = {"@ROOT@": str(tmp_path / "www"), "@UP@": f"127.0.0.1:{upstream}", "@PORT@": str(port)}
    cases = []
    for number, (name, body, requests) in enumerate(blocks):
        for place, value in places.items():
            body = body.replace(place, value)  # noqa: PLW2901  # the same text with its places filled in
        root = "" if re.search(r"^root ", body, re.MULTILINE) else f"root {tmp_path}/www;"
        text = f"server {{ # {name}\nlisten 127.0.0.1:{port}; server_name c{number}.test;\n{body}\n{root}\n}}\n"
        both = [(method, target, tuple(fields)) for method in ("GET", "HEAD") for target, *fields in requests]
        cases.append(Case(f"c{number}.test", text, both))
    made = batch(tmp_path, binary, HEAD.format(folder=tmp_path, upstream=upstream), http, cases, port)
    absent = sum(any(name in body for name in lacking(binary)) for _, body, _ in blocks)
    assert len(made.cases) == len(blocks) - absent
    score, reports = judged(made, binary, version(binary))
    assert reports == []
    assert score.fields > len(blocks)
    assert score.unknown <= score.fields * 0.04


def test_arguments_are_those_of_the_real_server(binary: str, tmp_path: Path) -> None:
    """Each raw text stands in `return 200 TEXT;` of a location of its own: what the server sends is what it took it for."""
    maker = random.Random(12)  # noqa: S311  # nothing is kept secret by it
    raws: list[str] = []
    while len(raws) < 300:
        quote = maker.choice(["", "", '"', "'"])
        inside = "".join(
            maker.choices(
                ["a", "\\", '"', "'", "#", "}", "{", ";", " ", "\t", "\n", "n", "t", "r", "(", ")", "é", "\\\\", '\\"'],
                k=maker.randint(1, 8),
            )
        )
        raw = quote + inside + quote
        document = parse(f"return 200 {raw};".encode(), "x")
        one = document.items[0] if len(document.items) == 1 else None
        if document.problem is None and isinstance(one, Directive) and one.block is None and len(one.words) == 3:
            raws.append(raw)
    port = free_port()
    lines = "".join(f"location = /{number} {{ return 200 {raw}; }}\n" for number, raw in enumerate(raws))
    conf = tmp_path / "nginx.conf"
    text = HEAD.format(folder=tmp_path, upstream=free_port()) + f"server {{ listen 127.0.0.1:{port};\n{lines}}}\n}}\n"
    conf.write_text(text, encoding="utf-8")
    with running(binary, conf, port):
        for number, raw in enumerate(raws):
            real = ask_real(port, "a.test", "GET", f"/{number}", ())
            one = parse(f"return 200 {raw};".encode(), "x").items[0]
            assert isinstance(one, Directive)
            assert real is not None
            assert real.body == one.args[1].encode(), raw


@pytest.mark.parametrize("case", tricky(), ids=lambda case: case.name)
def test_the_recorded_verdict_is_the_servers_own(case: Tricky, tmp_path: Path, system_nginx: str) -> None:
    (tmp_path / "nginx.conf").write_bytes(case.data)
    command = [
        system_nginx,
        "-t",
        "-q",
        "-p",
        str(tmp_path),
        "-c",
        "nginx.conf",
        "-g",
        f"error_log stderr; pid {tmp_path}/p;",
    ]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (done.returncode == 0) == case.taken
    if case.is_syntax:
        assert re.sub(r" in DIR.*", "", case.message).replace("…", "").encode() in done.stderr


@pytest.fixture
def system_nginx() -> str:
    from tests.local.nginx_server import binaries  # noqa: PLC0415  # only this fixture asks

    found = binaries().get("system")
    said = subprocess.run([found, "-v"], capture_output=True, text=True, check=True).stderr.strip() if found else ""
    if found is None or said != RECORDED:
        pytest.skip(f"the verdicts are those of nginx 1.22.1; this machine has {said or 'no nginx'}")
    return found
