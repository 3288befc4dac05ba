"""The web servers that ota-proxy knows, one record each, loaded by name: what the rest asks instead of comparing names.

A server is a package with `SERVER` in its `__init__`, and `render` and `several` beside it; its templates are `templates/NAME/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from ota_proxy.errors import UsageError

if TYPE_CHECKING:
    from ota_proxy.policy.capabilities import Capabilities
    from ota_proxy.servers.rendered import Note, Rendered, Scope
    from ota_proxy.servers.several import Several
    from ota_proxy.site import Site

PACKAGES = {
    "nginx": "ota_proxy.servers.nginx",
    "apache": "ota_proxy.servers.apache",
    "iis": "ota_proxy.servers.iis",
}
"""Name on the command line, in files and in reports → the package that knows the server, in the order in which they are offered."""


EVERY = "all"
"""What stands for all of them on a command line."""


@dataclass(frozen=True, slots=True)
class Program:
    """How a server shows itself on a host with a POSIX shell."""

    names: tuple[str, ...]
    """Of its processes, which are also those of its binaries."""
    control: tuple[str, ...]
    """Commands that test and dump the configuration in use, best first; empty if the binary itself does."""
    folder_flag: str
    config_flag: str
    """What precedes prefix or root, and the main file, in the command line of the running master."""
    dump: tuple[str, ...]
    """What makes it print the whole configuration; empty if it can only list the files (`listing`)."""
    listing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """What is said of a server, and what a trial of it needs."""

    name: str
    title: str
    """As people write it: `nginx`, `Apache`, `IIS`."""
    package: str
    engines: tuple[str, ...]
    """Engines that can ever start it, in the order in which `auto` tries them."""
    example_version: str
    """A number, for people who may name one."""
    example_preset: str
    """What `--server-version` takes beside it, for the same."""
    banners: tuple[str, ...] = ()
    """First words of the `Server` header by which it is known, in lower case."""
    main_names: tuple[str, ...] = ()
    """Names of the main file of a whole configuration; empty where a person's own cannot be started."""
    main_line: re.Pattern[str] | None = None
    """A directive that only a main file has; a comment may speak of it in any."""
    otherwise: str = ""
    """What a person may have meant who wants to start a configuration of a server that cannot be started."""
    not_looked_for: str = ""
    """Why the server of this machine is not looked for with `--server-version auto`; empty if it is."""
    program: Program | None = None
    no_more_modules: str = ""
    """Why modules beside its own (`--with-module`) make no difference to what is rendered; empty where they do."""
    release: str = "{title} {version}"
    """A version of it, as people write it."""
    optional_modules: bool = False
    """Modules that it usually has may be missing (`--without-module`), and `lacking` in its `render` knows them."""
    verifies_any_name: bool = False
    """The name in an application's certificate can be another than the one that is connected to."""
    folder_for_each: bool = False
    """Each site is a folder of files; else one file a site, and all of them can run on one server."""

    @property
    def played(self) -> bool:
        """It cannot be started here, only played by an emulator."""
        return self.engines == ("emulator",)

    def called(self, version: str) -> str:
        """Return a version as people write it: `Apache 2.4.62`, `IIS 10 on Windows Server 2022`; the title alone if there is none."""
        return self.release.format(title=self.title, version=version) if version else self.title

    def described(self, caps: Capabilities) -> str:
        """Return its versions and TLS library for people: `Apache 2.4.41 to 2.4.71 with OpenSSL 1.1.1 or later`."""
        called = self.called(f"{caps.version} to {caps.newest}" if caps.portable else caps.version)
        library = library_called(caps.tls_library)
        return f"{called} with {library}{' or later' if caps.library_assumed else ''}" if library else called

    def render(
        self, site: Site, caps: Capabilities, scope: Scope, command: str, further: tuple[Note, ...] = ()
    ) -> Rendered:
        """Return the files of a site, `further` notes after its own; UsageError for what this server or version cannot do."""
        return cast("Rendered", self._function("render")(site, caps, scope, command, further))

    def render_several(self, several: Several) -> Rendered:
        """Return the files of several sites on one server; UsageError for a snippet, and for what it cannot have beside each other."""
        if several.scope == "snippet":
            raise UsageError(
                f"a snippet is for one site, and there are {len(several.parts)}",
                place="--scope",
                hint="name one of them with --site FILE, or take the scope site",
            )
        return cast("Rendered", self._function("several")(several))

    def lacking(self, missing: Sequence[str], site: Site) -> frozenset[str]:
        """Return its own names of modules that are missing; UsageError for one that a rendering cannot do without, or never uses."""
        if not self.optional_modules:
            return frozenset()
        return cast("frozenset[str]", self._function("render", "lacking")(missing, site))

    def _function(self, module: str, name: str = "render") -> Callable[..., object]:
        """Import only what is asked for: jinja2 costs 60 ms."""
        made: Callable[..., object] = getattr(import_module(f"{self.package}.{module}"), name)
        return made


def names() -> tuple[str, ...]:
    """Return the names of all servers."""
    return tuple(PACKAGES)


def server_named(name: str) -> Server:
    """Return a server by its name; KeyError for another. Only that server's package is imported."""
    return _loaded(PACKAGES[name])


@cache
def _loaded(package: str) -> Server:
    made: Server = import_module(package).SERVER
    return made


def started(engine: str) -> tuple[str, ...]:
    """Return the servers that an engine can ever start."""
    return tuple(name for name in names() if engine in server_named(name).engines)


def called(name: str, version: str) -> str:
    """Return server and version as people write them; both as they are if no server of ours has the name."""
    return (
        server_named(name).called(version) if name in PACKAGES else " ".join(part for part in (name, version) if part)
    )


def library_called(name: str) -> str:
    """Return a TLS library as people write it: `OpenSSL 3.0.19` for `openssl-3.0.19`, nothing for the one that Windows brings along."""
    kind, _, number = name.partition("-")
    return {"openssl": f"OpenSSL {number}", "schannel": ""}.get(kind, name)


def by_banner(product: str) -> str:
    """Return the server that calls itself so in its `Server` header (`nginx`, `Microsoft-IIS`), or an empty string."""
    return next((name for name in names() if product.lower() in server_named(name).banners), "")
