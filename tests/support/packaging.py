"""Builds the wheel, and installs it into an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def run(*words: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program without the variables that would lead it back into this environment or tree."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OTA_PROXY", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done


def build(target: str, source: Path, folder: Path) -> Path:
    """Build with the backend that pyproject.toml names, and return the one file made."""
    run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder, cwd=source)
    (made,) = folder.iterdir()
    return made


class Environment:
    """A fresh environment that finds the dependencies, but not ota-proxy, where this interpreter has them."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        venv.create(folder, with_pip=False)
        self.folder = folder
        self.bin = folder / "bin"
        self.site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()

    def install(self, *what: str | Path) -> None:
        """Install without dependencies and without any index; a build finds its backend through PYTHONPATH."""
        words = (
            "install",
            "--quiet",
            "--no-compile",
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
            "--ignore-installed",
        )
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", self.bin / "python")
        run(*pip, *words, *what, cwd=self.elsewhere, PYTHONPATH=sysconfig.get_path("purelib"))
        # A path named in a .pth file is searched, but its own .pth files, an editable ota-proxy's too, are not read.
        (self.site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    def python(self, program: str) -> str:
        return run(self.bin / "python", "-c", program, cwd=self.elsewhere).stdout.strip()
