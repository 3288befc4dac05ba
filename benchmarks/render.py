"""How long rendering takes: each server against plain jinja2 filling the same text, in the same run. Ratios count, times are context.

Usage: python benchmarks/render.py [ROUNDS]
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import jinja2

from ota_proxy.policy.capabilities import SERVERS, resolve
from ota_proxy.servers.base import server_named
from ota_proxy.site import Site

SITE = Site.model_validate(
    {
        "domains": ["ota.example.com", "*.example.com"],
        "locations": [
            {"path": "/", "root": "/srv/ota"},
            {"path": "/app/", "upstream": "http://127.0.0.1:8080"},
        ],
        "certificates": [{"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}],
    }
)
COMMAND = "ota-proxy render"


def ours(server: str) -> Callable[[], str]:
    """Return a function that renders every file of the site, from the site on: view, quoting, templates, header."""
    caps, render = resolve(server), server_named(server).render
    return lambda: "".join(file.text for file in render(SITE, caps, "site", COMMAND).files)


def peer(text: str) -> Callable[[], str]:
    """Return a function with which plain jinja2 makes the same text: what any generator by templates pays at least."""
    source = jinja2.Environment(autoescape=False)  # noqa: S701 - configuration text, and nobody serves it
    parts = text.split(SITE.domain)
    template = source.from_string("{{ domain }}".join("{% raw %}" + part + "{% endraw %}" for part in parts))
    return lambda: template.render(domain=SITE.domain)


def milliseconds(work: Callable[[], str]) -> float:
    """Return the processor time of one call."""
    begun = time.process_time_ns()
    work()
    return (time.process_time_ns() - begun) / 1e6


def main(rounds: int = 100) -> None:
    """Measure in turns, so that a busy machine slows both sides; print medians."""
    print(f"{'server':<8}{'bytes':>8}{'ours ms':>10}{'jinja2 ms':>11}{'ratio':>8}")  # noqa: T201 - the result
    for server in SERVERS:
        mine = ours(server)
        text = mine()
        other = peer(text)
        pairs = [(milliseconds(mine), milliseconds(other)) for _ in range(rounds)]
        own, plain = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{server:<8}{len(text):>8}{own:>10.3f}{plain:>11.3f}{own / plain:>8.1f}")  # noqa: T201 - the result


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
