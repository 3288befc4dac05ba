"""The flags that say again what environment variables said, so that a command can be repeated on another machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ota_proxy.settings.flags import SHORT
from ota_proxy.settings.load import Loaded
from ota_proxy.settings.sources import Key, dotted

OPTIONS = ("server_version", "tls_library", "scope")
"""Keys of `[options]` that change what is rendered."""


def flags_again(loaded: Loaded, environ: Mapping[str, str]) -> list[str]:
    """Return flag and value, in turn, for every variable that decides a value of the rendered files; in the order of the keys."""
    words: list[str] = []
    for key, source in sorted(loaded.sources.items(), key=lambda row: dotted(row[0])):
        if source.kind == "environment" and (key[0] != "options" or key[1] in OPTIONS):
            words += _words(key, source.name, environ)
    return words


def _words(key: Key, name: str, environ: Mapping[str, str]) -> Iterator[str]:
    if key[0] == "options":
        yield from ("--" + str(key[1]).replace("_", "-"), environ[name])
    elif name in SHORT:
        yield from _short_words(key, environ)
    else:
        yield from ("--set", f"{dotted(key)}={environ[name]}")


def _short_words(key: Key, environ: Mapping[str, str]) -> Iterator[str]:
    domain, root, upstream, cert, pair = SHORT
    names = {"domains": (domain,), "locations": (root, upstream), "certificates": (cert, pair)}[str(key[0])]
    for name in names:
        values = environ.get(name, "").split(",") if name == domain else [environ.get(name, "")]
        for value in filter(None, map(str.strip, values)):
            yield from ("--" + name.removeprefix("OTA_PROXY_").lower(), value)
