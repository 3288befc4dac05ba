"""Proves sites on a server: a trial of the harness is run, and what it shows is judged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ota_proxy.commands.judge import judge
from ota_proxy.harness.engine import Engine, ServerRefusedError
from ota_proxy.harness.own_config import OwnConfig, read_own
from ota_proxy.harness.progress import Progress
from ota_proxy.harness.trial import Trial, all_texts, observe, refusal, start
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.report.model import TargetReport
from ota_proxy.rules.model import Outcome
from ota_proxy.site import Site

_MISSED = re.compile(r"""["'](/[^"'\n]+)["'][^\n]*(?:No such file|does not exist)""")
"""How nginx and Apache speak of a file that is not there."""


def verify(trial: Trial, engine: Engine, progress: Progress) -> TargetReport:
    """Run a trial and report. NoVerdictError when the engine cannot run; a refused configuration is a finding, not an error."""
    return verify_all(trial, engine, progress)[0]


def verify_all(trial: Trial, engine: Engine, progress: Progress) -> tuple[TargetReport, ...]:
    """Run a trial and report on each of its sites, as `verify` does on one."""
    progress(f"looking at {trial.server} of the engine {engine.name}")
    caps = engine.capabilities(trial.server)
    first, *others = (_report(trial, site, engine, caps) for site in trial.sites)
    try:
        with start(trial, engine, caps, progress) as started:
            every = (started.prepared, *started.prepared.beside)
            own, *rest = [
                judge(replace(report, facts=observe(trial, started, prepared, progress)), "v")
                for report, prepared in zip((first, *others), every, strict=True)
            ]
            own = replace(own, log=started.running.logs(), config=started.texts)
            own = at_source(own, trial.config, caps)
            if trial.keep:
                own = replace(own, notes=(*own.notes, started.running.endpoint.by_hand))
            return (own, *rest)
    except ServerRefusedError as error:
        return tuple(_refused(report, trial, engine, caps, error) for report in (first, *others))


def _report(trial: Trial, site: Site, engine: Engine, caps: Capabilities) -> TargetReport:
    return TargetReport(
        target=site.base_url,
        server=trial.server,
        version=caps.version,
        engine=engine.name,
        level="L1" if engine.name == "emulator" else None,
        notes=tuple(note for note in (engine.replaced, _simulated(site)) if note),
    )


def _refused(
    report: TargetReport, trial: Trial, engine: Engine, caps: Capabilities, error: ServerRefusedError
) -> TargetReport:
    judged = judge(replace(report, facts=refusal(trial, error)), "v")
    return at_source(replace(judged, log=error.output, config=all_texts(trial, engine, caps)), trial.config, caps)


def _simulated(site: Site) -> str:
    parts = ["the device is simulated", "certificates and content are test ones, put where the site says they are"]
    parts += ["the applications behind the site are played by a second nginx"] if site.proxied else []
    parts += ["the TLS-offloading proxy in front is played by a second nginx"] if site.tls.offloaded else []
    return "; ".join(parts)


def at_source(report: TargetReport, config: OwnConfig | None, caps: Capabilities) -> TargetReport:
    """Return the report with findings in the person's own file and line instead of the copy on the server; None: nobody's file."""
    if config is None:
        return report
    outcomes = tuple(
        replace(one, span=replace(one.span, file=config.own(one.file, caps))) if one.file else one
        for one in report.outcomes
    )
    texts = {config.own(path, caps): text for path, text in report.config.items()}
    shown = {**report.config, **texts, **_quoted(outcomes, config)}
    return replace(report, outcomes=outcomes, config=shown, notes=(*report.notes, *_absent(outcomes)))


def _absent(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield for each file that the server missed how it would have been there: most often a flag names another place."""
    said = "\n".join(one.evidence for one in outcomes if one.rule.id == "OTA615" and one.status == "failed")
    for path in dict.fromkeys(_MISSED.findall(said)):
        yield (
            f"{path} does not exist: --cert, --key and --root name the paths where this configuration expects its "
            "certificate and builds, and every other file has to be in the folder of --config"
        )


def _quoted(outcomes: Iterable[Outcome], config: OwnConfig) -> Mapping[str, str]:
    """Return the texts of the tree's files that findings are in."""
    files = {Path(one.file) for one in outcomes if one.file}
    inside = [path for path in files if config.tree is not None and path.is_relative_to(config.tree)]
    return {str(path): read_own(path).decode("utf-8", "surrogateescape") for path in inside}
