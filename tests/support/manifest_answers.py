"""A healthy walk whose manifest answer has another type or cache rule."""

from __future__ import annotations

from ota_proxy.facts.install import InstallFacts
from tests.support.facts import (
    answered,
    manifest,
    with_manifest,
)


def type_(value: str) -> InstallFacts:
    return with_manifest(visit=answered(manifest().visit, content_type=value))


def cached(**headers: str) -> InstallFacts:
    return with_manifest(visit=answered(manifest().visit, None, None, **headers))
