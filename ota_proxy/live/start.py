"""Where a check starts: a URL or link as it was given, or the text of the QR code in a picture file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ota_proxy.content.qr_code import is_picture, read_qr
from ota_proxy.errors import UsageError
from ota_proxy.live.target import checked


@dataclass(frozen=True, slots=True)
class Start:
    """A target that a device can open, and the picture its text was read from (empty for none)."""

    target: str
    picture: str = ""


def start(text: str) -> Start:
    """Return the start that a person named; UsageError, with the place in a picture, for what a device cannot open."""
    if not is_picture(text):
        return Start(checked(text))
    found = read_qr(Path(text))
    try:
        return Start(checked(found), text)
    except UsageError as error:
        raise UsageError(f"the QR code says what no device can install from: {error.message}", place=text) from None
