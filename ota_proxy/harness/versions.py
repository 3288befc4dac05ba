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
    """Raise UsageError, with its place, when `server_version` names another version than the engine has."""
    wanted = loaded.options.server_version
    if wanted in (PORTABLE, AUTO):
        return
    there, asked = engine.capabilities(server).version, resolve(server, wanted).version
    if there.split(".")[:2] != asked.split(".")[:2] or (wanted[0].isdigit() and there != asked):
        raise UsageError(
            f"the engine {engine.name} has {server} {there}, not {asked}",
            place=str(loaded.source(("options", "server_version"))),
            hint="choose another image, or leave the server's version out",
        )
