"""One scenario on the stage: the server's container, the network it needs, and beside it the mock upstreams and the TLS-terminating proxy.

The network has what Docker's lacks: further addresses, and a way in to a server that listens on some only.
"""

from __future__ import annotations

import contextlib
import ipaddress
import posixpath
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.docker import images, serving, sweep
from ota_proxy.harness.docker.container import Box, Job, archive, box, script
from ota_proxy.harness.docker.daemon import Blueprint, Daemon
from ota_proxy.harness.docker.enclosing import Enclosing, supply
from ota_proxy.harness.docker.images import ImageFacts
from ota_proxy.harness.docker.serving import listening
from ota_proxy.harness.engine import Endpoint, Scenario, refused
from ota_proxy.harness.listening import LOOPBACK, names, ports


def network_commands(scenario: Scenario) -> list[str]:
    """Return shell commands that need NET_ADMIN and the tools `ip` and `nft`; none where Docker's network will do."""
    hosts = scenario.site.listen.hosts
    added = dict.fromkeys([*scenario.addresses, *(host for host in hosts if not _loopback(host))])
    inside = [f"ip address add {_with_length(address)} dev lo" for address in added]
    return inside + (_redirect(_reachable(hosts), ports(scenario.site)) if hosts else [])


def network_sysctls(scenario: Scenario) -> Mapping[str, str]:
    """Return the kernel settings the network must be created with."""
    hosts = scenario.site.listen.hosts
    needs_ipv6 = any(":" in address for address in (*scenario.addresses, *hosts))
    needs_local = any(_loopback(host) for host in hosts)
    wanted = {"net.ipv6.conf.all.disable_ipv6": "0"} if needs_ipv6 else {}
    return wanted | ({"net.ipv4.conf.all.route_localnet": "1"} if needs_local else {})


def _redirect(host: str, ports: list[int]) -> list[str]:
    chain = "nft add table ip ota && nft 'add chain ip ota in { type nat hook prerouting priority -100 ; }'"
    return [chain, *(f"nft add rule ip ota in tcp dport {port} dnat to {host}:{port}" for port in ports)]


def _reachable(hosts: tuple[str, ...]) -> str:
    found = next((host for host in hosts if ":" not in host), "")
    if not found:
        raise NoVerdictError(
            "the docker engine reaches containers over IPv4, and the site listens on IPv6 addresses only",
            key=("listen", "addresses"),
            hint="add an IPv4 address, or use --engine local",
        )
    return found


def _loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


def _with_length(address: str) -> str:
    return f"{address}/{ipaddress.ip_address(address).max_prefixlen}"


HTTP = 80


def endpoint_of(scenario: Scenario, published: Mapping[int, int], containers: Iterable[str], supplied: str) -> Endpoint:
    """Return where a scenario is reached; `published` maps the container's ports to ours, `containers` are its names, the server first."""
    name, *others = containers
    lines = [f"docker exec -it {name} sh", f"docker logs -f {name}", f"docker rm -f {' '.join([name, *others])}"]
    return Endpoint(
        resolve=resolve(scenario, published),
        spec=f"docker://{name}",
        by_hand="\n".join([*lines, *([f"# {supplied}"] if supplied else [])]),
        enclosing=supplied,
    )


def resolve(scenario: Scenario, published: Mapping[int, int]) -> dict[tuple[str, int], tuple[str, int]]:
    """Map hosts and ports of public URLs to loopback: the TLS port, port 80, and the plain port where it is another."""
    site = scenario.site
    before_server = listening(scenario.tls_proxy)[0]
    inside = {site.public_port: site.public_port} if site.tls.offloaded else {site.public_port: site.https_port}
    if site.listen.http:
        inside = {site.listen.http: site.listen.http, HTTP: site.listen.http} | inside
    inside |= {port: port for port in before_server}
    return {
        (host, port): (LOOPBACK, published[target])
        for host in names(site)
        for port, target in inside.items()
        if target in published
    }


TEST_SECONDS = 60
"""For a configuration test, which resolves names, or the look into an image."""
_FACTS: dict[str, ImageFacts] = {}


def look_into(daemon: Daemon, image: str) -> ImageFacts:
    """Return what an image holds, asked once in the life of this process."""
    known = daemon.image_id(image)
    if known not in _FACTS:
        run = secrets.token_hex(4)
        plan = Blueprint(
            f"ota-proxy-{run}-look", image, f"exec 2>&1\n{images.LOOK}", sweep.labels(run, "look", keep=False)
        )
        with box(daemon, plan) as throw_away:
            throw_away.line.wait_for("ended", seconds=TEST_SECONDS)
            _FACTS[known] = images.read_facts(image, throw_away.line.output())
    return _FACTS[known]


@dataclass(frozen=True, slots=True)
class Started:
    """A server on the stage."""

    endpoint: Endpoint
    daemon: Daemon
    box: Box
    error_log: str

    def logs(self) -> str:
        """Return the output of configuration test and server, then its error log."""
        log = self.daemon.fetch(self.box.id, self.error_log) if self.alive() else None
        return "\n".join(part for part in (self.box.line.output(), (log or b"").decode("utf-8", "replace")) if part)

    def alive(self) -> bool:
        """Say whether the server's main process runs."""
        return self.box.line.is_up


@dataclass(frozen=True, slots=True)
class Play:
    """A scenario with what its containers have in common."""

    daemon: Daemon
    scenario: Scenario
    image: str
    run: str
    keep: bool

    def blueprint(self, role: str, image: str, job: Job) -> Blueprint:
        """Return the plan of one container."""
        return Blueprint(
            name=f"ota-proxy-{self.run}-{role}",
            image=image,
            script=script(job),
            labels=sweep.labels(self.run, role, keep=self.keep),
            remove_at_end=not self.keep,
        )


@contextlib.contextmanager
def staged(daemon: Daemon, scenario: Scenario, image: str, *, keep: bool) -> Iterator[Started]:
    """Start everything in its order, end it in reverse; `keep` leaves it. Errors as in `engine.Engine.run`."""
    play = Play(daemon, scenario, images.choose(daemon, scenario.server, image), secrets.token_hex(4), keep)
    with contextlib.ExitStack() as stack:
        names = []
        server = stack.enter_context(box(daemon, _server(play), keep=keep))
        supplied = _fill(play, server)
        _network(play, server)
        for role, text in (("upstream", scenario.upstream), ("tls-proxy", scenario.tls_proxy)):
            if text:
                names.append(stack.enter_context(_mock(play, server, role, text)).name)
        _serve(scenario.server, server)
        published = daemon.published(server.id)
        endpoint = endpoint_of(scenario, published, [server.name, *names], supplied.said)
        yield Started(endpoint, daemon, server, serving.error_log(scenario))


def _server(play: Play) -> Blueprint:
    scenario = play.scenario
    plan = play.blueprint("site", play.image, serving.job(scenario))
    sockets = serving.listening(scenario.upstream)[1]
    return replace(
        plan,
        publish=tuple(dict.fromkeys([*ports(scenario.site), *serving.listening(scenario.tls_proxy)[0]])),
        hosts=scenario.hosts,
        volumes=tuple(dict.fromkeys(map(posixpath.dirname, sockets))),
        sysctls=network_sysctls(scenario),
    )


def _fill(play: Play, server: Box) -> Enclosing:
    def read(path: str) -> str:
        return (play.daemon.fetch(server.id, path) or b"").decode("utf-8", "replace")

    supplied = supply(play.scenario, read)
    play.daemon.put(server.id, archive(play.scenario.files, {**supplied.files, **play.scenario.config}))
    return supplied


def _network(play: Play, server: Box) -> None:
    steps = network_commands(play.scenario)
    if not steps:
        return
    plan = play.blueprint("network", _helper(play), Job("true", test=f"{{ {' && '.join(steps)}; }}"))
    plan = replace(plan, share_with=server.id, net_admin=True, remove_at_end=True)
    with box(play.daemon, plan) as admin:
        admin.line.tell("go")
        admin.line.wait_for("tested", seconds=TEST_SECONDS)
        if admin.line.number("tested") != 0:
            raise NoVerdictError(
                f"the addresses of this site cannot be added to a container: {admin.line.output()}",
                place="docker",
                hint="use an image that has `ip` and `nft`, such as one of compose/build-images.sh",
            )


_PLAYED = {"upstream": "applications behind the site", "tls-proxy": "TLS-terminating proxy before it"}


@contextlib.contextmanager
def _mock(play: Play, server: Box, role: str, text: str) -> Iterator[Box]:
    path = f"{serving.MOCK_FOLDER}/{role}.conf"
    plan = replace(play.blueprint(role, _helper(play), serving.mock_job(path, text)), share_with=server.id)
    with box(play.daemon, plan, keep=play.keep) as mock:
        play.daemon.put(mock.id, archive(play.scenario.upstream_files, {path: text}))
        mock.line.tell("go")
        if mock.line.wait_for("up", "silent", seconds=TEST_SECONDS) != "up":
            raise NoVerdictError(
                f"the nginx that plays the {_PLAYED[role]} does not start: {mock.line.output()}", place="docker"
            )
        yield mock


def _helper(play: Play) -> str:
    return images.helper(play.daemon, play.image)


def _serve(name: str, server: Box) -> None:
    line = server.line
    line.tell("go")
    if line.wait_for("up", "silent", seconds=TEST_SECONDS):
        return
    if line.number("tested") is None:
        raise NoVerdictError(f"{name} could not be tested in its container: {line.output()}", place="docker")
    tested = line.number("tested") == 0
    output = line.section("tested", "nothing") if tested else line.section("testing", "tested")
    raise refused(name, output, started=tested)
