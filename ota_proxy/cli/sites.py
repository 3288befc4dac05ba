"""Reads the site that the flags of a command line, the environment and a site file describe."""

from __future__ import annotations

import argparse

from ota_proxy.cli.streams import say
from ota_proxy.settings import Loaded, load
from ota_proxy.settings.flags import SiteFlags
from ota_proxy.settings.load import load_all

_OPTION_FLAGS = ("server_version", "tls_library", "scope", "engine", "image", "format", "fail_on")


def load_site(args: argparse.Namespace) -> Loaded:
    """Read the one site that flags, environment and file describe, and say on stderr what was assumed."""
    loaded = load(args.site, site_flags(args))
    _tell_assumed((loaded,))
    return loaded


def load_sites(args: argparse.Namespace) -> tuple[Loaded, ...]:
    """Read every site that a file or folder has, as `load_site` does one."""
    found = load_all(args.site, site_flags(args))
    _tell_assumed(found)
    return found


def _tell_assumed(found: tuple[Loaded, ...]) -> None:
    for loaded in found:
        which = f"{loaded.site.domain}: " if len(found) > 1 else ""
        for sentence in (*loaded.assumed, *loaded.read):
            say(f"note: {which}{sentence}")


def site_flags(args: argparse.Namespace) -> SiteFlags:
    """Return the flags of a site as they were typed, and those of `[options]` that the command has."""
    return SiteFlags(
        domains=args.domain,
        roots=args.root,
        upstreams=args.upstream,
        certs=args.cert,
        keys=args.key,
        public_url=args.public_url,
        tls_profile=args.tls_profile,
        trusted_proxies=args.trusted_proxy,
        sets=args.sets,
        options={name: getattr(args, name, None) for name in _OPTION_FLAGS},
        with_modules=getattr(args, "with_module", ()),
        ignores=getattr(args, "ignores", ()),
    )
