"""What the emulator says instead of guessing: a construct it does not model, by name, before anything is served."""

from __future__ import annotations

from ota_proxy.errors import NoVerdictError


class UnmodelledError(NoVerdictError):
    """The configuration uses something whose behaviour is not modelled: exit 3, with its name."""

    def __init__(self, what: str, *, place: str = "", why: str = "") -> None:
        reason = why or "the emulator does not model it"
        super().__init__(
            f"{what}: {reason}", place=place, hint="only Windows can tell; leave it out, or test on a real IIS"
        )
        self.construct = what
