"""A site on disk, read as IIS reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.servers.iis.in_force import Configuration

Read = Callable[..., Configuration]


def web(inside: str) -> str:
    """A web.config around what stands in system.webServer."""
    return f"<configuration>\n<system.webServer>\n{inside}\n</system.webServer>\n</configuration>\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a web.config (a text, or texts by folder) and an applicationHost.config, and load them."""

    def load(config: str | dict[str, str] = "", apphost: str = "", **flags: Any) -> Configuration:  # noqa: ANN401 - load's own
        root = tmp_path / "site"
        root.mkdir(exist_ok=True)
        for folder, text in ({"": config} if isinstance(config, str) else config).items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            if text:
                inside = text if text.lstrip().startswith(("<configuration", "<?xml")) else web(text)
                (root / folder / "web.config").write_text(inside, encoding="utf-8")
        server = tmp_path / "applicationHost.config"
        if apphost:
            server.write_text(apphost, encoding="utf-8")
        return Configuration.load(root, server if apphost else None, **flags)

    return load


Refused = Callable[..., list[str]]


@pytest.fixture
def refused(read: Read) -> Refused:
    """Return `line: message` of everything that IIS would refuse."""

    def lines(*args: Any, **flags: Any) -> list[str]:  # noqa: ANN401 - as above
        return [f"{one.span.line}: {one.message}" for one in read(*args, **flags).problems()]

    return lines
