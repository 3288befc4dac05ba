"""Puts completions and the man page into a wheel, where shells and man look below a prefix; hatchling calls it when it builds one.

They are made from the command line's own grammar at build time, so that they are never older than it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACES = {
    "bash": "share/bash-completion/completions/ota-proxy",
    "zsh": "share/zsh/site-functions/_ota-proxy",
    "fish": "share/fish/vendor_completions.d/ota-proxy.fish",
    "man": "share/man/man1/ota-proxy.1",
}
"""What `ota-proxy completion` prints → where it goes below the prefix (Debian's and Homebrew's folders). PowerShell has no such folder."""


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is hatchling's own affair
    """Hatchling's name for the hook of a project."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the files and name them as shared data; an editable install keeps to its folder and gets none."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from ota_proxy.cli.completion import rendered  # noqa: PLC0415 - only now is it on the path
        finally:
            sys.path.remove(self.root)
        self._folder = Path(tempfile.mkdtemp(prefix="ota-proxy-build-"))
        for what, place in PLACES.items():
            file = self._folder / what
            file.write_text(rendered(what), encoding="utf-8")
            build_data["shared_data"][str(file)] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's own arguments
        """Remove what was written."""
        if version != "editable":
            shutil.rmtree(self._folder)
