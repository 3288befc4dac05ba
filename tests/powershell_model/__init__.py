"""Runs setup.ps1 and undo.ps1 against an in-memory Windows: exactly the PowerShell they use, and everything else fails by name.

`run_script` executes a script's syntax tree (tree-sitter-powershell); `machine` is what it changes: folders, files, registry, certificates,
cipher suites and applicationHost.config behind the documented IISAdministration cmdlets. It models documentation, it is not Windows.
"""

from __future__ import annotations

from tests.powershell_model import cmdlets, expressions, iis_cmdlets, modules, statements, windows_cmdlets  # noqa: F401 - they register what they know
from tests.powershell_model.machine import Machine
from tests.powershell_model.script import run_script
from tests.powershell_model.syntax import UnsupportedError
from tests.powershell_model.values import PsError

__all__ = ["Machine", "PsError", "UnsupportedError", "run_script"]
