"""Finds the files that are no Python: `templates/`, `compose/`, the rule pages of `docs/rules/` and the data of `policy/`.

A wheel carries the folders inside the package (`_data/`); a checkout, also installed editable, has them beside it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_CHECKOUT = {"rules": "docs/rules"}
"""Where a folder has another place in the checkout than its name."""


@cache
def folder(name: str) -> Path:
    """Return the folder `templates`, `compose` or `rules`; raises FileNotFoundError when the installation is broken."""
    for place in (_PACKAGE / "_data" / name, _PACKAGE.parent / _IN_CHECKOUT.get(name, name)):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"this installation of ota-proxy lacks its {name}/ folder: install it again")


def template_source(name: str) -> str | None:
    """Return the text of `templates/<name>` (such as `nginx/site.conf.j2`), or None if there is no such template."""
    path = folder("templates") / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


def policy_file(name: str) -> Path:
    """Return the path of a data file of `ota_proxy/policy/`."""
    return _PACKAGE / "policy" / name
