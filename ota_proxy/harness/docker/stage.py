"""One scenario on the stage: the server's container, the network it needs, and beside it the parts that play upstream and front."""

from __future__ import annotations

import contextlib
import posixpath
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ota_proxy.errors import NoVerdictError
from ota_proxy.harness.docker import image_facts, images, network, parent, reach, serving, sweep
from ota_proxy.harness.docker.box import Box, archive, box
from ota_proxy.harness.docker.daemon import Blueprint, Daemon
from ota_proxy.harness.docker.image_facts import ImageFacts
from ota_proxy.harness.docker.lifeline import Job, script
from ota_proxy.harness.docker.parent import Parent
from ota_proxy.harness.engine import Endpoint, Scenario
from ota_proxy.harness.listening import ports
from ota_proxy.harness.refusal import refused

TEST_SECONDS = 60
"""For a configuration test, which resolves names, or the look into an image."""
_FACTS: dict[str, ImageFacts] = {}


def look_into(daemon: Daemon, image: str) -> ImageFacts:
    """Return what an image holds, asked once in the life of this process."""
    known = daemon.image_id(image)
    if known not in _FACTS:
        run = secrets.token_hex(4)
        plan = Blueprint(
            f"ota-proxy-{run}-look", image, f"exec 2>&1\n{image_facts.SCRIPT}", sweep.labels(run, "look", keep=False)
        )
        with box(daemon, plan) as throw_away:
            throw_away.line.wait_for("ended", seconds=TEST_SECONDS)
            _FACTS[known] = image_facts.read(image, throw_away.line.output())
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
        for role, text in (("upstream", scenario.upstream), ("front", scenario.front)):
            if text:
                names.append(stack.enter_context(_side(play, server, role, text)).name)
        _serve(scenario.server, server)
        published = daemon.published(server.id)
        endpoint = reach.endpoint(scenario, published, [server.name, *names], supplied.said)
        yield Started(endpoint, daemon, server, serving.error_log(scenario))


def _server(play: Play) -> Blueprint:
    scenario = play.scenario
    plan = play.blueprint("site", play.image, serving.job(scenario))
    sockets = serving.listening(scenario.upstream)[1]
    return replace(
        plan,
        publish=tuple(dict.fromkeys([*ports(scenario.site), *serving.listening(scenario.front)[0]])),
        hosts=scenario.hosts,
        volumes=tuple(dict.fromkeys(map(posixpath.dirname, sockets))),
        sysctls=network.sysctls(scenario),
    )


def _fill(play: Play, server: Box) -> Parent:
    def read(path: str) -> str:
        return (play.daemon.fetch(server.id, path) or b"").decode("utf-8", "replace")

    supplied = parent.supply(play.scenario, read)
    play.daemon.put(server.id, archive(play.scenario.files, {**supplied.files, **play.scenario.config}))
    return supplied


def _network(play: Play, server: Box) -> None:
    steps = network.commands(play.scenario)
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
                hint="take an image that has `ip` and `nft`, such as one of compose/build-images.sh",
            )


@contextlib.contextmanager
def _side(play: Play, server: Box, role: str, text: str) -> Iterator[Box]:
    path = f"{serving.SIDE_FOLDER}/{role}.conf"
    plan = replace(play.blueprint(role, _helper(play), serving.side_job(path, text)), share_with=server.id)
    with box(play.daemon, plan, keep=play.keep) as side:
        play.daemon.put(side.id, archive(play.scenario.upstream_files, {path: text}))
        side.line.tell("go")
        if side.line.wait_for("up", "silent", seconds=TEST_SECONDS) != "up":
            raise NoVerdictError(
                f"the nginx that plays the {role} does not start: {side.line.output()}", place="docker"
            )
        yield side


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
