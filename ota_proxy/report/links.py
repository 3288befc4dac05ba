"""Where the page of a rule can be read: at the address that the project's metadata names, else the file of this installation."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

from ota_proxy.report.places import uri
from ota_proxy.resources import folder
from ota_proxy.rules.pages import file_name

LABEL = "Rules"
"""The entry of `[project.urls]` that has the folder with the pages."""


def page_uri(rule_id: str) -> str:
    """Return an absolute URI of a rule's page; KeyError for a rule that there is not."""
    base = published()
    return f"{base}{file_name(rule_id)}" if base else uri((folder("rules") / file_name(rule_id)).as_posix())


@cache
def published() -> str:
    """Return the address of the folder with the rule pages, with `/` at its end; empty where the metadata has none."""
    try:
        entries = metadata("ota-proxy").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        return ""
    found = (address.strip() for label, _, address in (entry.partition(",") for entry in entries) if label == LABEL)
    return next((f"{address.rstrip('/')}/" for address in found if address), "")
