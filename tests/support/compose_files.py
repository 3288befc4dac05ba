"""Reads the compose files as `docker compose` would: YAML, then `${NAME:-default}` from an environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "compose"
VARIABLE = re.compile(r"\$\$|\$\{([A-Z_]+):-([^}]*)\}")


def text_of(server: str) -> str:
    return (FOLDER / f"{server}.yml").read_text(encoding="utf-8")


def document(server: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the whole file; a `$` that is no variable with a default would be a mistake and stays as it is."""
    whole: dict[str, Any] = _filled(yaml.safe_load(text_of(server)), environ or {})
    return whole


def _filled(value: Any, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Fill in the variables of every text, after the YAML has been read: so does `docker compose`."""
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: (environ.get(found[1]) or found[2]) if found[1] else "$", value)
    if isinstance(value, list):
        return [_filled(one, environ) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, environ) for key, one in value.items()}
    return value


def service(server: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the file's one service."""
    (only,) = document(server, environ)["services"].values()
    found: dict[str, Any] = only
    return found


def header(server: str) -> str:
    """Return the comment that opens the file, without its signs."""
    lines = []
    for line in text_of(server).splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return "\n".join(lines)


def render_command(server: str) -> list[str]:
    """Return the `ota-proxy render` command of the header, without what follows it."""
    joined = header(server).replace("\\\n", " ")
    found = re.search(r"^ota-proxy (render .*?)\s*(?:&&|;|$)", joined, re.MULTILINE)
    assert found, f"compose/{server}.yml names no render command"
    return found[1].split()


def docker_flags(chosen: Mapping[str, Any]) -> list[str]:
    """Translate a service to flags of `docker create`; ports are published on loopback only, it is a test."""
    flags = ["--read-only"] if chosen.get("read_only") else []
    for volume in chosen["volumes"]:
        if volume["type"] == "bind":
            flags += ["--mount", f"type=bind,source={volume['source']},target={volume['target']},readonly"]
        else:
            flags += ["--mount", f"type=volume,target={volume['target']}"]
    limits = chosen["ulimits"]["nofile"]
    flags += ["--ulimit", f"nofile={limits['soft']}:{limits['hard']}"]
    lists = {"--tmpfs": "tmpfs", "--cap-drop": "cap_drop", "--cap-add": "cap_add", "--security-opt": "security_opt"}
    for flag, key in lists.items():
        for value in chosen.get(key, ()):
            flags += [flag, value]
    for ports in chosen["ports"]:
        flags += ["--publish", f"127.0.0.1:{ports}"]
    return flags
