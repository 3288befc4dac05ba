"""Facts from a host, frozen. A None says "could not be read", and `unread` has the reason by field name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConfigTest:
    """The server's own test of its configuration (`nginx -t`, `apachectl -t`)."""

    command: str
    passed: bool
    output: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Socket:
    """A listening TCP socket: `address` as the system prints it (`0.0.0.0`, `::`, `127.0.0.1`)."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key the configuration names: octal `mode`, owner, and whether a document root holds it."""

    path: str
    mode: int
    owner: str
    under_root: str = ""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One host, read at one time."""

    spec: str
    """How it was reached: docker://NAME, local://."""
    server: str = ""
    version: str | None = None
    tls_library: str | None = None
    """In use by the running process, `openssl-3.0.19`; not what the package was built with."""
    config_test: ConfigTest | None = None
    listening: tuple[Socket, ...] | None = None
    worker_user: str | None = None
    keys: tuple[KeyFile, ...] | None = None
    start_failure: str | None = None
    """What the server said when it died at its start although its own test had passed; None if it started."""
    unread: Mapping[str, str] = field(default_factory=dict)
