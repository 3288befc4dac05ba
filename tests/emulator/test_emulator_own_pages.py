"""Own pages for errors, as they are rendered for IIS: the status stays, and nothing missing is answered with 200."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.emulator.sites import ask, body_of, emulated
from tests.support import iis_sites


def test_a_missing_file_gets_our_page_with_its_own_status(tmp_path: Path) -> None:
    inner = "".join(ET.tostring(part, encoding="unicode") for part in iis_sites.xml(iis_sites.variant("errors-2022")))
    site = emulated(tmp_path, config=inner)
    pages = tmp_path / "site" / "errors & more"
    pages.mkdir()
    (pages / "404.html").write_bytes(b"our own 404")
    for name in ("missing.plist", "missing.ipa", "nothing"):
        answer = ask(site, f"/{name}")
        assert (answer.status, asyncio.run(body_of(answer))) == (404, b"our own 404")
        assert answer.header("Content-Type") == "text/html"
    assert ask(site, "/app.plist").status == 200
