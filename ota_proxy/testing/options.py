"""The plugin's options and their ini twins, read and validated once at the start of a session. Light: every pytest run reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

import pytest

from ota_proxy.errors import did_you_mean

DockerChoice = Literal["auto", "require", "skip"]
DOCKER_CHOICES: tuple[DockerChoice, ...] = get_args(DockerChoice)
IMAGED = ("nginx", "apache")
"""Servers that run in containers."""
_REFERENCE = re.compile(r"[a-z0-9][A-Za-z0-9._:/@-]*")
"""Roughly what Docker takes for a reference; it says exactly what it dislikes when it is asked."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a session was asked for. `artifacts` is absolute; it and `base_url` are None if not given."""

    docker: DockerChoice = "auto"
    keep: bool = False
    images: Mapping[str, str] = field(default_factory=dict)
    base_url: str | None = None
    artifacts: Path | None = None

    def header(self) -> str:
        """Return the line that pytest shows at the start."""
        parts = [
            f"docker={self.docker}",
            *(["keep"] if self.keep else []),
            *(f"image {server}={reference}" for server, reference in self.images.items()),
            *([f"base-url={self.base_url}"] if self.base_url else []),
            *([f"artifacts={self.artifacts}"] if self.artifacts else []),
        ]
        return f"ota-proxy: {', '.join(parts)}"


KEY = pytest.StashKey[Settings]()


def settings(config: pytest.Config) -> Settings:
    """Return the session's settings, read at the first call; UsageError with what was meant."""
    if KEY not in config.stash:
        config.stash[KEY] = read(config)
    return config.stash[KEY]


def read(config: pytest.Config) -> Settings:
    """Read options and ini file, the option first."""
    found = Settings(
        docker=_docker(config),
        keep=_keep(config),
        images=_images(config),
        base_url=_base_url(config),
        artifacts=_artifacts(config),
    )
    _agreeing(config, found)
    return found


def _docker(config: pytest.Config) -> DockerChoice:
    place, word = _value(config, "docker", "auto")
    for choice in DOCKER_CHOICES:
        if word == choice:
            return choice
    raise _mistake(place, f"'{word}' is not a choice", _meant(word, DOCKER_CHOICES))


def _keep(config: pytest.Config) -> bool:
    try:
        return bool(config.getoption("--ota-keep") or config.getini("ota_keep"))
    except (ValueError, TypeError, pytest.UsageError) as error:  # what pytest makes of another word, by version
        raise _mistake("ota_keep", str(error), "write true or false") from None


def _images(config: pytest.Config) -> dict[str, str]:
    given = [("--ota-image", text) for text in config.getoption("--ota-image") or ()]
    images: dict[str, str] = {}
    for place, text in given or [("ota_image", text) for text in config.getini("ota_image")]:
        server, equals, reference = (part.strip() for part in text.partition("="))
        if not equals:
            raise _mistake(place, f"'{text}' is not SERVER=REF", f"for instance {place} nginx=nginx:1.28")
        if server not in IMAGED:
            raise _mistake(place, f"'{server}' is not a server with an image", _meant(server, IMAGED))
        if not _REFERENCE.fullmatch(reference):
            raise _mistake(place, f"'{reference}' is not an image reference", "for instance nginx:1.28, or bookworm")
        if server in images:
            raise _mistake(place, f"there are two images for {server}", "leave one out")
        images[server] = reference
    return images


def _base_url(config: pytest.Config) -> str | None:
    place, text = _value(config, "base_url", "")
    return checked_url(text, place) if text else None


def checked_url(text: str, place: str) -> str:
    """Return the URL of what already runs; UsageError for what a device cannot install from."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _mistake(place, f"'{text}' is not a URL", "its host or port cannot be read") from None
    if parts.scheme == "http" and host:
        raise _mistake(place, f"devices install over https only, not from {text}", f"did you mean https{text[4:]}?")
    if parts.scheme != "https" or not host or port == 0:
        hint = f"did you mean https://{text}?" if re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?(/\S*)?", text) else ""
        raise _mistake(place, f"'{text}' is not an https URL", hint or "for instance https://ota.example.com/ota/")
    if parts.query or parts.fragment:
        raise _mistake(place, f"'{text}' has a query or a fragment", "give the address of the landing page alone")
    return text.strip() if parts.path else f"{text.strip()}/"


def _artifacts(config: pytest.Config) -> Path | None:
    place, text = _value(config, "artifacts", "")
    if not text:
        return None
    inifile = config.inipath.parent if config.inipath else config.rootpath
    folder = (config.invocation_params.dir if place.startswith("--") else inifile) / text
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "is a file" if folder.is_file() else f"cannot be made: {error.strerror}"
        raise _mistake(place, f"{text} {reason}", "give a folder that may be written to") from None
    config.option.ota_artifacts = str(folder.resolve())  # workers of xdist get the options, and may have another folder
    return folder.resolve()


def _agreeing(config: pytest.Config, found: Settings) -> None:
    """Refuse what excludes each other. What stands in the ini file gives way to an option instead."""
    if found.docker == "skip" and config.getoption("--ota-image"):
        raise _mistake("--ota-image", "an image needs Docker, which is skipped", "leave --ota-docker=skip out")
    for option in ("--ota-keep", "--ota-image"):
        if config.getoption("--ota-base-url") and config.getoption(option):
            raise _mistake(
                option, "with --ota-base-url no server is started, so this says nothing", "leave one of the two out"
            )


def _value(config: pytest.Config, name: str, default: str) -> tuple[str, str]:
    """Return where a text stands, for messages, and the text."""
    flag = f"--ota-{name.replace('_', '-')}"
    given = config.getoption(flag)
    if given is not None:
        return flag, str(given)
    return f"ota_{name}", str(config.getini(f"ota_{name}") or default)


def _meant(word: str, known: Iterable[str]) -> str:
    known = tuple(known)
    return did_you_mean(word, known) or f"write one of {', '.join(known)}"


def _mistake(place: str, text: str, hint: str) -> pytest.UsageError:
    return pytest.UsageError(f"{place}: {text} ({hint})")
