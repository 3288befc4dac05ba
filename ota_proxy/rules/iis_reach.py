"""Where a rule about IIS files has to hold, and how a finding points at a line.

With OTA files in the tree a rule is about those. Without them nobody knows where builds will lie: then it is a finding only
where it is true of every path that could host them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ota_proxy.facts.configuration import IisFacts, PathFacts
from ota_proxy.rules.model import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.servers.text import Span

MANIFEST = (".plist",)
PACKAGE = (".ipa",)
Problem = Callable[[PathFacts], Finding | None]


def iis(facts: Facts) -> IisFacts:
    """Return the configuration; NotApplicable where none was read."""
    if facts.config is None:
        raise NotApplicable("no configuration file was looked at")
    return facts.config


def readable(facts: Facts) -> IisFacts:
    """Return the configuration; NoVerdict where a file of it is not XML, so that what it says is not known."""
    found = iis(facts)
    if found.unread:
        raise NoVerdict(
            found.unreadable[0] if found.unreadable else f"{', '.join(found.unread)} cannot be read (OTA619)"
        )
    return found


def point(at: Span, message: str, *, found: IisFacts, evidence: str = "", subject: str = "") -> Finding:
    """Return a finding at a line; a default of IIS stands in no file, so it points at the beginning of the outermost web.config.

    NoVerdict for a default that a web.config may change, where none was looked at.
    """
    if not at.line:
        see_site(found)
    here = at if at.line else found.root_line()
    shown = evidence or found.text(at) or ("a default of IIS 10" if not at.line else "")
    return Finding(subject or here.file, message, shown, span=here)


def absent(found: IisFacts, message: str, evidence: str = "") -> Finding:
    """Return a finding about what stands nowhere; NoVerdict where files that may hold it were not looked at."""
    see_site(found)
    return point(found.root_line(), message, found=found, evidence=evidence)


def see_site(found: IisFacts) -> None:
    """Raise NoVerdict where the site's web.config files were not looked at."""
    if not found.site_known:
        raise NoVerdict("the site's web.config was not looked at: lint its folder, with this file as --apphost")


def hosting(found: IisFacts, extensions: tuple[str, ...]) -> list[PathFacts]:
    """Return the paths that may host files of these extensions: location tags for such a file, else where one has a type, else all."""
    named = [one for one in found.paths if one.path.endswith(extensions)]
    mapped = [one for one in found.paths if any(extension in one.types for extension in extensions)]
    return named or mapped or list(found.paths)


def affected(found: IisFacts, extensions: tuple[str, ...], problem: Problem) -> Iterator[Finding]:
    """Yield what is wrong for OTA files of the tree, each once; without any, what is wrong wherever they could lie."""
    names = list(found.named(extensions))
    if not names:
        problems = [problem(one) for one in hosting(found, extensions)]
        if problems and all(problems):
            yield from problems[:1]  # type: ignore[misc]  # none of them is None
        return
    seen: set[tuple[str, int, str]] = set()
    for name in names:
        finding = problem(found.at(name))
        if finding is not None and (finding.span.file, finding.span.line, finding.message) not in seen:
            seen.add((finding.span.file, finding.span.line, finding.message))
            yield finding
