"""Says what the doctor found: what this machine can run, what is missing, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from ota_proxy import __version__, printable
from ota_proxy.harness.doctor.probe import GROUPS, Probe, engines, exit_code, real
from ota_proxy.report.paint import Paint, Tone
from ota_proxy.report.text import plain
from ota_proxy.rules.support.evidence import safe

SCHEMA = "ota-proxy/doctor/1"
_TONES: dict[str, Tone] = {"ok": "good", "missing": "error", "limited": "warning"}


def as_json(probes: list[Probe]) -> str:
    """Return what was found as a JSON document with a newline at the end."""
    tool = {"name": "ota-proxy", "version": __version__}
    document = {"schema": SCHEMA, "tool": tool, "engines": engines(probes), "probes": [asdict(one) for one in probes]}
    return printable.as_json(document, indent=2) + "\n"


def as_text(probes: list[Probe], paint: Paint) -> str:
    """Return what was found as lines for people, with a newline at the end."""
    width = max(len(one.name) for one in probes)
    lines: list[str] = []
    for group, title in GROUPS.items():
        lines += map(paint.bold, paint.wrap(title, ""))
        lines += [line for one in probes if one.group == group for line in _lines(one, width, paint)]
        lines += [""]
    text = "\n".join([*lines, *_end(probes, paint)]) + "\n"
    return printable.inert(plain(text) if paint.ascii_only else text)


def _lines(one: Probe, width: int, paint: Paint) -> Iterator[str]:
    """Show a probe: mark, name, what was found; below it what it is for and how to get it, where it is not there."""
    # optional things that are not there are no errors: only what is needed gets the mark of one
    tone: Tone = "none" if one.status == "missing" and one.group == "tools" else _TONES[one.status]
    indent = " " * (width + 6)
    first = f"  {paint.mark(tone)} {one.name:<{width}}  "
    found, *more = paint.wrap(safe(one.found), indent, indent)
    yield first + found[len(indent) :]
    yield from more
    if one.status != "ok":
        if one.purpose:
            yield from paint.wrap(f"for: {one.purpose}", indent)
        if one.remedy:
            arrow = paint.sign("→", "->")
            yield from paint.wrap(f"{arrow} {safe(one.remedy)}", indent + " " * (len(arrow) + 1), indent)


def _end(probes: list[Probe], paint: Paint) -> Iterator[str]:
    """Say which servers can be proved here, and how to go on."""
    able = engines(probes)
    for server, names in able.items():
        ways = ", ".join(names) if names else "nothing here can start it"
        yield f"{paint.mark('good' if names else 'unknown')} {server}: {ways}"
    if exit_code(probes):
        hint = "No real server can be started yet. The quickest remedy: python -m pip install 'ota-proxy[embedded]'"
        broken = [one.name for one in probes if one.needed and one.status == "missing"]
        yield from paint.wrap(f"Repair {', '.join(broken)} first." if broken else hint, "")
        return
    yield f"Next: ota-proxy verify {real(probes)[0]}"
