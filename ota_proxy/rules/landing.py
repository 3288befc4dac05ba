"""OTA108, OTA111 to OTA113, OTA115: what the landing page says, to whom it is shown, and its links where it is an AMP page."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.facts.install import InAppFacts, InstallFacts, LinkFacts, PackageFacts, PageFacts, TabletFacts, Visit
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.evidence import answer, file_name, proof, request_line
from ota_proxy.rules.support.predicates import is_private_address, is_private_name, page_of, walk

_AMP_TARGETS = frozenset({"", "_blank", "_self", "_top"})
"""What the AMP validator lets the target of an anchor be (amphtml, validator-main.protoascii)."""


def _with_links(facts: Facts) -> PageFacts:
    page = page_of(facts)
    if not page.visit.ok or not (page.links or any(frame.links for frame in page.frames)):
        raise NotApplicable("there is no landing page with an install link")
    return page


@checks("OTA108")
def page_no_inapp_guidance(facts: Facts) -> Iterator[Finding]:
    """Browsers inside other apps do not pass itms-services on (reported by users): the page has to say "open in Safari" there."""
    page = _with_links(facts)
    if not page.in_app:
        raise NoVerdict("the page was not asked for as the browsers inside other apps")
    heard = [view for view in page.in_app if view.visit.response is not None]
    silent = [view for view in heard if not (view.guidance and view.visit.ok)]
    known = [view for view in silent if not (view.visit.ok and view.outside_scripts)]
    if known:
        yield _no_guidance(page, known, len(page.in_app))
    elif silent:
        raise NoVerdict(
            f"no word of Safari as delivered to {_names(silent)}; the page's scripts may say it, they were not run"
        )
    elif not heard:
        raise NoVerdict("the page gave no answer to the browsers inside other apps")


def _no_guidance(page: PageFacts, views: list[InAppFacts], asked: int) -> Finding:
    first = views[0].visit.last
    who = "every browser inside another app" if len(views) == asked else f"the browser inside {_names(views)}"
    refused = "" if views[0].visit.ok else f" ({answer(first)})"
    agent = next(value for name, value in first.request_headers if name.lower() == "user-agent")
    evidence = f'{proof(first, "content-type")}\nUser-Agent: {agent}\nno words such as "open in Safari" in the answer'
    return Finding(page.visit.last.url, f'The page does not say "open in Safari" to {who}{refused}', evidence)


def _names(views: list[InAppFacts]) -> str:
    return ", ".join(view.name for view in views)


def _builds(install: InstallFacts, kind: str) -> list[PackageFacts]:
    """Return the packages whose app has a profile of a kind; NoVerdict where no package could be looked into."""
    read = [package for package in install.packages if package.app and package.app.app and package.app.app.profile]
    if not read:
        raise NoVerdict("what kind of build it is could not be read from the package")
    return [package for package in read if _kind(package) == kind]


def _kind(package: PackageFacts) -> str:
    profile = package.app.app.profile if package.app and package.app.app else None
    return profile.kind if profile else ""


@checks("OTA111")
def page_public_inhouse_build(facts: Facts) -> Iterator[Finding]:
    """An in-house build is for a company's own people (Apple's enterprise agreement, as quoted by users); search engines show it to all."""
    page, install = _with_links(facts), walk(facts)
    if install.private_allowed or is_private_address(install.host) or is_private_name(install.host):
        raise NotApplicable("the host is in a private network")
    builds = _builds(install, "in-house")
    if builds and not _kept_out(page):
        message = f"{file_name(builds[0].url)} is an in-house build, and anyone may open this page; search engines may list it"
        evidence = f"{proof(page.visit.last, 'x-robots-tag')}\n(no robots meta element with noindex)"
        yield Finding(page.visit.last.url, message, evidence)


def _kept_out(page: PageFacts) -> bool:
    return page.noindex or _robots_header(page.visit)


def _robots_header(visit: Visit) -> bool:
    """A name before a colon is a single crawler's; `none` is noindex and nofollow (Google's description of X-Robots-Tag)."""
    values = visit.response.headers_all("x-robots-tag") if visit.response else ()
    words = {word.strip().lower() for value in values for word in value.split(",")}
    return bool(words & {"noindex", "none"})


@checks("OTA112")
def page_amp_invalid(facts: Facts) -> Iterator[Finding]:
    """AMP allows itms-services in an anchor with target _blank, _self or _top; AMP for Email allows no such link (amphtml's validator)."""
    page = page_of(facts)
    if not page.amp:
        raise NotApplicable("the page is not an AMP page")
    for link in page.links:
        problem = _amp_problem(page, link)
        if problem:
            yield Finding(
                page.visit.last.url,
                f"This is an AMP page, and {problem}",
                f"{request_line(page.visit.last)}\n{link.text}",
            )
            return


def _amp_problem(page: PageFacts, link: LinkFacts) -> str:
    if page.amp == "amp4email":
        return "AMP for Email allows http, https and mailto links only"
    if link.context == "html-attribute" and link.target.lower() not in _AMP_TARGETS:
        return f'the link\'s target="{link.target}" is not one that AMP allows'
    if link.context == "script":
        return "its link stands in a script, which AMP does not run"
    return ""


_HELP = {
    "in-house": (
        ("trust", "trusting the developer in Settings"),
        ("restart", "the restart that iOS 18 and newer want"),
    ),
    "ad-hoc": (("developer-mode", "Developer Mode"),),
}


@checks("OTA113")
def page_no_trust_help(facts: Facts) -> Iterator[Finding]:
    """In-house builds want trust, since iOS 18 with a restart (Apple's deployment guide); ad hoc builds Developer Mode (reported)."""
    page, install = _with_links(facts), walk(facts)
    for kind, wanted in _HELP.items():
        builds = _builds(install, kind)
        lacks = [words for topic, words in wanted if topic not in page.topics]
        if not builds or not lacks:
            continue
        if page.outside_scripts:
            raise NoVerdict(f"no word of {lacks[0]} as delivered; the page's scripts may say it, they were not run")
        message = f"The build is {kind}, and the page does not speak of {' and '.join(lacks)}"
        yield Finding(
            page.visit.last.url, message, f"{request_line(page.visit.last)}\n{file_name(builds[0].url)}: {kind}"
        )


@checks("OTA115")
def page_hides_link_from_ipad(facts: Facts) -> Iterator[Finding]:
    """Safari on an iPad asks for desktop sites by default (Apple, iPadOS 13): its user agent says Macintosh, and iPad nowhere."""
    page = _with_links(facts)
    seen = page.tablet
    if seen is None:
        raise NoVerdict("the page was not asked for as an iPad does")
    views = {view.device: view for view in page.views if view.engine and not view.problem}
    shown = views.get("iPad")
    if seen.links or (shown and shown.links):
        return
    if seen.visit.response is None:
        raise NoVerdict("the page gave no answer to an iPad")
    if any(link.context != "browser" for link in page.links) or page.frames or not seen.visit.ok:
        yield from _hidden(page, seen, run=shown is not None)
    elif shown is None:
        raise NoVerdict("the page's scripts make the link, and they were not run as on an iPad")
    else:
        message = (
            f"Run as on an iPad, the page's scripts make no install link; as on an iPhone they do ({shown.engine})"
        )
        yield _for_ipad(page, seen, message)


def _hidden(page: PageFacts, seen: TabletFacts, *, run: bool) -> Iterator[Finding]:
    last = seen.visit.last
    if seen.visit.ok and seen.made and not run:
        raise NoVerdict("what an iPad gets makes its link by a script, which was not run")
    what = "shows no install link" if seen.visit.ok else f"is answered with {answer(last)}"
    if len(seen.visit.hops) > 1 and last.url != page.visit.last.url:
        what = f"leads to {last.url}, which {what}"
    yield _for_ipad(
        page, seen, f"The page {what} to an iPad, which asks as a desktop computer; an iPhone gets the link"
    )


def _for_ipad(page: PageFacts, seen: TabletFacts, message: str) -> Finding:
    agent = next(value for name, value in seen.visit.first.request_headers if name.lower() == "user-agent")
    return Finding(
        page.visit.last.url, message, f"{proof(seen.visit.last, 'vary?', 'content-type')}\nUser-Agent: {agent}"
    )
