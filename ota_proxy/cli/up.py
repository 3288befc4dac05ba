"""`ota-proxy up SERVER`: start the site as `verify` does and leave it running until ^C."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ota_proxy.cli.sites import load_site
from ota_proxy.cli.streams import emit, flush, say, tell
from ota_proxy.cli.verify import asked_for
from ota_proxy.commands.app_files import qr_code
from ota_proxy.commands.verify import engine_of, trial_of
from ota_proxy.errors import EXIT_CLEAN, NoVerdictError, UsageError
from ota_proxy.harness.progress import Timed
from ota_proxy.harness.run_directory import RunDirectory
from ota_proxy.harness.trial import Started, start
from ota_proxy.late import late
from ota_proxy.servers.base import server_named
from ota_proxy.settings.sources import at_its_place

_POLL = 0.5


def run(args: argparse.Namespace) -> int:
    """Start, tell, wait."""
    if asked_for_folder(args):
        return int(late("ota_proxy.cli.up_iis:run_folder")(args))  # the whole emulator
    loaded = load_site(args)
    one = trial_of(args.server, loaded, asked_for(args), say)
    progress = Timed(tell)
    progress(f"looking for an engine that can run {server_named(args.server).title}")
    engine = engine_of(one, loaded)
    with RunDirectory() as folder:
        ca_file = folder / "ca.pem"
        with at_its_place(loaded), start(one, engine, progress) as started:
            try:
                ca_file.write_bytes(started.prepared.ca_pem)
                _tell(started, ca_file, engine.replaced)
                _wait(started)
            except KeyboardInterrupt:
                say("stopping")
    return EXIT_CLEAN


def _tell(started: Started, ca_file: Path, replaced: str) -> None:
    endpoint, url = started.running.endpoint, started.prepared.page_url
    manifests = [f"manifest {manifest}" for manifest in started.prepared.manifest_urls]
    connect = " ".join(
        f"--connect-to {host}:{port}:{address}:{there}" for (host, port), (address, there) in endpoint.resolve.items()
    )
    hand = f"try      curl --cacert {ca_file} {connect} {url}"
    person = started.prepared.person
    asked = [f"password {person[1]} of {person[0]}, of this run alone"] if person else []
    emit("\n".join([f"URL      {url}", *manifests, *asked, f"CA file  {ca_file}", hand]) + "\n")
    emit(qr_code(url))
    flush()
    for line in (replaced, endpoint.by_hand.replace("CA.pem", str(ca_file)), "^C stops it"):
        if line:
            say(line)


def _wait(started: Started) -> None:
    while started.running.alive():
        time.sleep(_POLL)
    raise NoVerdictError(f"the server ended by itself; its last words:\n{started.running.logs()[-2000:]}")


# -- a folder of IIS as it is, see up_iis.py -------------------------------------------------------------------------------

_FLAGS = ("site_root", "apphost", "http_port", "https_port", "access_log")
_OF_SITES = (
    "site",
    "root",
    "upstream",
    "cert",
    "key",
    "public_url",
    "tls_profile",
    "trusted_proxy",
    "sets",
    "config",
    "ipa",
    "image",
)
"""Flags that say what to render or what to start it with."""


def asked_for_folder(args: argparse.Namespace) -> bool:
    """Say whether a folder is to be run; UsageError for its flags without it, or for another server."""
    used = [name for name in _FLAGS if getattr(args, name)]
    if not used:
        return False
    flag = "--" + used[0].replace("_", "-")
    if args.server != "iis":
        raise UsageError("only for `ota-proxy up iis`", place=flag)
    if not args.site_root:
        raise UsageError("there is no folder to run", place=flag, hint="name it with --site-root DIR")
    for name in _OF_SITES:
        if getattr(args, name):
            other = "--" + {"sets": "set"}.get(name, name).replace("_", "-")
            raise UsageError(
                "nothing is rendered with --site-root: the folder runs as it is", place=other, hint="leave it out"
            )
    return True
