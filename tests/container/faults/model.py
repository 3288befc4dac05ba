"""What a fault is: one thing broken in a working set-up on a real server, and the rules that must report it, no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ota_proxy.harness.served import Content
from ota_proxy.model import Site
from tests.variants import variant

Edit = Callable[[str], str]

NGINX_IPA = r"location ~\* \\\.\(\?:ipa\|mobileprovision\)\$ \{"
"""The rendered location of packages, as a pattern."""
NGINX_OPEN = "ssl_certificate /etc/ssl/ota/ecdsa.pem; ssl_certificate_key /etc/ssl/private/ecdsa.key; root /srv/ota;"
EXPOSED = {"cert": "/etc/ssl/ota/ecdsa.pem", "key": "/srv/ota/ecdsa.key"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is broken: in the rendered text (by server), or in what is served; `ids` must be exactly what is found."""

    name: str
    ids: frozenset[str]
    edits: Mapping[str, Edit] = field(default_factory=dict)
    content: Content = field(default_factory=Content)
    site: Site = field(default_factory=lambda: variant("static"))

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers this fault can be injected into."""
        return tuple(self.edits) or ("nginx", "apache")


def replaced(pattern: str, new: str, *, count: int = 0) -> Edit:
    """Return an edit that must find its place: a fault that changes nothing would prove nothing."""

    def edit(text: str) -> str:
        changed, times = re.subn(pattern, new, text, count=count, flags=re.MULTILINE)
        assert times, f"the rendered text has no {pattern}"
        assert changed != text, f"{pattern} changes nothing"
        return changed

    return edit


def fault(name: str, ids: str, nginx: Edit | None = None, apache: Edit | None = None, **more: object) -> Fault:
    edits = {server: edit for server, edit in (("nginx", nginx), ("apache", apache)) if edit}
    return Fault(name, frozenset(ids.split()), edits, **more)  # type: ignore[arg-type]  # only Fault's own fields
