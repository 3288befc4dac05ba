"""The flags that describe a site, shared by every command that needs one."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ota_proxy.cli.streams import tell
from ota_proxy.errors import UsageError

if TYPE_CHECKING:
    from ota_proxy.settings import Loaded
    from ota_proxy.settings.flags import SiteFlags
    from ota_proxy.settings.sources import Key

_OPTION_FLAGS = ("server_version", "tls_library", "scope", "engine", "image", "format", "fail_on")


def add_site_flags(command: argparse.ArgumentParser) -> None:
    """Add --site, --domain, --root and their kin."""
    group = command.add_argument_group(
        "site",
        "Without a site file or flags: the example site ota.example.com. Flags override OTA_PROXY_* variables, which override the file.",
    )
    group.add_argument(
        "--site",
        metavar="FILE",
        help="site file, or a folder of them; default: the nearest ota-proxy.toml or [tool.ota-proxy], from this folder upwards",
    )
    group.add_argument(
        "--domain",
        metavar="NAME",
        action="append",
        default=[],
        help="name of the site; the first is canonical (may be repeated)",
    )
    group.add_argument(
        "--root",
        metavar="[PREFIX=]DIR",
        action="append",
        default=[],
        help="serve a folder: /srv/ota or /ota/=/srv/ota (may be repeated)",
    )
    group.add_argument(
        "--upstream",
        metavar="[PREFIX=]URL",
        action="append",
        default=[],
        help="pass on to http://host:port, https://… or unix:/… (may be repeated)",
    )
    group.add_argument(
        "--cert",
        metavar="FILE",
        action="append",
        default=[],
        help="certificate with its chain, PEM (twice for RSA and ECDSA)",
    )
    group.add_argument("--key", metavar="FILE", action="append", default=[], help="its private key, PEM")
    group.add_argument("--public-url", metavar="URL", help="scheme, host and port as the device sees them")
    group.add_argument("--tls-profile", metavar="NAME", help="intermediate (default) or modern")
    group.add_argument(
        "--trusted-proxy",
        metavar="NET",
        action="append",
        default=[],
        help="address or network of a proxy in front of the server (may be repeated)",
    )
    group.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="sets",
        help="any other key: --set hsts.max_age=31536000",
    )


def add_server_flags(command: argparse.ArgumentParser) -> None:
    """Add --server-version and --tls-library."""
    group = command.add_argument_group("server")
    group.add_argument(
        "--server-version",
        "--windows",
        metavar="V",
        help="portable (default: starts on every supported version), auto (the server on this machine), latest, or for instance 1.26.3, 2.4.62, "
        "2019 (IIS; default 2022), debian12, ubuntu24.04, rhel9 …",
    )
    group.add_argument(
        "--tls-library",
        metavar="LIB",
        help="for instance openssl-3.0.19; default: the preset's, otherwise the oldest supported, so that no reload fails",
    )


def load_site(args: argparse.Namespace) -> Loaded:
    """Read the one site that flags, environment and file describe, and say on stderr what was assumed."""
    from ota_proxy.settings import load  # noqa: PLC0415 - heavy, and `--help` needs none of it

    loaded = load(args.site, _site_flags(args))
    _tell_assumed((loaded,))
    return loaded


def load_sites(args: argparse.Namespace) -> tuple[Loaded, ...]:
    """Read every site that a file or folder has, as `load_site` does one."""
    from ota_proxy.settings.load import load_all  # noqa: PLC0415 - as above

    found = load_all(args.site, _site_flags(args))
    _tell_assumed(found)
    return found


def _tell_assumed(found: tuple[Loaded, ...]) -> None:
    for loaded in found:
        which = f"{loaded.site.domain}: " if len(found) > 1 else ""
        for sentence in (*loaded.assumed, *loaded.read):
            say(f"note: {which}{sentence}")


def _site_flags(args: argparse.Namespace) -> SiteFlags:
    from ota_proxy.settings.flags import SiteFlags  # noqa: PLC0415 - as above

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


@contextlib.contextmanager
def at_its_place(loaded: Loaded, known: Mapping[str, Key] | None = None) -> Iterator[None]:
    """Put file and line, variable or flag before the key of a UsageError from inside; `known` has the keys behind other places."""
    try:
        yield
    except UsageError as error:
        key = (known or {}).get(error.place)
        if key and loaded.source(key).kind in ("flag", "environment", "file"):
            error.place = str(loaded.source(key))
        elif error.key:
            error.place, error.key = loaded.place(error.key), ()  # once: another site may be around this one
        raise


def say(text: str) -> None:
    """Print one line for people, to stderr."""
    tell(f"{text}\n")
