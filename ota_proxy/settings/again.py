"""The flags that say again what environment variables said, so that a command can be repeated on another machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ota_proxy.settings.flags import SHORT
from ota_proxy.settings.load import Loaded
from ota_proxy.settings.sources import Key, dotted

OPTIONS = ("server_version", "tls_library", "with_modules", "scope")
"""Keys of `[options]` that change what is rendered."""


def flags_again(loaded: Loaded, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (flag, value) for every variable that decides a value of the rendered files, in the order of the keys."""
    pairs: list[tuple[str, str]] = []
    for key, source in sorted(loaded.sources.items(), key=lambda row: dotted(row[0])):
        whole = not any(isinstance(step, int) for step in key)  # the flags of an array repeat its parts
        if whole and source.kind == "environment" and (key[0] != "options" or key[1] in OPTIONS):
            modules = loaded.options.with_modules if key == ("options", "with_modules") else ()
            pairs += [("--with-module", name) for name in modules] or _pairs(key, source.name, environ)
    return pairs


def _pairs(key: Key, name: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if key[0] == "options":
        yield "--" + str(key[1]).replace("_", "-"), environ[name]
    elif name in SHORT:
        yield from _short(key, environ)
    else:
        yield "--set", f"{dotted(key)}={environ[name]}"


def _short(key: Key, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    domain, root, upstream, cert, private = SHORT
    names = {"domains": (domain,), "locations": (root, upstream), "certificates": (cert, private)}[str(key[0])]
    for name in names:
        values = environ.get(name, "").split(",") if name == domain else [environ.get(name, "")]
        flag = "--" + name.removeprefix("OTA_PROXY_").lower()
        yield from ((flag, value.strip()) for value in values if value.strip())
