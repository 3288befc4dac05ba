"""What `--server-version` means to a trial: the version that is rendered for, against the engine's, and with `auto` the server of this machine.

The running server decides (an update since its start is not in use yet); where none runs or its process may not be read, the binary
on the PATH does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ota_proxy.errors import NoVerdictError, OtaError, UsageError
from ota_proxy.harness.process import binaries
from ota_proxy.late import late
from ota_proxy.policy import capabilities
from ota_proxy.policy.capabilities import AUTO, PORTABLE, Capabilities, resolve, with_compressors
from ota_proxy.servers.base import library_called, server_named
from ota_proxy.settings import Loaded

if TYPE_CHECKING:
    from ota_proxy.harness.engine import Engine


def asked(server: str, loaded: Loaded, without: frozenset[str] = frozenset()) -> Capabilities | None:
    """Return what `render` would write for, so that a trial is of the same lines; None for `auto`, which is what the engine has.

    `without` are the modules that the server is said to lack: then it is a described one in any case.
    """
    options = loaded.options
    if options.server_version == AUTO and not without:
        return None
    known = resolve(server, PORTABLE if options.server_version == AUTO else options.server_version, options.tls_library)
    return replace(with_compressors(known, options.with_modules, all_known=False), without=without)


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


_DEADLINE = 15.0
"""Seconds for each question."""


@dataclass(frozen=True, slots=True)
class Here:
    """A server of this machine. `running` says that a process was looked at, `modules` is None where they could not be listed."""

    server: str
    path: Path
    version: str
    tls_library: str
    running: bool
    modules: frozenset[str] | None = None

    def capabilities(self, tls_library: str = "") -> Capabilities:
        """Look it up, with the places of this distribution; `tls_library` where a person named another."""
        known = capabilities.resolve(self.server, self.version, tls_library or self.tls_library, _layout())
        if self.modules is None:
            return known
        return capabilities.with_compressors(known, self.modules, all_known=True)

    def described(self) -> str:
        """Return what was found, for stderr."""
        how = "which runs" if self.running else "which does not run, or may not be looked at"
        compressors = self.capabilities().compressors
        modules = f" and {' and '.join(compressors)}" if compressors else ""
        unread = "; its modules could not be listed" if self.modules is None else ""
        return f"{server_named(self.server).called(self.version)} with {library_called(self.tls_library)}{modules} ({self.path}, {how}{unread})"


def find_here(server: str) -> Here:
    """Return the server of this machine; NoVerdictError (exit 3) if there is none or it cannot be read."""
    about = server_named(server)
    if about.not_looked_for:
        why, _, hint = about.not_looked_for.partition("; ")
        raise NoVerdictError(f"{about.title} is not looked for: {why}", place="--server-version auto", hint=hint)
    try:
        recipe = late("ota_proxy.harness.process.recipes:recipe")(server)  # `render` comes here for `auto` only
        binary = recipe.find()
    except NoVerdictError as error:
        raise NoVerdictError(
            f"there is no {about.title} here to render for: {error.message}",
            place="--server-version auto",
            hint="run it where the server is, or name its version, such as --server-version debian12",
        ) from None
    installed = Here(server, binary.path, binary.version, binary.tls_library, running=False)
    return replace(_running(installed), modules=recipe.modules(binary))


def installed_here(server: str) -> Path | None:
    """Return the binary of a server where one is installed; it is not run, and nothing is read."""
    return None if server_named(server).not_looked_for else binaries.where(server)


def _running(installed: Here) -> Here:
    """Return what the running master says of itself, else what is installed."""
    identity = late("ota_proxy.hosts.inspect:identity")  # testinfra, for this question only
    try:
        seen = identity("local://", installed.server, deadline=_DEADLINE)
    except OtaError:
        return installed
    if seen.version is None or seen.tls_library is None:
        return installed
    try:
        capabilities.resolve(installed.server, seen.version, seen.tls_library)
    except OtaError:
        return installed
    return replace(installed, version=seen.version, tls_library=seen.tls_library, running=True)


def _layout() -> str:
    """Return the name of this distribution's layout, or an empty string for the table's own."""
    if Path("/etc/redhat-release").is_file():
        return "rhel"
    official = capabilities.layout_of("official", "apache").main
    return "official" if Path(official).is_file() and not Path("/etc/apache2").is_dir() else ""
