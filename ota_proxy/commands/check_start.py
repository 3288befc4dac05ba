"""Where a check starts: a URL or link as it was given, or the text of the QR code in a picture file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ota_proxy.apps.qr_code import is_picture, read_qr
from ota_proxy.commands.check import checked
from ota_proxy.errors import UsageError


@dataclass(frozen=True, slots=True)
class Start:
    """A target that a device can open, and the picture its text was read from (empty for none)."""

    target: str
    picture: str = ""


def start(text: str) -> Start:
    """Return the start that a person named; UsageError, with the place in a picture, for what a device cannot open."""
    if not is_picture(text):
        return _asked(text)
    found = read_qr(Path(text))
    try:
        return Start(checked(found), text)
    except UsageError as error:
        raise UsageError(f"no device can install from what the QR code says: {error.message}", place=text) from None


def _asked(text: str) -> Start:
    try:
        return Start(checked(text))
    except UsageError:
        if not _is_here(text):
            raise
    raise UsageError(
        "this is a file or folder on this machine; a phone needs a server", place=text, hint=_instead(text)
    )


def _is_here(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # longer than a name can be
        return False


def _instead(text: str) -> str:
    if text.lower().endswith(".ipa"):
        return f"give its https URL; to try it on a server of this run: ota-proxy verify nginx --ipa {text}"
    return "give the https URL under which it is served; `ota-proxy lint` reads configurations"
