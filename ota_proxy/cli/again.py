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
_SINGLE = ("public_url", "tls_profile", "server_version", "tls_library", "scope")


def canonical_command(args: argparse.Namespace, loaded: Loaded) -> str:
    """Return the command: no output flags, no folder before the site file, variables as flags, always the same order."""
    from ota_proxy.settings.again import flags_again  # noqa: PLC0415 - heavy, and `--help` needs none of it

    words = ["ota-proxy", "render", args.server]
    if loaded.file:
        words += ["--site", loaded.file.name]
    words += flags_again(loaded, os.environ)
    for flag in _REPEATED:
        words += [word for value in getattr(args, flag) for word in (_flag(flag), value)]
    for flag in _SINGLE:
        words += [_flag(flag), getattr(args, flag)] if getattr(args, flag) is not None else []
    words += [word for text in args.sets for word in ("--set", text)]
    return " ".join(map(quoted, words))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def quoted(word: str) -> str:
    """Quote a word for a shell in characters that every comment can hold, if need be as $'…' with octal bytes (POSIX 2024, §2.2.4)."""
    from ota_proxy.render.header import comment_text  # noqa: PLC0415 - as above

    plain = shlex.quote(word)
    if plain == comment_text(plain) and (plain == word or "--" not in word):
        return plain
    raw = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(byte) if byte in _HARMLESS else f"\\{byte:03o}" for byte in raw) + "'"
