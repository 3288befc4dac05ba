"""A person's own configuration, a file or a whole tree, put where the server of an engine looks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ota_proxy.errors import UsageError
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.places import config_folder, config_path, main_file
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.reading import read_file
from ota_proxy.report.model import TargetReport
from ota_proxy.rules.model import Outcome

_MAIN_NAMES = {"nginx": ("nginx.conf",), "apache": ("apache2.conf", "httpd.conf", "conf/httpd.conf")}
_MAIN_LINES = {
    "nginx": re.compile(r"(?m)^(?:[^#\n]*[\s;{}])?(?:events|http)\s*\{"),
    "apache": re.compile(r"(?mi)^\s*(?:LoadModule|ServerRoot)\s"),
}
"""Directives that only a main file has; a comment may speak of them in any."""
_OTHERWISE = {
    "iis": "ota-proxy up iis --site-root DIR plays a folder of IIS as it is, ota-proxy lint PATH reads its files; "
    "for nginx: ota-proxy verify nginx --config PATH"
}
"""What a person may have meant with a server whose configuration cannot be started."""
_MISSED = re.compile(r"""["'](/[^"'\n]+)["'][^\n]*(?:No such file|does not exist)""")
"""How nginx and Apache speak of a file that is not there."""
_LARGEST = 16 * 1024 * 1024
_MOST_FILES = 5_000


@dataclass(frozen=True, slots=True)
class OwnConfig:
    """`main` is the file the server starts with, or the one site file when `tree` is empty and it is not a main file."""

    server: str
    main: Path
    tree: Path | None
    """The folder that goes to the server's own configuration folder, with everything in it."""

    def texts(self, caps: Capabilities) -> Mapping[str, str]:
        """Return path on the server → text of the file under test."""
        text = _read(self.main).decode("utf-8", "surrogateescape")
        whole = self.tree is not None or bool(_MAIN_LINES[self.server].search(text))
        return {main_file(caps) if whole else config_path(caps): text}

    def own(self, path: str, caps: Capabilities) -> str:
        """Return the person's file that stands at a path on the server, or the path itself for a file that is not theirs."""
        if path in self.texts(caps):
            return str(self.main)
        inside = Path(path)
        folder = config_folder(caps)
        if self.tree is not None and inside.is_relative_to(folder):
            own = self.tree / inside.relative_to(folder)
            return str(own) if own.is_file() else path
        return path

    def files(self, caps: Capabilities) -> tuple[TestFile, ...]:
        """Return the rest of the tree at its places below the server's configuration folder."""
        if self.tree is None:
            return ()
        folder = config_folder(caps)
        found = [path for path in sorted(self.tree.rglob("*")) if path.is_file() and path != self.main]
        if len(found) > _MOST_FILES or sum(path.stat().st_size for path in found) > _LARGEST:
            raise UsageError(
                "the tree is too large for a configuration",
                place=str(self.tree),
                hint="give the server's configuration folder only",
            )
        return tuple(
            TestFile(f"{folder}/{path.relative_to(self.tree)}", _read(path), path.stat().st_mode & 0o777)
            for path in found
        )


def at_source(report: TargetReport, config: OwnConfig | None, caps: Capabilities) -> TargetReport:
    """Return the report with findings in the person's own file and line instead of the copy on the server; None: nobody's file."""
    if config is None:
        return report
    outcomes = tuple(replace(one, file=config.own(one.file, caps)) if one.file else one for one in report.outcomes)
    texts = {config.own(path, caps): text for path, text in report.config.items()}
    shown = {**report.config, **texts, **_quoted(outcomes, config)}
    return replace(report, outcomes=outcomes, config=shown, notes=(*report.notes, *_absent(outcomes)))


def _absent(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield for each file that the server missed how it would have been there: most often a flag names another place."""
    said = "\n".join(one.evidence for one in outcomes if one.rule.id == "OTA615" and one.status == "failed")
    for path in dict.fromkeys(_MISSED.findall(said)):
        yield (
            f"{path} was not there: --cert, --key and --root name the places where this configuration expects its "
            "certificate and builds, and every other file has to be in the folder of --config"
        )


def _quoted(outcomes: Iterable[Outcome], config: OwnConfig) -> Mapping[str, str]:
    """Return the texts of the tree's files that findings are in."""
    files = {Path(one.file) for one in outcomes if one.file}
    inside = [path for path in files if config.tree is not None and path.is_relative_to(config.tree)]
    return {str(path): _read(path).decode("utf-8", "surrogateescape") for path in inside}


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        hint = "ota-proxy must be able to read the whole tree"
        raise UsageError(f"the file cannot be read: {error.strerror}", place=f"--config {path}", hint=hint) from None


def own_config(path: Path, server: str) -> OwnConfig:
    """Look at a path given with --config; UsageError when it is no configuration of that server."""
    if server not in _MAIN_NAMES:
        raise UsageError(
            f"only a configuration of nginx or Apache can be started, not of {server}",
            place="--config",
            hint=_OTHERWISE.get(server, "name the server it is for: ota-proxy verify nginx --config PATH"),
        )
    if path.is_file():
        return OwnConfig(server, path, None)
    if path.exists() and not path.is_dir():
        _read(path)  # says what it is: a pipe, a device
    if not path.is_dir():
        hint = "give the main file, a site file, or the folder of the whole configuration"
        raise UsageError("there is no such file or folder", place=f"--config {path}", hint=hint)
    main = next((path / name for name in _MAIN_NAMES[server] if (path / name).is_file()), None)
    if main is None:
        names = " or ".join(_MAIN_NAMES[server])
        raise UsageError(
            f"the folder holds no {names}",
            place=f"--config {path}",
            hint="give the folder with the main file, or a single site file",
        )
    return OwnConfig(server, main, path)
