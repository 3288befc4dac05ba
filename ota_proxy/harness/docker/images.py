"""Which image to start for a server, and what it holds, read by one throw-away container: servers, their TLS library, where files are expected.

The one asked for, else one built here from Debian packages, else the project's own. What an image holds is asked of the image itself; only
names and their order are data (`policy/images.toml`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from ota_proxy.errors import NoVerdictError, OtaError, did_you_mean
from ota_proxy.hosts.readers import version
from ota_proxy.policy import capabilities
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.tables import table
from ota_proxy.resources import folder

BUILD_SCRIPT = "build-images.sh"


class Store(Protocol):
    """Where images come from: the part of `daemon.Daemon` that is needed here."""

    def tags(self) -> Mapping[str, str]:
        """Return the images that are here: tag → image id."""

    def image_id(self, ref: str) -> str:
        """Return the id of an image that is here, or an empty string."""

    def pull(self, ref: str) -> None:
        """Get an image from its registry; NoVerdictError when none answers."""


def suites() -> tuple[str, ...]:
    """Return the Debian suites images can be built of, best first."""
    return tuple(table("images")["debian"]["suites"])


@cache
def debian_image(suite: str) -> str:
    """Return the name of the image the build script of this installation makes for a suite."""
    script = (folder("compose") / BUILD_SCRIPT).read_bytes()
    return f"{_repository(suite)}:{hashlib.sha256(script).hexdigest()[:12]}"


def _repository(suite: str) -> str:
    return str(table("images")["debian"]["repository"].format(suite=suite))


def choose(store: Store, server: str, image: str = "") -> str:
    """Return the image to start: `image` (a reference, or the name of a suite), or the best that is here or can be pulled.

    NoVerdictError when there is none, with the command that gets one.
    """
    if image in suites():
        return _built(store, image)
    if image:
        return _given(store, image)
    here = store.tags()
    built = [name for name in map(debian_image, suites()) if name in here]
    official = table("images")["official"][server]
    return next(iter([*built, *(name for name in official if name in here)]), "") or _pulled(store, server, official)


def helper(store: Store, image: str) -> str:
    """Return an image with nginx (and `ip`, where built here) for the parts beside a server that runs `image`."""
    return image if image in map(debian_image, suites()) else choose(store, "nginx")


def _built(store: Store, suite: str) -> str:
    if debian_image(suite) in store.tags():
        return debian_image(suite)
    stale = any(tag.startswith(f"{_repository(suite)}:") for tag in store.tags())
    why = "was built by another version of ota-proxy" if stale else "has not been built yet"
    raise NoVerdictError(f"the image of Debian {suite} {why}", place="docker", hint=_how_to_build(suite))


def _given(store: Store, image: str) -> str:
    if not store.image_id(image):
        try:
            store.pull(image)
        except NoVerdictError as error:
            raise NoVerdictError(
                f"there is no image {image} here and it cannot be pulled: {error.message}",
                place="--image",
                hint=did_you_mean(image, suites()) or "see `docker images` for what is here, or leave --image out",
            ) from error
    return image


def _pulled(store: Store, server: str, official: list[str]) -> str:
    try:
        store.pull(official[0])
    except NoVerdictError as error:
        raise NoVerdictError(
            f"there is no image with {server} here and {official[0]} cannot be pulled: {error.message}",
            place="docker",
            hint=_how_to_build(suites()[0]),
        ) from error
    return str(official[0])


def _how_to_build(suite: str) -> str:
    return f"build one from Debian packages: {folder('compose') / BUILD_SCRIPT} {suite}"


# Each line answers one question as NAME=VALUE; what is not there stays empty. The library is found through the dynamic
# linker and asked for its own version text: `-V` says what the server was built with, not what it runs with.
LOOK = r"""
library() {
    path=$(ldd "$1" 2>/dev/null | grep -o '/[^ ]*libcrypto\.so[^ ]*' | head -n 1)
    tr -cs '[:print:]' '\n' <"${path:-$1}" 2>/dev/null |
        grep -oE '(OpenSSL|LibreSSL|BoringSSL) [0-9]+\.[0-9]+\.[0-9]+[a-z]*' | head -n 1
}
nginx=$(command -v nginx)
apache=$(command -v apache2 || command -v httpd)
ssl=$(ls /usr/lib/apache2/modules/mod_ssl.so /usr/local/apache2/modules/mod_ssl.so /etc/httpd/modules/mod_ssl.so 2>/dev/null)
echo "nginx=$([ -n "$nginx" ] && "$nginx" -v 2>&1 | head -n 1)"
echo "nginx_tls=$([ -n "$nginx" ] && library "$nginx")"
echo "nginx_compressors=$([ -n "$nginx" ] && { "$nginx" -V 2>&1 | tr ' ' '\n' | grep -e --add-module
    "$nginx" -T 2>/dev/null | grep -E '^[[:space:]]*load_module'; } | grep -v static | grep -oE 'brotli|zstd' | sort -u | tr '\n' ' ')"
echo "apache=$([ -n "$apache" ] && "$apache" -v 2>&1 | head -n 1)"
echo "apache_tls=$([ -n "$ssl" ] && library "$ssl")"
echo "debian_nginx=$([ -d /etc/nginx/sites-enabled ] && echo yes)"
echo "debian_apache=$([ -f /etc/apache2/apache2.conf ] && echo yes)"
echo "official_apache=$([ -f /usr/local/apache2/conf/httpd.conf ] && echo yes)"
echo "rhel=$([ -f /etc/redhat-release ] && echo yes)"
echo "end=yes"
"""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What `LOOK` found, empty if there is nothing. Versions are numbers, TLS libraries `openssl-3.0.19`."""

    image: str
    versions: dict[str, str]
    tls: dict[str, str]
    layouts: dict[str, str]
    compressors: tuple[str, ...] = ()
    """Those of nginx's modules that compress and are built in or loaded."""

    def capabilities(self, server: str) -> Capabilities:
        """Look the server up in the capability table; NoVerdictError when the image has no such server, or an unknown one."""
        if not self.versions[server]:
            raise NoVerdictError(
                f"the image {self.image} has no {server}", place="docker", hint="choose another one with --image"
            )
        try:
            known = capabilities.resolve(server, self.versions[server], self.tls[server], self.layouts[server])
            return capabilities.with_compressors(known, self.compressors if server == "nginx" else (), all_known=True)
        except OtaError as error:
            raise NoVerdictError(f"the image {self.image} cannot be used: {error.message}", place="docker") from error


def read_facts(image: str, output: str) -> ImageFacts:
    """Make facts of what `LOOK` wrote; NoVerdictError when it did not come to its end."""
    said = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if said.get("end") != "yes":
        raise NoVerdictError(
            f"the image {image} cannot be looked into: {output.strip() or 'it has no /bin/sh'}", place="docker"
        )
    rhel = "rhel" if said["rhel"] else ""
    return ImageFacts(
        image=image,
        versions={server: version(said[server]) or "" for server in ("nginx", "apache")},
        tls={server: said[f"{server}_tls"].lower().replace(" ", "-") for server in ("nginx", "apache")},
        layouts={
            "nginx": rhel or ("debian" if said["debian_nginx"] else "official"),
            "apache": rhel or ("debian" if said["debian_apache"] else "official"),
        },
        compressors=tuple(said.get("nginx_compressors", "").split()),
    )
