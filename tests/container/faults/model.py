"""What a fault is: one thing broken in a working set-up on a real server, and the rules that must report it, no others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ota_proxy.commands.check import CheckOptions, check
from ota_proxy.commands.verify import verify
from ota_proxy.harness.engine import Engine
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import Started, Trial, start
from ota_proxy.report.report import TargetReport
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.rule import Stage
from ota_proxy.site import Site
from tests.container.faults import nginx_edits
from tests.support.variants import ECDSA, STATIC, variant

Edit = nginx_edits.Edit
Door = Literal["verify", "check"]
SERVERS = ("nginx", "apache")
SMALL = variant("static", locations=STATIC[:1], certificates=[ECDSA])
"""A site of one folder, which one walk covers."""

NGINX_OPEN = "ssl_certificate /etc/ssl/ota/ecdsa.pem; ssl_certificate_key /etc/ssl/private/ecdsa.key; root /srv/ota;"
EXPOSED = {"cert": "/etc/ssl/ota/ecdsa.pem", "key": "/srv/ota/ecdsa.key"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is broken: in the rendered text (by server), or in what is served; `ids` must be exactly what is found.

    The first id is the rule it is for, the others are those that follow from it. `notes` are findings of severity note that
    must be there; further ones may be (a healthy ad hoc build is told of Developer Mode). `stage` is the one that fails first.
    """

    name: str
    ids: tuple[str, ...]
    edits: Mapping[str, Edit] = field(default_factory=dict)
    content: Content = field(default_factory=Content)
    site: Site = SMALL
    notes: tuple[str, ...] = ()
    stage: Stage | None = None
    """None for the stage of the rule it is for."""
    door: Door = "verify"
    target: str = ""
    """Where `check` starts; empty for the site's landing page."""
    options: CheckOptions = field(default_factory=CheckOptions)
    """What `check` is given beside the run's CA and addresses."""

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers this fault can be injected into."""
        return tuple(self.edits) or SERVERS

    @property
    def first_stage(self) -> Stage:
        """The stage that must be the first to fail."""
        return self.stage or catalogue()[(*self.ids, *self.notes)[0]].stage


def replaced(pattern: str, new: str, *, count: int = 0) -> Edit:
    """Return an edit that must find its place: a fault that changes nothing would prove nothing."""

    def edit(text: str) -> str:
        changed, times = re.subn(pattern, new, text, count=count, flags=re.MULTILINE)
        assert times, f"the rendered text has no {pattern}"
        assert changed != text, f"{pattern} changes nothing"
        return changed

    return edit


def both(*edits: Edit) -> Edit:
    """Return one edit of several."""

    def edit(text: str) -> str:
        for one in edits:
            text = one(text)
        return text

    return edit


def sent_away(path: str, url: str) -> tuple[Edit, Edit]:
    """Return edits, nginx's and Apache's, that let a path of the https site redirect."""
    return (
        nginx_edits.site(f'location = {path} {{ return 302 "{url}"; }}'),
        replaced(r"^( *)(DocumentRoot )", rf'\1RedirectMatch 302 "^{path}$" "{url}"\n\1\2', count=1),
    )


def fault(
    name: str,
    ids: str,
    nginx: Edit | None = None,
    apache: Edit | None = None,
    *,
    notes: str = "",
    **more: Any,  # noqa: ANN401 - Fault's other fields
) -> Fault:
    """Return a fault: `ids` and `notes` separated by blanks; without edits it is one of the content, for both servers."""
    edits = {server: edit for server, edit in (("nginx", nginx), ("apache", apache)) if edit}
    return Fault(name, tuple(ids.split()), edits, notes=tuple(notes.split()), **more)


def inject(fault: Fault, server: str, engine: Engine) -> TargetReport:
    """Break a server in this one way and return what the fault's door reports."""
    trial = Trial(server, fault.site, content=fault.content, edit=fault.edits.get(server))
    if fault.door == "verify":
        return verify(trial, engine, lambda _: None)
    with start(trial, engine, lambda _: None) as started:
        return checked(started, fault.target, fault.options)


def checked(started: Started, target: str = "", options: CheckOptions | None = None) -> TargetReport:
    """Check a running trial as anybody would check a live URL."""
    whole = replace(
        options or CheckOptions(),
        ca_pem=started.prepared.ca_pem.decode("ascii"),
        resolve=started.running.endpoint.resolve,
    )
    return asyncio.run(check(target or started.prepared.page_url, whole))
