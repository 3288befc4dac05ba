"""Holds the version that a site is described for against the version that an engine has."""

from __future__ import annotations

from ota_proxy.errors import UsageError
from ota_proxy.harness.engine import Engine
from ota_proxy.policy.capabilities import AUTO, PORTABLE, Capabilities, resolve, with_compressors
from ota_proxy.settings import Loaded


def asked(server: str, loaded: Loaded) -> Capabilities | None:
    """Return what `render` would write for, so that a trial is of the same lines; None for `auto`, which is what the engine has."""
    options = loaded.options
    if options.server_version == AUTO:
        return None
    known = resolve(server, options.server_version, options.tls_library)
    return with_compressors(known, options.with_modules, all_known=False)


def check_version(engine: Engine, server: str, loaded: Loaded) -> None:
    """Raise UsageError, with its place, when `server_version` or `tls_library` name what the engine does not have."""
    wanted = loaded.options.server_version
    if wanted == AUTO:
        return
    _check_library(engine, server, loaded)
    if wanted == PORTABLE:
        return
    there, asked = engine.capabilities(server).version, resolve(server, wanted).version
    if there.split(".")[:2] != asked.split(".")[:2] or (wanted[0].isdigit() and there != asked):
        raise UsageError(
            f"the engine {engine.name} has {server} {there}, not {asked}",
            place=str(loaded.source(("options", "server_version"))),
            hint="choose another image, or leave the server's version out",
        )


def _check_library(engine: Engine, server: str, loaded: Loaded) -> None:
    """Refuse what the named library has and the engine's has not: nginx would not start with it, and Apache would end at a reload."""
    here, wanted = engine.capabilities(server), asked(server, loaded)
    if wanted is None or wanted.library_assumed:
        return
    same_version = resolve(server, here.version, wanted.tls_library)
    if lacking := (same_version.features & wanted.features) - here.features:
        key = "tls_library" if loaded.options.tls_library else "server_version"
        raise UsageError(
            f"the engine {engine.name} has {server} with {here.tls_library}, and {wanted.tls_library} was asked for: no {', '.join(sorted(lacking))}",
            place=str(loaded.source(("options", key))),
            hint="choose another image, or --server-version auto for what the engine has",
        )
