"""How a scenario in containers is reached: its public addresses on loopback, and the commands to go on by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ota_proxy.harness.docker.serving import listening
from ota_proxy.harness.engine import Endpoint, Scenario
from ota_proxy.harness.listening import LOOPBACK, names

HTTP = 80


def endpoint(scenario: Scenario, published: Mapping[int, int], containers: Iterable[str], supplied: str) -> Endpoint:
    """Return where a scenario is reached; `published` maps the container's ports to ours, `containers` are its names, the server first."""
    name, *others = containers
    lines = [f"docker exec -it {name} sh", f"docker logs -f {name}", f"docker rm -f {' '.join([name, *others])}"]
    return Endpoint(
        resolve=resolve(scenario, published),
        spec=f"docker://{name}",
        by_hand="\n".join([*lines, *([f"# {supplied}"] if supplied else [])]),
        parent=supplied,
    )


def resolve(scenario: Scenario, published: Mapping[int, int]) -> dict[tuple[str, int], tuple[str, int]]:
    """Map hosts and ports of public URLs to loopback: the TLS port, port 80, and the plain port where it is another."""
    site = scenario.site
    in_front = listening(scenario.front)[0]
    inside = {site.public_port: site.public_port} if site.tls.offloaded else {site.public_port: site.https_port}
    if site.listen.http:
        inside = {site.listen.http: site.listen.http, HTTP: site.listen.http} | inside
    inside |= {port: port for port in in_front}
    return {
        (host, port): (LOOPBACK, published[target])
        for host in names(site)
        for port, target in inside.items()
        if target in published
    }
