"""Several sites for one server: one file each, and one for what they share; in scope full one file for everything."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.rendered import Note, RenderedFile, Scope
from ota_proxy.site import Site

COMMON_FILE = "000-ota-proxy.conf"
"""Read before the others: on Apache the first virtual host of a port answers for unknown names."""
_MOST_DEVICES = 30_000


@dataclass(frozen=True, slots=True)
class Part:
    """One of several sites. `further` notes stand in its file; errors about its values are raised inside `within()`."""

    site: Site
    further: tuple[Note, ...]
    within: Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Several:
    """What the rendering of several sites starts from."""

    parts: tuple[Part, ...]
    caps: Capabilities
    scope: Scope
    command: str

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites, in their order."""
        return tuple(part.site for part in self.parts)

    @property
    def devices(self) -> int:
        """Phones that download from all of them at the same time."""
        return min(_MOST_DEVICES, sum(site.expected_devices for site in self.sites))

    def neighbours(self, site: Site) -> tuple[str, ...]:
        """Return the names of the other sites."""
        return tuple(name for other in self.sites if other is not site for name in other.domains)

    def whole(self, site: Site) -> Site:
        """Return a site as what the server must have for it: sized for all phones, with the locations and proxies of all sites."""
        every = {
            "expected_devices": self.devices,
            "locations": tuple(location for one in self.sites for location in one.locations),
            "trusted_proxies": tuple(dict.fromkeys(proxy for one in self.sites for proxy in one.trusted_proxies)),
        }
        return site.model_copy(update=every)


def file_names(sites: Sequence[Site], numbers: Sequence[int]) -> tuple[str, ...]:
    """Return a file name for each site, in an order that is that of `numbers`: `100-ota.example.com.conf`."""
    return tuple(f"{number}-{slug(site)}.conf" for site, number in zip(sites, numbers, strict=True))


def slug(site: Site) -> str:
    """Return a name of a site for files: the canonical domain, and the port where it is not 443."""
    port = site.listen.http if site.tls.offloaded else site.https_port
    return re.sub(r"[^a-z0-9.-]", "_", site.domain) + (f"-{port}" if port not in (80, 443) else "")


def shared_notes(
    several: Several, notes: Callable[[Several, Site], Sequence[Note]]
) -> tuple[tuple[Note, ...], list[tuple[Note, ...]]]:
    """Return the notes of the shared file, what the server must have and lacks, and those of each site's own."""
    wide = [note for site in several.sites for note in notes(several, several.whole(site))]
    shared = once([note for note in wide if note.kind in _SHARED])
    own = [
        tuple(note for note in (*notes(several, part.site), *part.further) if note.kind not in _SHARED)
        for part in several.parts
    ]
    return shared, own


_SHARED = ("needs-parent", "would-add")


def once(notes: Sequence[Note]) -> tuple[Note, ...]:
    """Return notes without those that were said before."""
    return tuple(dict.fromkeys(notes))


def files(names: Sequence[str], texts: Sequence[str]) -> tuple[RenderedFile, ...]:
    """Put names and texts together; UsageError where two sites would have one file."""
    twice = next(
        (name for index, name in enumerate(names) if name.lower() in [one.lower() for one in names[:index]]), None
    )
    if twice is not None:
        hint = "give the sites other canonical names, the first of domains"
        raise UsageError(f"two sites would be written to the file {twice}", key=("domains", 0), hint=hint)
    return tuple(RenderedFile(name, text) for name, text in zip(names, texts, strict=True))
