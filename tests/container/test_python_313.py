"""Wheel and source archive on Python 3.13: the steps of the tool's own Dockerfile, run in a container of Debian trixie without a network."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ota_proxy.pytest_plugin import docker_choice

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.container
LABEL = "ota-proxy-test-python"
EXTRAS = ("embedded", "qr")


def command(*words: str | Path, seconds: float = 300, check: bool = True) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=seconds, check=False)
    assert not check or done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def missing(request: pytest.FixtureRequest, reason: str) -> None:
    """Skip, or fail where containers are required."""
    if docker_choice(request.config) == "require":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest) -> str:
    script = ROOT / "compose" / "build-python-image.sh"
    name = f"ota-proxy/python-trixie:{hashlib.sha256(script.read_bytes()).hexdigest()[:12]}"
    if not command("docker", "images", "--quiet", name):
        missing(request, f"the image {name} is not here: sh compose/build-python-image.sh")
    return name


@pytest.fixture(scope="module")
def wheels(request: pytest.FixtureRequest) -> Path:
    """The dependencies for Python 3.13, downloaded once and kept outside the tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = [one for extra in EXTRAS for one in project["project"]["optional-dependencies"][extra]]
    wanted = [*project["project"]["dependencies"], *extras, *project["build-system"]["requires"]]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ota-proxy"
    folder = cache / f"wheels-3.13-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:12]}"
    if not (folder / "complete").is_file():
        tags = (f"manylinux_2_{minor}_{platform.machine()}" for minor in (17, 26, 28, 34))
        words = ["--only-binary=:all:", "--python-version=3.13", *(f"--platform={tag}" for tag in tags)]
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(part)]
        done = subprocess.run([*pip, *words, *wanted], capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            shutil.rmtree(part, ignore_errors=True)
            missing(request, f"the dependencies for Python 3.13 could not be downloaded: {done.stderr[-300:]}")
        (part / "complete").touch()
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    return folder


@pytest.fixture
def container(image: str) -> Iterator[str]:
    name = f"{LABEL}-{uuid.uuid4().hex[:12]}"
    command("docker", "create", "--name", name, "--label", LABEL, "--network", "none", image, "sleep", "600")
    try:
        command("docker", "start", name)
        yield name
    finally:
        command("docker", "rm", "--force", name)


def steps() -> list[str]:
    """Return what the Dockerfile runs."""
    text = (ROOT / "examples" / "docker" / "Dockerfile").read_text(encoding="utf-8")
    return re.findall(r"(?m)^RUN (.*)$", re.sub(r"\\\n\s*", " ", text))


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_what_is_built_installs_and_proves_a_site_on_python_3_13(
    kind: str, container: str, wheels: Path, tmp_path: Path
) -> None:
    command(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", tmp_path)
    (built,) = tmp_path.iterdir()
    command("docker", "cp", f"{wheels}/.", f"{container}:/wheels")
    command("docker", "cp", built, f"{container}:/wheels/{built.name}")
    requirement = f"ota-proxy[{','.join(EXTRAS)}] @ file:///wheels/{built.name}"
    settings = {"REQUIREMENT": requirement, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    given = [word for pair in settings.items() for word in ("--env", "=".join(pair))]
    for step in steps():
        command("docker", "exec", *given, container, "sh", "-ec", step)
    inside = ["docker", "exec", "--user", "ota", "--workdir", "/home/ota", container, "/opt/ota-proxy/bin/ota-proxy"]
    assert command(*inside, "render", "nginx").startswith("# Made by ota-proxy")
    report = command(*inside, "verify", "nginx", "--engine", "embedded", "--no-check-files")
    assert "no findings" in report or " notes" in report or "1 note" in report
    assert command("docker", "exec", container, "/opt/ota-proxy/bin/python", "--version").startswith("Python 3.13")
