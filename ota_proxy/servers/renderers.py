"""The three renderers by the name of their server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Protocol, cast

from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.servers.rendered import Note, Rendered, Scope
from ota_proxy.site import Site


class Renderer(Protocol):
    """A server's `render`."""

    def __call__(
        self, site: Site, caps: Capabilities, scope: Scope, command: str, further: tuple[Note, ...] = ()
    ) -> Rendered:
        """Return the files of a site."""


def renderer(server: str, *, rewrite: bool = True) -> Renderer:
    """Return the `render` function of `nginx`, `apache` or `iis`; only that server's module is imported.

    Without `rewrite` the one for an IIS without URL Rewrite.
    """
    chosen: Callable[..., Rendered] = import_module(f"ota_proxy.servers.{server}.render").render
    return cast("Renderer", partial(chosen, rewrite_module=False) if server == "iis" and not rewrite else chosen)
