"""Makes the error of a server that does not take its configuration out of what the server said."""

from __future__ import annotations

from ota_proxy.harness.engine import ServerRefusedError
from ota_proxy.hosts.answers import config_test

_FATAL = ("[emerg]", ":emerg]", ":crit]", ":error]")


def refused(server: str, output: str, *, started: bool) -> ServerRefusedError:
    """Return the error with the place the server names; `started` says that its configuration test had passed."""
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
