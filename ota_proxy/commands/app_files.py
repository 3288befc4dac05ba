"""What lies beside a package on a server: its manifest, a landing page, the install link and the QR code to the page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ota_proxy.apps.install_link import install_link
from ota_proxy.apps.ipa import read_info
from ota_proxy.apps.landing_page import landing_page
from ota_proxy.apps.manifest import build_manifest
from ota_proxy.errors import UsageError
from ota_proxy.files.output import change, write
from ota_proxy.late import late
from ota_proxy.printable import as_document
from ota_proxy.servers.rendered import with_mark


@dataclass(frozen=True, slots=True)
class Served:
    """A package of this machine and the URLs, percent-encoded, under which it and its manifest will be served."""

    ipa: Path
    package_url: str
    manifest_url: str


def served_at(ipa: Path, base_url: str) -> Served:
    """Return where a package will be; UsageError for a folder's URL that is not https."""
    folder = base_url.rstrip("/")
    if not folder.startswith("https://"):
        rest = folder.rpartition("://")[2]
        raise UsageError(f"'{folder}' is not an https URL", place="--base-url", hint=f"did you mean https://{rest}?")
    return Served(ipa, f"{folder}/{quote(ipa.name)}", f"{folder}/{quote(ipa.stem)}.plist")


def manifest_of(app: Served) -> str:
    """Return the manifest as a property list with our mark; UsageError for a file that is not a package."""
    return as_document(with_mark(build_manifest(read_info(app.ipa), app.package_url).decode("utf-8")))


def page_of(app: Served) -> str:
    """Return the landing page as HTML with our mark; UsageError as above."""
    return as_document(with_mark(landing_page(read_info(app.ipa), app.manifest_url).decode("utf-8")))


def put(path: Path, text: str, *, force: bool) -> str:
    """Write a text unless it is there already, and say what was done; UsageError for a file that ota-proxy did not make."""
    return f"{path}: {'written' if write((change(path, text),), force=force) else 'unchanged'}"


def link_to(manifest_url: str, place: str) -> str:
    """Return the install link of a manifest, encoded for where it will stand: `text`, `html` or `amp`."""
    return install_link(manifest_url, "text" if place == "text" else "html")


def qr_code(url: str) -> str:
    """Return a QR code of a URL in half-block characters for a terminal; UsageError for a URL that is too long for one."""
    segno = late("segno")
    try:
        code = segno.make(url, error="m", micro=False)
    except segno.DataOverflowError:
        raise UsageError(
            f"a URL of {len(url)} characters does not fit into a QR code, which holds some 2,300",
            place="URL",
            hint="make a short URL that redirects to it",
        ) from None
    image = io.StringIO()
    code.terminal(out=image, compact=True)
    return image.getvalue()
