"""Which addresses may be asked: what strangers name leads to no private address, what a person named may.

Pages, manifests, redirects and DNS are a stranger's. Without this rule whoever writes them could make `check` speak to loopback, to the
network it runs in, and to a cloud's metadata service (server-side request forgery).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ota_proxy.addresses import bracketed, is_address, is_public, plain_address

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """`named` are the hosts that the person named, as DNS has them; `private` lets every address be asked."""

    named: frozenset[str] = frozenset()
    private: bool = False
    settled: dict[str, bool] = field(default_factory=dict, compare=False)
    """Named host → it led to a private address when it was first resolved: a name that does so only later was rebound."""

    def allowed(self, host: str, found: list[Place]) -> list[Place]:
        """Return those of a host's addresses that may be asked."""
        if self.private:
            return found
        public = [place for place in found if is_public(place[0])]
        if plain_address(host) not in self.named:
            return public
        return found if self.settled.setdefault(host, len(public) < len(found)) else public


def refusal(host: str, port: int, address: str) -> str:
    """Say that a private address was not asked, why, and how to have it asked."""
    if is_address(host):
        return f"{host} is a private address that you did not name, so it was not asked: --allow-private asks it"
    return (
        f"{host} leads to the private address {address}, which you did not name, so it was not asked: "
        f"--allow-private asks it, or --resolve {host}:{port}:{bracketed(address)}"
    )
