"""Proves sites on a server: a trial is put together from what a person asked for, run by the harness, and what it shows is judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ota_proxy.commands.judge import judge
from ota_proxy.commands.render import VERSION_KEYS, lacking
from ota_proxy.errors import UsageError
from ota_proxy.harness import versions
from ota_proxy.harness.engine import Engine, Placement, ServerRefusedError, choose
from ota_proxy.harness.own_config import OwnConfig, own_config, read_own
from ota_proxy.harness.progress import Progress
from ota_proxy.harness.scenario import together
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import Trial, all_texts, content_of, observe, refusal, start
from ota_proxy.late import late
from ota_proxy.limits import PACKAGE_FILE
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.reading import read_file
from ota_proxy.report.report import TargetReport
from ota_proxy.rules.rule import Outcome
from ota_proxy.servers.base import server_named
from ota_proxy.settings import Loaded
from ota_proxy.settings.sources import at_its_place
from ota_proxy.site import Site

_MISSED = re.compile(r"""["'](/[^"'\n]+)["'][^\n]*(?:No such file|does not exist)""")
"""How nginx and Apache speak of a file that is not there."""


# -- what to prove -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line says beside the site. `server` is one of them, or `all`."""

    server: str
    config: Path | None = None
    """A configuration to start instead of a rendered one."""
    ipa: Path | None = None
    keep: bool = False
    check_files: bool = True
    without_modules: Sequence[str] = ()
    """Modules that IIS lacks."""


def trial_of(server: str, loaded: Loaded, asked: Asked, say: Callable[[str], object]) -> Trial:
    """Put together what to prove; UsageError for what excludes each other and for files that are missing or do not match.

    `say` hears what is odd about the certificate files.
    """
    _check_possible(loaded, asked)
    if asked.check_files and loaded.certificates_given:
        for sentence in late("ota_proxy.harness.named_files:check_files")(loaded):  # needs cryptography
            say(f"warning: {sentence}")
    with at_its_place(loaded):
        without = lacking(asked.without_modules, asked.server, server, loaded.site)
    with at_its_place(loaded, VERSION_KEYS):
        version = versions.asked(server, loaded, without)
    return Trial(
        server=server,
        site=loaded.site,
        scope=loaded.options.scope,
        command="ota-proxy verify " + server,
        content=_content(asked.ipa) if asked.ipa else Content(),
        config=own_config(asked.config, server) if asked.config else None,
        keep=asked.keep,
        asked=version,
    )


def _check_possible(loaded: Loaded, asked: Asked) -> None:
    options, elsewhere = loaded.options, loaded.options.engine not in ("auto", "docker")
    if options.scope == "snippet":
        place = str(loaded.source(("options", "scope")))
        raise UsageError("a snippet cannot be started by itself", place=place, hint="use --scope site or --scope full")
    if asked.config and asked.server == "all":
        hint = "name the server it is for: nginx or apache"
        raise UsageError("one configuration cannot be for all servers", place="--config", hint=hint)
    if asked.config and elsewhere:
        raise UsageError(
            "your own configuration names its own paths and ports, so only docker can start it",
            place="--config",
            hint="use --engine docker",
        )
    if options.image and elsewhere:
        text = f"the image {options.image} needs the docker engine, not {options.engine}"
        place = str(loaded.source(("options", "image")))
        raise UsageError(text, place=place, hint="leave --engine out, or --image")


def _content(path: Path) -> Content:
    try:
        return content_of(read_file(path, PACKAGE_FILE))
    except OSError as error:
        hint = "give the .ipa file, or leave --ipa out: ota-proxy makes a small one"
        raise UsageError(f"the package cannot be read: {error.strerror}", place=f"--ipa {path}", hint=hint) from None
    except UsageError as error:
        error.place = f"--ipa {path}"
        raise


def on_one_server(trials: Sequence[Trial]) -> list[Trial]:
    """Put sites that listen on the same ports onto one server; what is played is played one site at a time."""
    found: list[Trial] = []
    for server in dict.fromkeys(one.server for one in trials):
        own = [one for one in trials if one.server == server]
        if server_named(server).played:
            found += own
            continue
        for first, *others in together([one.site for one in own]):
            found.append(replace(next(one for one in own if one.site is first), beside=tuple(others)))
    return found


def engine_of(trial: Trial, loaded: Loaded) -> Engine:
    """Choose the engine; UsageError where its server is not of the version that was asked for, NoVerdictError where none can run it."""
    options = loaded.options
    wanted = "docker" if trial.config and options.engine == "auto" else options.engine
    engine = choose(wanted, trial.server, options.image, trial.asked)
    versions.check_version(engine, trial.server, loaded)
    return engine


# -- proving it ------------------------------------------------------------------------------------------------------------


def verify(trial: Trial, engine: Engine, progress: Progress) -> TargetReport:
    """Run a trial and report. NoVerdictError when the engine cannot run; a refused configuration is a finding, not an error."""
    return verify_all(trial, engine, progress)[0]


def verify_all(trial: Trial, engine: Engine, progress: Progress) -> tuple[TargetReport, ...]:
    """Run a trial and report on each of its sites, as `verify` does on one."""
    progress(f"looking at {server_named(trial.server).title} of the engine {engine.name}")
    placed = engine.prepare(trial.server, *trial.sites)
    caps = placed.caps
    first, *others = (_report(trial, site, engine, caps) for site in trial.sites)
    try:
        with start(trial, engine, progress, placement=placed) as started:
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
        return tuple(_refused(report, trial, engine, placed, error) for report in (first, *others))


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
    report: TargetReport, trial: Trial, engine: Engine, placed: Placement, error: ServerRefusedError
) -> TargetReport:
    judged = judge(replace(report, facts=refusal(trial, error)), "v")
    return at_source(
        replace(judged, log=error.output, config=all_texts(trial, engine, placed)), trial.config, placed.caps
    )


def _simulated(site: Site) -> str:
    parts = ["the device is simulated", "certificates and content are test ones, put where the site says they are"]
    parts += ["the applications behind the site are played by a second nginx"] if site.proxied else []
    parts += ["the TLS-terminating proxy in front is played by a second nginx"] if site.tls.offloaded else []
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
