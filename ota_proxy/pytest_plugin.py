"""The pytest plugin of ota-proxy: says whether tests may, must or must not use Docker. Imports pytest and the standard library only."""

from __future__ import annotations

import pytest

CHOICES = ("auto", "require", "skip")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--ota-docker` and its twin in the ini file."""
    group = parser.getgroup("ota-proxy")
    group.addoption(
        "--ota-docker",
        choices=CHOICES,
        default=None,
        help="tests that start containers: auto runs them where Docker and an image are there (default), require fails"
        " without them, skip leaves them out",
    )
    parser.addini("ota_docker", "the default of --ota-docker: auto, require or skip", default="auto")


def pytest_sessionstart(session: pytest.Session) -> None:
    """With `require`, end the session at once where no container can be started."""
    if docker_choice(session.config) == "require" and not hasattr(session.config, "workerinput"):
        reason = docker_obstacle()
        if reason:
            raise pytest.UsageError(f"--ota-docker=require: {reason}")


def docker_choice(config: pytest.Config) -> str:
    """Return `auto`, `require` or `skip`: the option, else the ini file. UsageError for another word in the ini file."""
    choice = str(config.getoption("--ota-docker") or config.getini("ota_docker"))
    if choice not in CHOICES:
        raise pytest.UsageError(f"ota_docker = {choice}: write one of {', '.join(CHOICES)}")
    return choice


def docker_obstacle() -> str:
    """Return why no container can be started here, in one sentence with a hint; empty where it can."""
    from ota_proxy.errors import NoVerdictError  # noqa: PLC0415  # every pytest run loads this plugin: keep it light
    from ota_proxy.harness.docker.engine import require  # noqa: PLC0415  # likewise

    try:
        require("nginx", "apache")
    except NoVerdictError as error:
        return str(error)
    return ""
