"""`--with-module` and `--without-module` of the commands that render: what nginx has beside its own, what IIS is not to have."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ota_proxy.errors import UsageError

if TYPE_CHECKING:
    from ota_proxy.site import Site

_REWRITE, _ARR = "RewriteModule", "ApplicationRequestRouting"


def add_module_flags(command: argparse.ArgumentParser) -> None:
    """Add the flags."""
    group = command.add_argument_group("modules")
    group.add_argument(
        "--with-module",
        metavar="NAME",
        action="append",
        default=[],
        help="nginx only: a compression module that it loads: brotli, zstd (may be repeated); not used for packages and manifests",
    )
    group.add_argument(
        "--without-module",
        metavar="NAME",
        action="append",
        default=[],
        help="IIS only: a module that is not installed: rewrite, arr (may be repeated)",
    )


def check_modules(args: argparse.Namespace) -> None:
    """Raise UsageError for a module that the server to render for cannot have."""
    if args.with_module and args.server not in ("nginx", "all"):
        why = {"apache": "what is rendered for Apache switches mod_deflate and mod_brotli off where needed"}
        hint = f"leave it out: {why.get(args.server, 'IIS compresses with its own modules')}"
        raise UsageError("only for nginx", place="--with-module", hint=hint)


def uses_rewrite(args: argparse.Namespace, server: str, site: Site) -> bool:
    """Say whether a rendering may use URL Rewrite; UsageError for a module that nothing rendered could use or that the site needs."""
    if not args.without_module:
        return True
    if args.server not in ("iis", "all"):
        hint = f"leave it out: {args.server} is rendered without modules of IIS"
        raise UsageError("only for IIS", place="--without-module", hint=hint)
    if server != "iis":
        return True
    from ota_proxy.servers.iis.server_level import module_names  # noqa: PLC0415 - reads the schema table

    missing = module_names(args.without_module)
    if unknown := sorted(missing - {_REWRITE, _ARR}):
        place = f"--without-module {unknown[0]}"
        raise UsageError("only rewrite and arr can be left out", place=place)
    if _ARR in missing and site.proxied:
        hint = "install Application Request Routing 3, or serve files"
        raise UsageError(
            "on IIS this needs Application Request Routing", key=site.key_of(site.proxied[0], "upstream"), hint=hint
        )
    return _REWRITE not in missing
