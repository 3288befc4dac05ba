"""Hostile values in an Apache rendering: refused, or one argument each and no directive more, as two readers see it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import Phase as HypothesisPhase

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.apache.render import render
from ota_proxy.site import Site
from tests.property import apache_reader
from tests.property.apache_reader import Directive
from tests.property.hostile import Raw, hostile_sites, outcome, plain_twin, put_back
from tests.support import apache_host

COUNT = int(os.environ.get("OTA_PROXY_HOSTILE_SITES", "2000"))
BATCH = 250
MODULES = (
    *(
        "mpm_event",
        "authz_core",
        "authz_host",
        "mime",
        "dir",
        "alias",
        "rewrite",
        "headers",
        "setenvif",
        "allowmethods",
    ),
    *("reqtimeout", "ssl", "socache_shmcb", "http2", "remoteip", "proxy", "proxy_http", "expires", "info"),
)
_VERSIONS = ("debian11", "ubuntu22.04", "rhel10", "latest")


def _rendered(site: Site, index: int = 0) -> str | None:
    caps = resolve("apache", _VERSIONS[index % len(_VERSIONS)])
    try:
        return render(site, caps, "site", "ota-proxy render apache").files[0].text
    except UsageError as error:
        if "Apache" not in error.message or not error.place:
            raise AssertionError("a refusal must name Apache and the key") from error
        return None


def _decoded(found: list[Directive]) -> list[Directive]:
    """Take the escapes of each place away, so that what is left is the site's own text."""
    return [
        dataclasses.replace(one, sections=tuple(map(_section, one.sections)), arguments=_plain(one)) for one in found
    ]


def _section(title: str) -> str:
    name, _, rest = title.partition(" ")
    return " ".join((name, *map(_name(name), apache_reader.arguments(rest))))


def _name(section: str) -> Callable[[str], str]:
    return apache_reader.directory_name if section == "Directory" else str


def _plain(one: Directive) -> tuple[str, ...]:
    if one.name == "<Directory>":
        return tuple(map(apache_reader.directory_name, one.arguments))
    if one.name == "Header" and one.arguments[:2] in {("always", "set"), ("onsuccess", "setifempty")}:
        return (*one.arguments[:3], *map(apache_reader.header_value, one.arguments[3:4]), *one.arguments[4:])
    return one.arguments


def _with_texts_back(found: list[Directive], tokens: dict[str, str]) -> list[Directive]:
    def back(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(put_back(text, tokens) for text in texts)

    return [dataclasses.replace(one, sections=back(one.sections), arguments=back(one.arguments)) for one in found]


@settings(max_examples=COUNT, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_sites())
def test_a_hostile_site_is_refused_or_each_text_is_one_argument_and_nothing_else_changes(raw: Raw) -> None:
    site = outcome(raw)
    text = _rendered(site) if site else None
    event("refused by validation" if site is None else "refused by Apache's quoting" if text is None else "rendered")
    if site is None or text is None:
        return
    twin, tokens = plain_twin(site)
    expected = _rendered(twin)
    assert expected is not None
    found = _decoded(apache_reader.read(text))
    assert found == _with_texts_back(_decoded(apache_reader.read(expected)), tokens)


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ota-proxy-hostile-"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.local
@pytest.mark.skipif(bool(apache_host.MISSING), reason=apache_host.MISSING)
def test_apache_itself_reads_the_same_directives_and_finds_every_file_under_its_exact_name(place: Path) -> None:
    files: dict[Path, str] = {}

    @settings(
        max_examples=COUNT,
        deadline=None,
        database=None,
        phases=[HypothesisPhase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(hostile_sites())
    def collect(raw: Raw) -> None:
        site = outcome(raw)
        site = _with_real_files(site, place) if site else None
        text = _rendered(site, len(files)) if site else None
        if text is not None:
            files[place / f"{len(files)}.conf"] = text

    collect()
    assert len(files) > COUNT // 20, "nearly everything was refused: the strategy or the quoting has changed"
    for path, text in files.items():
        path.write_text(text)
    paths = list(files)
    for start in range(0, len(paths), BATCH):
        bad = _culprit(place, paths[start : start + BATCH], files)
        assert bad is None, f"Apache does not read this as meant:\n{files[bad]}\n{_dump(place, [bad])[1]}"


def _with_real_files(site: Site, place: Path) -> Site | None:
    """Move every file Apache looks for while it reads into the test's folder and create it there; None where no such name can be."""
    raw = site.model_dump(mode="json", exclude_none=True)
    files = [(pair, key) for pair in raw["certificates"] for key in ("cert", "key")]
    files += [(raw["log"], key) for key in ("access", "error") if isinstance(raw["log"].get(key), str)]
    for location in raw["locations"]:
        if location.get("upstream", "").startswith("https:"):
            location.setdefault("upstream_ca", "/ca.pem")
            files.append((location, "upstream_ca"))
    try:
        for holder, key in files:
            path = Path(str(place / "tls") + str(holder[key]))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
            holder[key] = str(path)
    except OSError:  # a name longer than the file system takes, or a folder where a file is
        return None
    return outcome(raw)


def _culprit(place: Path, paths: list[Path], files: dict[Path, str]) -> Path | None:
    """Return one file Apache reads differently than written; halves the batch until it is alone."""
    if not _misread(place, paths, files):
        return None
    if len(paths) == 1:
        return paths[0]
    half = len(paths) // 2
    return _culprit(place, paths[:half], files) or _culprit(place, paths[half:], files)


def _misread(place: Path, paths: list[Path], files: dict[Path, str]) -> bool:
    seen, _ = _dump(place, paths)
    return any(seen.get(str(path)) != _without_conditions(apache_reader.logical_lines(files[path])) for path in paths)


def _dump(place: Path, paths: list[Path]) -> tuple[dict[str, list[str]], str]:
    """Let Apache read the files and print the tree it made: file → its directives in order."""
    main = place / "main.conf"
    loads = [f'LoadModule {name}_module "{apache_host.MODULES}/mod_{name}.so"' for name in MODULES]
    head = [
        f'ServerRoot "{place}"',
        f'DefaultRuntimeDir "{place}"',
        "ServerName main.example",
        "TypesConfig /dev/null",
        "ErrorLog /dev/null",
    ]
    main.write_text("\n".join([*head, *loads, *(f'Include "{path}"' for path in paths), ""]))
    command = [apache_host.BINARY, "-t", "-D", "DUMP_CONFIG", "-f", str(main)]
    done = subprocess.run(command, capture_output=True, check=False)
    seen: dict[str, list[str]] = {}
    current: list[str] = []
    for line in done.stdout.decode("utf-8", "replace").split("\n"):
        if line.startswith("# In file: "):
            current = seen.setdefault(line.removeprefix("# In file: "), [])
        elif line.strip(" ") and not line.lstrip(" ").startswith("#"):
            current.append(line.strip(" "))
    return (
        {} if done.returncode else {path: _without_conditions(lines) for path, lines in seen.items()}
    ), done.stderr.decode()


def _without_conditions(lines: list[str]) -> list[str]:
    return [line for line in lines if "IfModule" not in line]
