"""Tricky nginx files with what `nginx -t` (1.22.1) said of each when it was asked; `tests/local` asks the nginx of this machine again."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

_FILE = Path(__file__).with_name("nginx_tricky.json")
_AROUND = {
    "main": (b"", b""),
    "http": (b"events {}\nhttp {\n", b"\n}\n"),
    "server": (b"events {}\nhttp {\nserver {\nlisten 8080;\n", b"\n}\n}\n"),
    "location": (b"events {}\nhttp {\nserver {\nlocation / {\n", b"\n}\n}\n}\n"),
}
_SYNTAX = re.compile(r'unexpected |too long parameter|unknown directive "\ufeff')


@dataclass(frozen=True)
class Tricky:
    """A file, whether nginx takes it, and its message where it does not."""

    name: str
    data: bytes
    taken: bool
    message: str

    @property
    def is_syntax(self) -> bool:
        """Whether the reader of the text itself refuses it, before any directive is looked up."""
        return _SYNTAX.match(self.message) is not None


def tricky() -> list[Tricky]:
    return [_made(one) for one in json.loads(_FILE.read_text(encoding="utf-8"))]


def _made(one: dict[str, str]) -> Tricky:
    before, after = _AROUND[one["where"]]
    text = re.sub(r"(.)⟨(\d+)⟩", lambda found: found[1] * int(found[2]), one["text"], flags=re.DOTALL)
    return Tricky(one["name"], before + text.encode("latin-1") + after, bool(one["taken"]), one["message"])
