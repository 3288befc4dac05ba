"""Where a finding is, in the words of machines: paths relative to the project, URIs, and fingerprints that survive an edit."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from ota_proxy.printable import as_bytes
from ota_proxy.rules.model import Outcome

_ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where the two services say that the checkout is (their documentation of predefined variables)."""
_TEMPORARY = re.compile(r"(?:/[^/\s]+)*/ota-proxy-[^/\s]+(?=/)")
"""The folder of a run's own; another run has another."""
_COMMENT = re.compile(r"<!--.*?(?:-->|$)")
_PLACE = re.compile(r"(?::\d+){1,2}$")
_DEFAULT_PORTS = {"https": 443, "http": 80}


def project_root(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Path:
    """Return what paths of machine reports are relative to: the service's checkout, the repository around us, or the folder we are in."""
    here = (folder or Path.cwd()).resolve()
    variables = os.environ if environ is None else environ
    for name in _ROOTS:
        given = Path(variables.get(name) or "/").resolve()
        if given != Path("/") and here.is_relative_to(given):
            return given
    return next((place for place in (here, *here.parents) if (place / ".git").exists()), here)


def relative(file: str, root: Path, folder: Path | None = None) -> str:
    """Return a file's path relative to the project with `/`, or an empty string for one outside, such as a container's."""
    if not file:
        return ""
    path = Path(os.path.normpath((folder or Path.cwd()) / file))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else ""


def uri(path: str) -> str:
    """Return a path as a URI reference (RFC 3986): quoted, `file://` before an absolute one."""
    quoted = quote(as_bytes(path), safe="/-._~!$&'()*+,;=@")
    return f"file://{quoted}" if path.startswith("/") else quoted


def fingerprints(outcomes: Iterable[Outcome], root: Path) -> list[str]:
    """Return one for each outcome that failed, else an empty text: of rule, file and subject (the directive), not of line or message.

    The second of a kind ends with `:2`, and so on.
    """
    seen: Counter[str] = Counter()
    found = []
    for outcome in outcomes:
        if outcome.status != "failed":
            found.append("")
            continue
        parts = (outcome.rule.id, _file(outcome.file, root), _what(outcome))
        digest = hashlib.sha256(as_bytes("\0".join(parts))).hexdigest()[:32]
        seen[digest] += 1
        found.append(f"{digest}:{seen[digest]}")
    return found


def _file(file: str, root: Path) -> str:
    return relative(file, root) or _TEMPORARY.sub("", file)


def _what(outcome: Outcome) -> str:
    """Return what in a file it is: the subject, or where that is the file itself the words that the evidence shows of it.

    Comments are none of them: one that ignores the finding must not make another of it.
    """
    if outcome.file and _PLACE.sub("", outcome.subject) == outcome.file:
        return " ".join(_COMMENT.sub("", outcome.evidence).split())
    return _subject(outcome.subject)


def _subject(subject: str) -> str:
    """Return a subject without what changes from run to run: query, fragment, the usual port, a line, the folder of a run."""
    try:
        parts = urlsplit(subject)
        port = parts.port
    except ValueError:
        return " ".join(subject.split())
    if parts.scheme and parts.hostname:
        other = "" if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{port}"
        return f"{parts.scheme}://{parts.hostname}{other}{parts.path}"
    return " ".join(_PLACE.sub("", _TEMPORARY.sub("", subject)).split())
