"""`ota-proxy verify`: start the configuration on a real server and install from it as a simulated iPhone."""

from __future__ import annotations

import argparse

from ota_proxy.cli.deliver import check_output, deliver
from ota_proxy.cli.flags.servers import SERVERS
from ota_proxy.cli.sites import load_sites
from ota_proxy.cli.streams import emit, say, tell
from ota_proxy.commands.render import check_modules
from ota_proxy.commands.verify import Asked, engine_of, on_one_server, trial_of, verify_all
from ota_proxy.errors import EXIT_CLEAN, NoVerdictError, UsageError
from ota_proxy.harness.dry_run import describe
from ota_proxy.harness.progress import Timed
from ota_proxy.harness.trial import Trial
from ota_proxy.policy.capabilities import resolve
from ota_proxy.report.report import TargetReport, no_verdict
from ota_proxy.servers.base import server_named
from ota_proxy.settings import Loaded
from ota_proxy.settings.sources import at_its_place


def run(args: argparse.Namespace) -> int:
    """Verify one server or all of them."""
    check_modules(args.with_module, args.server)
    sites = load_sites(args)
    loaded, *others = sites
    servers = SERVERS if args.server == "all" else (args.server,)
    if others and args.config:
        hint = "name the one site it serves: --site FILE"
        raise UsageError("your own configuration is compared with one site", place="--config", hint=hint)
    asked = asked_for(args)
    trials = [trial_of(server, one, asked, say) for server in servers for one in sites]
    if args.dry_run:
        emit("\n\n".join(_plans(trials, sites)) + "\n")
        if others:
            say("note: sites that listen on the same ports and addresses are started as one server")
        return EXIT_CLEAN
    check_output(args.output)
    alone = args.server != "all" and loaded.options.format == "text"
    reports = [report for one in on_one_server(trials) for report in _verify(one, loaded, alone=alone)]
    return deliver(reports, loaded.options, args.output)


def asked_for(args: argparse.Namespace) -> Asked:
    """Return what the flags of a command that starts a server say beside the site."""
    return Asked(
        args.server,
        config=args.config,
        ipa=args.ipa,
        keep=getattr(args, "keep", False),
        check_files=args.check_files,
        without_modules=args.without_module,
    )


def _plans(trials: list[Trial], sites: tuple[Loaded, ...]) -> list[str]:
    each = {one.site.base_url: one for one in sites}
    plans = []
    for one in trials:
        with at_its_place(each[one.site.base_url]):
            plans.append(describe(one, one.asked or resolve(one.server), sites[0].options))
    return plans


def _verify(one: Trial, loaded: Loaded, *, alone: bool) -> tuple[TargetReport, ...]:
    """Prove one trial; where it is not `alone` in its report, an engine that cannot run is said there."""
    progress = Timed(tell)
    try:
        progress(f"looking for an engine that can run {server_named(one.server).title}")
        engine = engine_of(one, loaded)
        with at_its_place(loaded):
            return verify_all(one, engine, progress)
    except NoVerdictError as error:
        if alone:
            raise
        return tuple(no_verdict(site.base_url, one.server, str(error)) for site in one.sites)
    finally:
        progress.close()
