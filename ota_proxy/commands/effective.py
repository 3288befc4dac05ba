"""What one request gets from a configuration: from a path and a URL to the answer, for the server whose files these are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ota_proxy.errors import NoVerdictError, UsageError
from ota_proxy.reading import read_file
from ota_proxy.servers.answered import Answered
from ota_proxy.servers.nginx.answering.request import asked
from ota_proxy.servers.nginx.effective import effective
from ota_proxy.servers.nginx.tree import load
from ota_proxy.servers.tree_files import PathMap

_APACHE: Final = re.compile(
    rb"(?im)^[ \t]*<(?:VirtualHost|Directory|Location|Files|IfModule|If|Macro)\b|^[ \t]*(?:ServerRoot|DocumentRoot|LoadModule|RewriteRule)[ \t]"
)
_XML: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<(?:\?xml|configuration|!--)")
_ONLY: Final = "effective answers for nginx only so far"


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks, as the command line has it."""

    path: Path
    url: str
    method: str = "GET"
    headers: tuple[str, ...] = ()
    server: str = ""
    maps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer, and what was taken for granted while the files were read."""

    effective: Answered
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Say whether anything of the answer is known."""
        found = self.effective
        return (
            found.status is not None
            or found.upstream is not None
            or any(one.value is not None for one in found.headers)
        )


def answer(question: Question) -> Answer:
    """Return what the request gets; UsageError for what cannot be asked or read, NoVerdictError for another server's files."""
    request = asked(question.url, question.method, question.headers)
    maps = tuple(PathMap.parsed(one) for one in question.maps)
    if not question.path.exists():
        raise UsageError(
            f"there is no {question.path}",
            hint="name a configuration file, a folder with one, or what `nginx -T` printed",
        )
    if question.server not in {"", "nginx"}:
        raise NoVerdictError(f"{_ONLY}, not for {question.server}", hint=_instead(question.server))
    if not question.server:
        _refuse_others(question.path)
    tree = load(question.path, maps)
    return Answer(effective(tree, request), tree.notes)


def _refuse_others(path: Path) -> None:
    """Raise NoVerdictError for a file that is plainly not nginx's."""
    if not path.is_file():
        return
    try:
        data = read_file(path)
    except OSError:
        return  # whoever reads it next says why
    if _XML.match(data):
        raise NoVerdictError(f"this is XML, and {_ONLY}", place=str(path), hint=_instead("iis"))
    if _APACHE.search(data) and b"{" not in data:
        raise NoVerdictError(f"this is a file of Apache, and {_ONLY}", place=str(path), hint=_instead("apache"))


def _instead(server: str) -> str:
    return f"`ota-proxy verify {server} --config PATH` starts it and asks"
