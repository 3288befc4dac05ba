"""`ota-proxy up SERVER`: start the site as `verify` does and leave it running until ^C."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ota_proxy.cli.link import print_qr
from ota_proxy.cli.site_flags import add_server_flags, add_site_flags, at_its_place, load_site, say
from ota_proxy.cli.streams import emit, flush, tell
from ota_proxy.cli.up_iis import add_folder_flags, asked_for_folder, run_folder
from ota_proxy.cli.verify import add_run_flags, check_version, engine_of, trial
from ota_proxy.errors import EXIT_CLEAN, NoVerdictError

if TYPE_CHECKING:
    from ota_proxy.harness.trial import Started

_POLL = 0.5
_DESCRIPTION = """\
Start the site on a real server with test certificates, print how to reach it, and stop at ^C.

  ota-proxy up nginx                      the example site
  ota-proxy up apache --engine local      the Apache of this machine, no root
  ota-proxy up nginx --ipa build/App.ipa --image bookworm
  ota-proxy up iis --site-root wwwroot    the folder as it is, with IIS emulated
"""


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser("up", help="start it and leave it running", description=_DESCRIPTION)
    command.add_argument("server", choices=("nginx", "apache", "iis"))
    add_site_flags(command)
    add_server_flags(command)
    add_run_flags(command)
    add_folder_flags(command)
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Start, tell, wait."""
    if asked_for_folder(args):
        return run_folder(args)
    from ota_proxy.harness.progress import Timed  # noqa: PLC0415
    from ota_proxy.harness.run_directory import RunDirectory  # noqa: PLC0415
    from ota_proxy.harness.trial import start  # noqa: PLC0415

    loaded = load_site(args)
    one = trial(args.server, loaded, args)
    progress = Timed(tell)
    progress(f"looking for an engine that can run {args.server}")
    engine = engine_of(one, loaded)
    check_version(engine, args.server, loaded)
    with RunDirectory() as folder:
        ca_file = folder / "ca.pem"
        with at_its_place(loaded), start(one, engine, engine.capabilities(args.server), progress) as started:
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
    print_qr(url)
    flush()
    for line in (replaced, endpoint.by_hand.replace("CA.pem", str(ca_file)), "^C stops it"):
        if line:
            say(line)


def _wait(started: Started) -> None:
    while started.running.alive():
        time.sleep(_POLL)
    raise NoVerdictError(f"the server ended by itself; its last words:\n{started.running.logs()[-2000:]}")
