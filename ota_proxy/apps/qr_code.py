"""The QR code in an image file (PNG, JPEG, GIF, WebP or BMP), read offline; needs the extra `qr`.

An image without one code to follow, a file that is none, and a missing extra are a UsageError each.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from ota_proxy import limits
from ota_proxy.errors import UsageError
from ota_proxy.reading import read_file

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_HINT = "give a PNG or JPEG file"
_LARGEST_FILE = limits.IMAGE_FILE
_MOST_PIXELS = limits.PIXELS
"""Pixels of an image that are looked at: a photograph of a phone has half as many, a bomb has a thousand times more."""


def is_image(target: str) -> bool:
    """Say whether a target is meant as an image file: an image's ending, and no scheme."""
    return "://" not in target and target.lower().endswith(SUFFIXES)


def read_qr(path: Path) -> str:
    """Return the text of the one QR code in an image file; UsageError if there is none, several different, or no image."""
    import_qr()
    found = list(dict.fromkeys(_codes(_image(path))))
    if not found:
        raise UsageError(
            "there is no QR code in this image that can be read",
            place=str(path),
            hint="cut it closer, or take a sharper one",
        )
    if len(found) > 1:
        shown = ", ".join(f"'{text[:60]}'" for text in found[:3])
        raise UsageError(
            f"there are {len(found)} different QR codes in this image: {shown}",
            place=str(path),
            hint="cut it down to one, or give its text",
        )
    return found[0]


def import_qr() -> None:
    """Load what reads codes; UsageError where the extra `qr` is not installed."""
    try:
        import PIL.Image  # noqa: F401, PLC0415 - optional
        import zxingcpp  # noqa: F401, PLC0415 - optional
    except ImportError as error:
        raise UsageError(
            f"QR codes in images cannot be read: the module {error.name} is not installed",
            hint="pip install 'ota-proxy[qr]', or give the text of the code instead of the image",
        ) from None


def _image(path: Path) -> Image:
    """Return an image in shades of grey."""
    from PIL import Image  # noqa: PLC0415 - optional

    try:
        _bounded(path.stat().st_size <= _LARGEST_FILE, "this file is larger than 32 MiB")
        data = read_file(path, _LARGEST_FILE)
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            warnings.simplefilter("ignore")  # the size is ours to judge, and odd metadata is no matter
            size = f"{image.width} by {image.height}"
            _bounded(image.width * image.height <= _MOST_PIXELS, f"this image has {size} pixels")
            return _on_white(image)
    except Image.DecompressionBombError:
        raise UsageError("this image has far more pixels than are looked at", place=str(path), hint=_HINT) from None
    except _TooLargeError as error:
        raise UsageError(f"{error}, more than is looked at", place=str(path), hint="make it smaller") from None
    except OSError as error:
        reason = error.strerror or "it is not an image, or a broken one"
        raise UsageError(f"this file cannot be read: {reason}", place=str(path), hint=_HINT) from None
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise nearly anything on hostile bytes
        raise UsageError(f"this image is broken ({type(error).__name__})", place=str(path), hint=_HINT) from None


class _TooLargeError(Exception):
    pass


def _bounded(fits: bool, message: str) -> None:
    if not fits:
        raise _TooLargeError(message)


def _on_white(image: Image) -> Image:
    """Put an image with transparent parts on white paper, as a page shows it."""
    from PIL import Image  # noqa: PLC0415 - optional

    if not image.has_transparency_data:
        return image.convert("L")
    clear = image.convert("RGBA")
    paper = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(paper, clear).convert("L")


def _codes(image: Image) -> list[str]:
    import zxingcpp  # noqa: PLC0415 - optional

    plain, wanted = zxingcpp.TextMode.Plain, zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
    texts = [code.text.strip() for code in zxingcpp.read_barcodes(image, formats=wanted, text_mode=plain)]
    return [text for text in texts if text]
