"""The one module that imports `docker`: small verbs on containers and images, each with a deadline.

Every failure is a NoVerdictError with the reason and what to do; nothing of the SDK's leaves this module.
"""

from __future__ import annotations

import io
import os
import socket
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import docker
import requests
from docker.context import ContextAPI

from ota_proxy.errors import NoVerdictError

TIMEOUT = 60
"""Seconds that one call may be silent; an answer takes milliseconds, a large `put` some seconds."""
PULL_DEADLINE = 300
"""Seconds for a whole image from a registry."""
_OLDEST = "1.41"
"""Docker 20.10's API; only the question for the daemon's own version is asked with it."""
HOSTNAME = "server.ota-proxy.test"
"""Fully qualified, as a server's name is: Apache complains about another (AH00558)."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A container to create. `script` is what its shell (PID 1) runs; `publish` are TCP ports to reach from loopback."""

    name: str
    image: str
    script: str
    labels: Mapping[str, str]
    publish: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()
    """Names that resolve to 127.0.0.1."""
    volumes: tuple[str, ...] = ()
    """Folders that containers with `share_with` see too."""
    share_with: str = ""
    """The container whose network and volumes this one uses."""
    net_admin: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Kernel settings of the container's own network."""
    remove_at_end: bool = True


@dataclass(frozen=True, slots=True)
class Listed:
    """A container as the daemon lists it; `created` in seconds since 1970, `state` is created, running, exited, …"""

    id: str
    labels: Mapping[str, str]
    created: float
    state: str


class _Api(docker.APIClient):
    """The SDK's client, but no request is without a time-out (attach has none of its own)."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401  # requests' own signature
        kwargs["timeout"] = kwargs.get("timeout") or self.timeout
        return super().request(*args, **kwargs)


class Daemon:
    """A connection to the Docker daemon of this machine. NoVerdictError when there is none."""

    def __init__(self) -> None:
        with _translated("reach Docker"):
            self.address = address = _address()
            _knock(address)
            with closing(_Api(base_url=address, version=_OLDEST, timeout=TIMEOUT)) as first:
                spoken = first.version(api_version=False)["ApiVersion"]
            self._api = _Api(base_url=address, version=spoken, timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def version(self) -> str:
        """Return the version of the engine, such as 20.10.24."""
        with _translated("ask Docker for its version"):
            return str(self._api.version()["Version"])

    def tags(self) -> dict[str, str]:
        """Return the images here: tag → image id."""
        with _translated("list the images"):
            return {tag: image["Id"] for image in self._api.images() for tag in image.get("RepoTags") or ()}

    def image_id(self, ref: str) -> str:
        """Return the id of an image that is here, or an empty string."""
        with _translated("look for an image"):
            try:
                return str(self._api.inspect_image(ref)["Id"])  # type: ignore[no-untyped-call]  # types-docker
            except docker.errors.ImageNotFound:
                return ""

    def pull(self, ref: str) -> None:
        """Get an image from its registry."""
        until = time.monotonic() + PULL_DEADLINE
        name, tag = _split_tag(ref)
        with _translated(f"pull the image {ref}"):
            for line in self._api.pull(name, tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise NoVerdictError(str(line["error"]))
                if time.monotonic() > until:
                    raise NoVerdictError(f"pulling {ref} took more than {PULL_DEADLINE} s")

    def create(self, blueprint: Blueprint) -> str:
        """Create a container and return its id; nothing runs yet."""
        api = self._api
        host: dict[str, Any] = {"auto_remove": blueprint.remove_at_end, "cap_add": ["NET_ADMIN"] * blueprint.net_admin}
        if blueprint.share_with:
            host |= {"network_mode": f"container:{blueprint.share_with}", "volumes_from": [blueprint.share_with]}
        else:
            host["port_bindings"] = dict.fromkeys(blueprint.publish, ("127.0.0.1", None))
            host["extra_hosts"] = dict.fromkeys(blueprint.hosts, "127.0.0.1")
            host["sysctls"] = dict(blueprint.sysctls)
        with _translated(f"create the container {blueprint.name}"):
            made = api.create_container(
                blueprint.image,
                command=[],
                entrypoint=["/bin/sh", "-c", blueprint.script],
                name=blueprint.name,
                labels=dict(blueprint.labels),
                user="0",
                hostname=None if blueprint.share_with else HOSTNAME,
                working_dir="/",
                stdin_open=True,
                ports=list(blueprint.publish),
                volumes=list(blueprint.volumes),
                host_config=api.create_host_config(**host),
            )
        return str(made["Id"])

    def attach(self, container: str) -> socket.socket:
        """Return a socket: what is written goes to the container's stdin, what is read is Docker's framed output."""
        with _translated("attach to a container"):
            raw = self._api.attach_socket(container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            # The SDK's file object neither half-closes nor shuts down: take the socket out of it, for good.
            return socket.socket(fileno=raw._sock.detach())  # noqa: SLF001  # no public way to it

    def start(self, container: str) -> None:
        """Run a container that was created."""
        with _translated("start a container"):
            self._api.start(container)

    def put(self, container: str, archive: bytes) -> None:
        """Unpack a tar archive into the root folder of a container."""
        with _translated("copy files into a container"):
            self._api.put_archive(container, "/", archive)

    def fetch(self, container: str, path: str) -> bytes | None:
        """Return the content of a regular file in a container, None if there is none."""
        with _translated(f"read {path} in a container"):
            try:
                chunks, _ = self._api.get_archive(container, path)
                packed = io.BytesIO(b"".join(chunks))
            except docker.errors.NotFound:
                return None
        with tarfile.open(fileobj=packed) as archive:
            member = archive.next()
            file = archive.extractfile(member) if member and member.isreg() else None
            return file.read() if file else None

    def published(self, container: str) -> dict[int, int]:
        """Return the container's TCP ports and where they are on 127.0.0.1."""
        with _translated("ask for the ports of a container"):
            ports = self._api.inspect_container(container)["NetworkSettings"]["Ports"] or {}
        return {int(port.partition("/")[0]): int(binds[0]["HostPort"]) for port, binds in ports.items() if binds}

    def remove(self, container: str) -> None:
        """End a container and remove it with its volumes; one that is gone already, or just going, is fine."""
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until and self._remove(container) == requests.codes.conflict:
            time.sleep(0.02)  # the daemon is removing it: wait, so that "removed" means gone

    def _remove(self, container: str) -> int:
        with _translated("remove a container"):
            try:
                self._api.remove_container(container, v=True, force=True)
            except docker.errors.APIError as error:
                if error.status_code not in (requests.codes.not_found, requests.codes.conflict):
                    raise
                return int(error.status_code or 0)
            return int(requests.codes.ok)

    def containers(self, label: str) -> list[Listed]:
        """Return all containers, running or not, that have the label."""
        with _translated("list the containers"):
            found = self._api.containers(all=True, filters={"label": label})
        return [Listed(row["Id"], row["Labels"] or {}, float(row["Created"]), row["State"]) for row in found]


def _address() -> str:
    context = None if os.environ.get("DOCKER_HOST") else ContextAPI.get_context(os.environ.get("DOCKER_CONTEXT"))
    address = os.environ.get("DOCKER_HOST") or (context.Host if context else "") or "unix:///var/run/docker.sock"
    if not address.startswith(("unix://", "http+unix://")):
        raise NoVerdictError(
            f"the Docker daemon at {address} is not on this machine, so the ports it publishes cannot be reached",
            place="DOCKER_HOST",
            hint="unset DOCKER_HOST (and DOCKER_CONTEXT) to use the daemon here, or use --engine embedded",
        )
    return address


def _knock(address: str) -> None:
    """Connect once and hang up: the SDK leaks its socket when nobody answers, and wraps the system's reason in four others."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(TIMEOUT)
        door.connect("/" + address.partition("://")[2].lstrip("/"))


def _split_tag(ref: str) -> tuple[str, str]:
    name, at, digest = ref.partition("@")
    if at:
        return name, digest
    name, colon, tag = ref.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (ref, "latest")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise _verdict(what, error) from error


def _verdict(what: str, error: Exception) -> NoVerdictError:
    causes = list(_causes(error))
    for kind, reason, hint in _REASONS:
        if any(isinstance(cause, kind) for cause in causes):
            return NoVerdictError(f"cannot {what}: {reason}", place="docker", hint=hint)
    words = getattr(error, "explanation", None) or causes[-1] or type(error).__name__
    return NoVerdictError(
        f"cannot {what}: {words}", place="docker", hint="ask `docker info` whether the daemon is well"
    )


_INSTALL = "install Docker and start it, or use --engine local or embedded, which need none"
_REASONS: tuple[tuple[type[BaseException], str, str], ...] = (
    (FileNotFoundError, "there is no Docker socket", _INSTALL),
    (
        PermissionError,
        "this user may not use the Docker socket",
        "add the user to the group docker and log in again, or run ota-proxy as root",
    ),
    (
        ConnectionRefusedError,
        "the Docker daemon does not run",
        "start it, for example with `systemctl start docker`",
    ),
    (
        requests.Timeout,
        f"the Docker daemon did not answer within {TIMEOUT} s",
        "restart it, for example with `systemctl restart docker`",
    ),
    (TimeoutError, f"the Docker daemon did not answer within {TIMEOUT} s", "restart it"),
)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an error to what caused it; requests and urllib3 hide the system's error among their arguments."""
    yield error
    inner = [arg for arg in error.args if isinstance(arg, BaseException)]
    for cause in (*inner, error.__cause__ or error.__context__):
        if cause is not None:
            yield from _causes(cause)
