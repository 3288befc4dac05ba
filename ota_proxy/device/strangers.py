"""The same file under a stranger's name: as Host under the server's own SNI, and as SNI and Host. Facts only.

Whoever points a name of his own at the address gets what such a request gets. The certificate is not for that name, so nothing is verified;
no redirect is followed: what another name serves is another question.
"""

from __future__ import annotations

from dataclasses import dataclass

from ota_proxy.device import tls
from ota_proxy.device.agents import Agent
from ota_proxy.device.session import Session
from ota_proxy.facts.install import Visit, origin


@dataclass(frozen=True, slots=True)
class Strangers:
    """What a stranger gets; None where it was not asked."""

    by_host: Visit | None = None
    by_sni: Visit | None = None


async def strangers(session: Session, visit: Visit, agent: Agent, what: str) -> Strangers:
    """Ask where a visit ended, once for each place and kind of file (`what`) in a run of walks; nothing where it brought nothing."""
    url, key = visit.last.url, (what, origin(visit.last.url))
    if not visit.ok or key in session.strangers:
        return Strangers()
    session.strangers.add(key)
    return Strangers(
        await _ask(session, f"{what} under a stranger's name", url, agent, ""),
        await _ask(session, f"{what} under a stranger's SNI", url, agent, tls.STRANGER),
    )


async def _ask(session: Session, step: str, url: str, agent: Agent, server_name: str) -> Visit:
    request = session.request(step, url, agent, authority=tls.STRANGER, server_name=server_name, h2=not server_name)
    return Visit(step, (await session.send(request),))
