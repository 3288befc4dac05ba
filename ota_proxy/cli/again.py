"""The command in the header of a rendered file: run where the site file is, it makes the same file again."""

from __future__ import annotations

import argparse
import os
import shlex
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ota_proxy.settings import Loaded

_HARMLESS = string.ascii_letters.encode() + string.digits.encode() + b"/._:= "
_REPEATED = ("domain", "root", "upstream", "cert", "key", "trusted_proxy")
_MODULES = ("with_module", "without_module")
_SINGLE = ("public_url", "tls_profile", "server_version", "tls_library", "scope")


def canonical_command(args: argparse.Namespace, loaded: Loaded) -> str:
    """Return the command: no output flags, no folder before the site file, variables as flags, always the same order."""
    from ota_proxy.settings.again import flags_again  # noqa: PLC0415 - heavy, and `--help` needs none of it

    pairs = flags_again(loaded, os.environ)
    pairs += [(_flag(name), value) for name in _REPEATED for value in getattr(args, name)]
    pairs += [(_flag(name), getattr(args, name)) for name in _SINGLE if getattr(args, name) is not None]
    pairs += [("--set", text) for text in args.sets]
    pairs += [(_flag(name), value) for name in _MODULES for value in getattr(args, name, ())]
    order = [*map(_flag, (*_REPEATED, *_SINGLE, *_MODULES)), "--set"]
    pairs.sort(key=lambda pair: order.index(pair[0]))
    site = [("--site", loaded.chosen.resolve().name)] if loaded.chosen else []
    return " ".join(
        map(quoted, ["ota-proxy", "render", args.server, *(word for pair in site + pairs for word in pair)])
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def quoted(word: str) -> str:
    """Quote a word for a shell in characters that every comment can hold, if need be as $'…' with octal bytes (POSIX 2024, §2.2.4)."""
    from ota_proxy.servers.header import comment_text  # noqa: PLC0415 - as above

    plain = shlex.quote(word)
    if plain == comment_text(plain) and (plain == word or "--" not in word):
        return plain
    raw = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(byte) if byte in _HARMLESS else f"\\{byte:03o}" for byte in raw) + "'"
