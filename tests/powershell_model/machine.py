"""The Windows that scripts change, in memory: folders, files, registry, certificates, cipher suites, IIS. Every change is counted.

`fail_at` makes the n-th call to a cmdlet (or to a .NET method that writes) fail instead of doing its work.
Paths ignore case. A folder is there when it was made; what is not on drive C: does not exist.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import Any

from tests.powershell_model.iis_config import Server
from tests.powershell_model.values import PsError

_ENVIRONMENT = {"ProgramData": "C:\\ProgramData", "SystemDrive": "C:", "SystemRoot": "C:\\Windows"}
_FOLDERS = ("C:\\", "C:\\ProgramData", "C:\\inetpub", "C:\\Windows", "C:\\ota")
SCHANNEL = r"HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols"


@dataclass
class Machine:
    """A Windows Server; `modules` are those of globalModules, `pfx` the thumbprints in PFX files by path."""

    server: Server
    folders: set[str] = field(default_factory=lambda: set(_FOLDERS))
    files: dict[str, str] = field(default_factory=dict)
    registry: dict[str, dict[str, int]] = field(default_factory=lambda: {SCHANNEL: {}})
    certificates: set[str] = field(default_factory=set)
    pfx: dict[str, str] = field(default_factory=dict)
    cipher_suites: list[str] = field(default_factory=list)
    known_suites: set[str] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=lambda: dict(_ENVIRONMENT))
    writes: list[str] = field(default_factory=list)
    planned: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    fail_at: int = 0

    def state(self) -> dict[str, Any]:
        """Return everything that a script can change, to compare."""
        return copy.deepcopy(
            {
                "folders": sorted(folder.lower() for folder in self.folders),
                "files": {path.lower(): text for path, text in sorted(self.files.items())},
                "registry": {path.lower(): values for path, values in sorted(self.registry.items())},
                "certificates": sorted(self.certificates),
                "cipher suites": self.cipher_suites,
                "applicationHost.config": self.server.text(),
                "certificates of bindings": dict(sorted(self.server.bound.items())),
            }
        )

    def new_session(self) -> None:
        """Begin a script: what an earlier one left uncommitted is gone, counters start again."""
        self.server.discard()
        for log in (self.writes, self.planned, self.done, self.warnings, self.calls):
            log.clear()

    def called(self, name: str) -> None:
        """Count a call; PsError when it is the one that has to fail."""
        self.calls.append(name)
        if len(self.calls) == self.fail_at:
            raise PsError(f"injected: call {self.fail_at}, {name}")

    def wrote(self, what: str) -> None:
        """Count a change."""
        self.writes.append(what)

    def expand(self, path: str) -> str:
        """Replace %NAME% as Windows does: an unknown name stays."""
        lower = {name.lower(): value for name, value in self.environment.items()}
        return re.sub(r"%([^%]+)%", lambda found: lower.get(found[1].lower(), found[0]), path)

    def file_key(self, path: str) -> str | None:
        """Return the key of a file by its path in any case."""
        return next((key for key in self.files if key.lower() == path.lower()), None)

    def folder_key(self, path: str) -> str | None:
        """Return the folder by its path in any case."""
        wanted = path.rstrip("\\").lower()
        return next((folder for folder in self.folders if folder.rstrip("\\").lower() == wanted), None)

    def registry_key(self, path: str) -> str | None:
        """Return the registry key by its path in any case."""
        return next((key for key in self.registry if key.lower() == path.lower()), None)

    def inside(self, path: str) -> list[str]:
        """Return files and folders directly in a folder."""
        prefix = path.rstrip("\\").lower() + "\\"
        every = [
            one for one in (*self.files, *self.folders) if one.lower().startswith(prefix) and one.lower() != prefix
        ]
        return [one for one in every if "\\" not in one[len(prefix) :]]

    def read_text(self, path: str) -> str:
        """Return a file's text; PsError where there is none."""
        key = self.file_key(path)
        if key is None:
            raise PsError(f"Could not find file '{path}'.")
        return self.files[key]

    def write_text(self, path: str, text: str) -> None:
        """Write a file; PsError where its folder is missing."""
        if self.folder_key(parent(path)) is None:
            raise PsError(f"Could not find a part of the path '{path}'.")
        self.files[self.file_key(path) or path] = text
        self.wrote(f"file {path}")

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it; PsError on a drive that is not there."""
        if not path.lower().startswith("c:\\"):
            raise PsError(f"Could not find a part of the path '{path}'.")
        if self.folder_key(path) is not None:
            return
        if parent(path):
            self.make_folder(parent(path))
        self.folders.add(path)
        self.wrote(f"folder {path}")


def parent(path: str) -> str:
    """Return what Split-Path -Parent does: nothing above a drive's root."""
    head, _, name = path.rstrip("\\").rpartition("\\")
    if not head or not name:
        return ""
    return head + "\\" if re.fullmatch("[A-Za-z]:", head) else head
