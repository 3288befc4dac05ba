"""What is said about a container: how to reach it, how to go on by hand, and why a server refused its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ota_proxy.harness.docker.serving import listening
from ota_proxy.harness.engine import Endpoint, Scenario, ServerRefusedError
from ota_proxy.hosts.answers import config_test
from ota_proxy.model import Site

LOOPBACK = "127.0.0.1"
HTTP = 80


def endpoint(scenario: Scenario, published: Mapping[int, int], names: Iterable[str], supplied: str) -> Endpoint:
    """Return where a scenario is reached; `published` maps the container's ports to ours, `names` are its containers."""
    name, *others = names
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
        for host in _hosts(site)
        for port, target in inside.items()
        if target in published
    }


def _hosts(site: Site) -> list[str]:
    return list(dict.fromkeys([site.public_host, *(domain for domain in site.domains if not domain.startswith("*."))]))


def refused(server: str, output: str, *, started: bool) -> ServerRefusedError:
    """Make the error of a server that does not start; `started` says that its configuration test had passed."""
    place = config_test(server, 1, output)
    what = (
        "does not start with this configuration, though its own test passed" if started else "refuses the configuration"
    )
    return ServerRefusedError(
        f"{server} {what}: {_core(output)}", output=output, file=place.file, line=place.line, started=started
    )


def _core(output: str) -> str:
    rows = [row.strip() for row in output.splitlines() if row.strip()]
    fatal = [row for row in rows if any(word in row for word in ("[emerg]", ":emerg]", ":crit]", ":error]"))]
    return next(iter([*fatal, *rows]), "it wrote nothing")
