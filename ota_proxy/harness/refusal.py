"""Makes the error of a server that does not take its configuration out of what the server said."""

from __future__ import annotations

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.engine import ServerRefusedError
from ota_proxy.hosts.answers import config_test

_MACHINE = ("No space left on device", "Disk quota exceeded", "Too many open files in system", "Cannot allocate memory")
"""What the system says (strerror) when it is out of something."""
_FATAL = ("[emerg]", ":emerg]", ":crit]", ":error]")


def refused(server: str, output: str, *, started: bool) -> ServerRefusedError:
    """Return the error with the place the server names; `started` says that its configuration test had passed.

    NoVerdictError where the machine had no room, whatever the configuration says.
    """
    short = next((words for words in _MACHINE if words in output), "")
    if short:
        raise NoVerdictError(
            f"{server} cannot run on this machine: {short} ({_core(output)})",
            hint="this says nothing about the configuration: free some room, or set TMPDIR to another folder",
        )
    place = config_test(server, 1, output)
    what = (
        "does not start with this configuration, though its own test passed" if started else "refuses the configuration"
    )
    return ServerRefusedError(
        f"{server} {what}: {_core(output)}", output=output, file=place.file, line=place.line, started=started
    )


def _core(output: str) -> str:
    rows = [row.strip() for row in output.splitlines() if row.strip()]
    fatal = [row for row in rows if any(word in row for word in _FATAL)]
    return next(iter([*fatal, *rows]), "it wrote nothing")
