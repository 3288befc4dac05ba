"""What the fixtures of the pytest plugin hand out: a running site, a simulated iPhone, and its report.

The names below are for annotations (`def test_it(ota_device: Device) -> None`); they are loaded when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ota_proxy.testing.device import Device
    from ota_proxy.testing.factories import MakeManifest, MakePackage, Package
    from ota_proxy.testing.report import Finding, InstallReport
    from ota_proxy.testing.servers import TestSite

__all__ = ["Device", "Finding", "InstallReport", "MakeManifest", "MakePackage", "Package", "TestSite"]

_HOMES = {
    "Device": "device",
    "Finding": "report",
    "InstallReport": "report",
    "MakeManifest": "factories",
    "MakePackage": "factories",
    "Package": "factories",
    "TestSite": "servers",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what a module has
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
