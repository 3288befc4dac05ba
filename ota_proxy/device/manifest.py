"""The manifest as every part of a device asks for it, over IPv4 and IPv6 each, and what one reading of it found. Facts only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ota_proxy.apps.manifest import parse_manifest
from ota_proxy.device import agents
from ota_proxy.device.decode import is_cut, plain_body
from ota_proxy.device.families import by_family
from ota_proxy.device.session import Bounds, Session
from ota_proxy.device.strangers import strangers
from ota_proxy.facts.install import ManifestFacts, Visit, origin


async def visit_manifest(session: Session, url: str) -> ManifestFacts:
    """Ask for a manifest as installer, device management, older installers and browser, and in the ways that show more."""
    if origin(url)[0] != "https":
        words = "the installer asks for no manifest over http"
        return ManifestFacts(url, session.refuse("manifest", url, "manifest", words))
    size = bounds(session)
    visit = await session.visit("manifest", url, "manifest", **size)
    facts = replace(
        read_manifest(url, visit),
        mdm=await session.visit("manifest under management", url, "mdm", **size),
        download=await session.visit("manifest on older systems", url, "package", **size),
        browser=await session.visit("manifest in a browser", url, "browser", **size),
        h1=await session.visit("manifest over HTTP/1.1", url, "manifest", h2=False, **size),
        compressed=await session.visit("manifest compressed", url, "manifest", compressed=True, **size),
        by_family=await by_family(session, url, size) if visit.last.address else (),
    )
    facts = replace(facts, again=await _again(session, facts, size))
    if facts.data is None:
        return facts
    foreign = await strangers(session, visit, "manifest", "manifest")
    return replace(facts, stranger=foreign.by_host, stranger_sni=foreign.by_sni)


def bounds(session: Session) -> Bounds:
    """Return how long a manifest may take and how much of it is read."""
    limit = session.options.manifest_limit
    return {"keep": limit, "read": limit, "total": agents.seconds("manifest")}


async def _again(session: Session, facts: ManifestFacts, size: Bounds) -> tuple[Visit, ...]:
    """Ask as every agent once more where their answers differ, the browser first: a filter by agent answers the same again."""
    asked = [visit for visit in (facts.browser, facts.visit, facts.mdm, facts.download) if visit is not None]
    answered = [visit for visit in asked if visit.response is not None]
    if len({(visit.status, visit.stopped, _is_list(visit)) for visit in answered}) < 2:
        return ()
    await asyncio.sleep(agents.seconds("pause") * session.options.scale)
    return tuple(
        [await session.visit(f"{visit.step} again", facts.url, visit.first.agent, **size) for visit in answered]
    )


_HEAD = 4096
"""Bytes that are looked at for what a file is."""


def _is_list(visit: Visit) -> bool:
    return parse_manifest(plain_body(visit).data).data is not None


def read_manifest(url: str, visit: Visit) -> ManifestFacts:
    """Say what the answer to one request for a manifest holds."""
    body = plain_body(visit)
    if visit.response is None or body.error:
        error = "" if body.bomb or body.unknown else body.error
        return ManifestFacts(
            url, visit, parse_error=error, unsafe=body.error if body.bomb else "", undecoded=body.unknown
        )
    found = parse_manifest(body.data)
    return ManifestFacts(
        url,
        visit,
        data=found.data,
        parse_error=found.error,
        unsafe=found.unsafe,
        passed=found.passed,
        head=body.data[:_HEAD],
        cut=is_cut(visit.response),
        items=found.items,
        metadata=found.metadata,
        assets=found.assets,
    )
