"""The plugin on the oldest pytest that it promises to work with (pyproject.toml), which is downloaded once and kept outside the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ota_proxy.pytest_plugin import docker_choice

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

def test_an_install(ota_site, ota_device):
    assert ota_device.install(ota_site.base_url).installable

@pytest.mark.ota_tls("expired")
def test_a_flaw(ota_site, ota_device):
    report = ota_device.install(ota_site.base_url)
    assert "OTA208" in report.rules
    assert report.installable

@pytest.fixture(scope="session")
def ota_engine():
    return "embedded"
"""


def oldest() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (wanted,) = [match[1] for one in project["dependencies"] if (match := re.fullmatch(r"pytest>=([\d.]+)", one))]
    return wanted


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Path:
    """A folder with that pytest."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ota-proxy"
    place = cache / f"pytest-{oldest()}-python{sys.version_info[0]}.{sys.version_info[1]}"
    if not (place / "pytest").is_dir():
        part = place.with_name(f"{place.name}.{os.getpid()}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(part)]
        done = subprocess.run([*pip, f"pytest=={oldest()}"], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            shutil.rmtree(part, ignore_errors=True)
            reason = f"pytest {oldest()} could not be downloaded: {done.stderr[-300:]}"
            if docker_choice(request.config) == "require":
                pytest.fail(reason)
            pytest.skip(reason)
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)
    return place


@pytest.mark.embedded
def test_an_install_and_its_failure_read_the_same_on_the_oldest_pytest(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    words = ["-p", "no:cacheprovider", "-p", "no:xdist", "--ota-docker=skip", "-W", "error", "test_it.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert f"pytest-{oldest()}" in done.stdout, done.stdout + done.stderr
    assert "ota-proxy: docker=skip" in done.stdout
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "OTA208 cert-expired" in done.stdout
