"""Which browser of this machine can be used, and why none can: needs the extra `browser` (Playwright for Python). Nothing is started."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge-stable",
    "chromium-headless-shell",
)
_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
NO_EXTRA = "the extra is not installed: pip install 'ota-proxy[browser]'"
NO_BROWSER = (
    "no browser was found: install Chromium (on Debian: apt install chromium), run `playwright install webkit`, "
    "or name one with --browser-path"
)


def chromium(path: str = "") -> str:
    """Return the program of the Chromium to use: the one named, else the first on the PATH; empty if there is none."""
    if path:
        found = shutil.which(path)
        return str(Path(found).resolve()) if found else ""
    on_path = next((found for name in NAMES if (found := shutil.which(name))), "")
    return on_path or next((place for place in _APPLICATIONS if os.access(place, os.X_OK)), "")


def own_engine(engine: str) -> bool:
    """Say whether Playwright has fetched a browser of its own (`webkit`, `chromium`) on this machine."""
    folder = os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "")
    places = [Path(folder)] if folder not in {"", "0"} else [_cache()]
    return any(place.is_dir() and any(place.glob(f"{engine}-*")) for place in places)


def is_there(program: str) -> bool:
    """Say whether a program that Playwright names has been fetched."""
    return Path(program).exists()


def _cache() -> Path:
    home = Path.home()
    if (home / "Library" / "Caches").is_dir():
        return home / "Library" / "Caches" / "ms-playwright"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "ms-playwright"


def missing(path: str = "") -> str:
    """Say why pages cannot be opened on this machine; empty where they can."""
    if importlib.util.find_spec("playwright") is None:
        return NO_EXTRA
    if path:
        return "" if chromium(path) else f"{path} is not a program that can be started"
    return "" if chromium() or own_engine("webkit") or own_engine("chromium") else NO_BROWSER
