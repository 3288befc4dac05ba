"""Where the page of a rule can be read: below the address that the project's metadata names (`[project.urls]`), if it names one."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

from ota_proxy.rules.pages import file_name

LABEL = "Rules"
"""The entry of `[project.urls]` that has the folder with the pages."""


def page_uri(rule_id: str) -> str:
    """Return the address of a rule's page, empty where none is published: a path of this machine would help nobody else."""
    base = published()
    return f"{base}{file_name(rule_id)}" if base else ""


@cache
def published() -> str:
    """Return the address of the folder with the rule pages, with `/` at its end; empty where the metadata has none."""
    try:
        entries = metadata("ota-proxy").get_all("Project-URL") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        return ""
    found = (address.strip() for label, _, address in (entry.partition(",") for entry in entries) if label == LABEL)
    return next((f"{address.rstrip('/')}/" for address in found if address), "")
