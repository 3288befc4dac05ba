"""Which image to start for a server: the one asked for, else one built here from Debian packages, else the project's own.

What an image holds is asked of the image itself (`image_facts.py`); only names and their order are data (`policy/images.toml`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Protocol

from ota_proxy.errors import NoVerdictError, did_you_mean
from ota_proxy.policy.tables import table
from ota_proxy.resources import folder

SCRIPT = "build-images.sh"


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
    script = (folder("compose") / SCRIPT).read_bytes()
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
    return f"build one from Debian packages: {folder('compose') / SCRIPT} {suite}"
