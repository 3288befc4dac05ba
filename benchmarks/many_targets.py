"""How many live targets a second `check --targets` gets through: an nginx of ours on loopback, healthy manifests, as many hosts as wanted.

Usage: python benchmarks/many_targets.py [TARGETS [HOSTS [JOBS]]]
Prints the rate, the processor time of the checking processes and the highest memory of one of them.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import collections
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ota_proxy.apps.package import build_package
from ota_proxy.harness.engine import Engine, choose
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import Started, Trial, start
from ota_proxy.site import Site

PACKAGE = 20_000
"""Bytes of the executable in the package: what is measured is the asking, not the downloading."""
DOMAIN = "ota.example.com"
SITE = Site.model_validate(
    {
        "domains": [DOMAIN, "*.example.com"],
        "locations": [{"path": "/", "root": "/srv/ota"}],
        "certificates": [{"cert": "/etc/ssl/ota.pem", "key": "/etc/ssl/ota.key"}],
    }
)


def engine() -> Engine:
    """Return a server without Docker: an nginx on the PATH, or the embedded one."""
    return choose("embedded", "nginx")


def hosts(count: int) -> list[str]:
    """Return so many names of the site."""
    return [DOMAIN, *(f"h{number}.example.com" for number in range(1, count))]


def targets(count: int, names: list[str]) -> str:
    """Return so many manifest URLs, one a line."""
    return "".join(f"https://{names[number % len(names)]}/app.plist?n={number}\n" for number in range(count))


def ways(started: Started, names: list[str]) -> Iterator[str]:
    """Yield the flags that lead every name to the server."""
    for (host, port), (address, there) in started.running.endpoint.resolve.items():
        for name in names if host == DOMAIN else [host]:
            yield from ("--resolve", f"{name}:{port}:{address}:{there}")


def measure(started: Started, folder: Path, count: int, names: list[str], jobs: int) -> None:
    """Run the command once and print what it took."""
    (folder / "ca.pem").write_bytes(started.prepared.ca_pem)
    (folder / "urls.txt").write_text(targets(count, names), encoding="utf-8")
    program = "import sys; from ota_proxy.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "check", "--targets", str(folder / "urls.txt"), "--jobs", str(jobs)]
    begun = time.monotonic()
    done = subprocess.run(
        [*command, "--ca", str(folder / "ca.pem"), *ways(started, names)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    report(done, time.monotonic() - begun)


def report(done: subprocess.CompletedProcess[str], seconds: float) -> None:
    """Print rate, processor time, memory and the exit codes that the targets got."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    codes = dict(collections.Counter(line["exit"] for line in lines))
    found = dict(collections.Counter(one["rule"] for line in lines for one in line["outcomes"]))
    print(f"{len(lines)} targets in {seconds:.1f} s: {len(lines) / seconds:.1f}/s, exit {done.returncode} {codes}")  # noqa: T201
    print(f"processor {used.ru_utime + used.ru_stime:.1f} s, at most {used.ru_maxrss / 1024:.0f} MB a process")  # noqa: T201
    if found:
        print(f"not passed: {found}")  # noqa: T201 - a healthy run has nothing here


def main(count: int = 1000, number: int = 1, jobs: int = 16) -> None:
    """Start the server and measure."""
    names, chosen = hosts(number), engine()
    trial = Trial("nginx", SITE, content=Content(package=build_package(size=PACKAGE)))
    with (
        tempfile.TemporaryDirectory() as folder,
        start(trial, chosen, lambda _text: None) as started,
    ):
        measure(started, Path(folder), count, names, jobs)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
