"""OTA1xx: the itms-services link and the page it stands on, before anything is asked of the server."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.apps.page_reader import CUT
from ota_proxy.facts.install import InstallFacts, LinkFacts, PageFacts, PartFacts, ViewFacts, Visit
from ota_proxy.rules.catalogue import remedy_for
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.evidence import answer, bytes_shown, proof, request_line
from ota_proxy.rules.support.predicates import (
    is_login,
    is_rate_limit,
    leaves_https,
    location_of,
    page_of,
    unconnected,
    walk,
)

_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_MOST_REFUSALS = 5
_MORE_SPECIFIC = frozenset({"not-encoded", "amp-outside-html", "double-escaped", "slashes-lost"})
"""Problems that leave a link without a usable `url`, so that it also looks malformed."""


def _links(facts: Facts) -> tuple[LinkFacts, ...]:
    install = walk(facts)
    given = (install.link,) if install.link else ()
    shown = (*install.page.links, *_framed(install.page)) if install.page else ()
    if not given and not shown:
        raise NotApplicable("no install link was part of the walk")
    return tuple({(link.text, link.context): link for link in (*given, *shown)}.values())


def _framed(page: PageFacts) -> tuple[LinkFacts, ...]:
    return tuple(link for frame in page.frames for link in frame.links)


def _with(
    facts: Facts, rule_id: str, problem: str, message: str, explained_by: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Yield a finding for every link with the problem, unless one of `explained_by` says it better."""
    for link in _links(facts):
        if problem in link.problems and not explained_by & set(link.problems):
            detail = f": {link.detail}" if link.detail else ""
            evidence = f"found in {_PLACES[link.context]}: {link.text}"
            yield Finding(link.text, message + detail, evidence, remedy=remedy_for(rule_id, link.cause))


_PLACES = {
    "html-attribute": "an HTML attribute",
    "script": "a script",
    "text": "plain text",
    "qr": "a QR code",
    "redirect": "a Location header",
    "given": "the link as given",
    "browser": "what a browser was sent to when the page's scripts ran",
}


@checks("OTA101")
def link_not_encoded(facts: Facts) -> Iterator[Finding]:
    """Exactly one percent-decoding of `url` must give a valid URL (observed behaviour)."""
    yield from _with(facts, "OTA101", "not-encoded", "The link's url is not a valid URL after one percent-decoding")


@checks("OTA102")
def link_amp_outside_html(facts: Facts) -> Iterator[Finding]:
    """Outside HTML and XML nobody decodes `&amp;`: the parameter is then called `amp;url`."""
    yield from _with(facts, "OTA102", "amp-outside-html", "The link has &amp; where nothing decodes it")


@checks("OTA103")
def link_double_escaped(facts: Facts) -> Iterator[Finding]:
    """One entity decoding must leave a plain `&`."""
    yield from _with(facts, "OTA103", "double-escaped", "The link is escaped twice: after decoding it still has &amp;")


@checks("OTA104")
def link_slashes_lost(facts: Facts) -> Iterator[Finding]:
    """`itms-services:?…` is not understood; two or three slashes are (reported by users)."""
    yield from _with(facts, "OTA104", "slashes-lost", "The link has lost the slashes after itms-services:")


@checks("OTA105")
def link_malformed(facts: Facts) -> Iterator[Finding]:
    """`action` must be download-manifest and `url` present; not said again of a link whose encoding explains it."""
    yield from _with(facts, "OTA105", "malformed", "The link is malformed", _MORE_SPECIFIC)


@checks("OTA106")
def link_manifest_not_https(facts: Facts) -> Iterator[Finding]:
    """iOS refuses a manifest over http since 7.1 (Apple)."""
    install = walk(facts)
    urls = [link.manifest_url for link in (install.link, *(install.page.links if install.page else ())) if link]
    urls += [install.manifest.url] if install.manifest else []
    for url in dict.fromkeys(urls):
        if url.lower().startswith("http:"):
            yield Finding(url, "The manifest's URL is http; iOS takes manifests over https only", f"url={url}")


@checks("OTA107")
def link_framed(facts: Facts) -> Iterator[Finding]:
    """In a frame of Safari the tap does nothing (one report); target="_top" or a page that cannot be framed avoids it."""
    page = page_of(facts)
    for frame in page.frames:
        if any(link.context == "html-attribute" and link.target.lower() != "_top" for link in frame.links):
            message = (
                'The page shows its install link in a frame, without target="_top"; in a frame the tap does nothing'
            )
            yield Finding(page.visit.last.url, message, f"{request_line(page.visit.last)}\nframe: {frame.url}")
            return
    if not page.links:
        raise NotApplicable("the page has no install link of its own")
    if _frames_refused(page):
        return
    for link in page.links:
        if link.context == "html-attribute" and link.target.lower() != "_top":
            yield Finding(
                page.visit.last.url,
                'The page may be shown in a frame, and its install link has no target="_top"; in a frame the tap does nothing',
                proof(page.visit.last, "content-security-policy", "x-frame-options"),
            )
            return


def _frames_refused(page: PageFacts) -> bool:
    """CSP frame-ancestors decides where it is there (CSP level 3 §6.4.2), else X-Frame-Options (RFC 7034)."""
    response = page.visit.response
    policies = response.headers_all("content-security-policy") if response else ()
    directives = [words for policy in policies for part in policy.split(";") if (words := part.lower().split())]
    ancestors = [words[1:] for words in directives if words[0] == "frame-ancestors"]
    if ancestors:
        return all(not {"*", "http:", "https:"} & set(sources) for sources in ancestors)
    old = (response.header("x-frame-options") or "") if response else ""
    return old.strip().lower() in {"deny", "sameorigin"}


@checks("OTA109")
def page_direct_ipa_link(facts: Facts) -> Iterator[Finding]:
    """Safari saves an .ipa as a file; only a manifest installs it."""
    page = page_of(facts)
    if page.package_links and not page.links and not _framed(page):
        yield Finding(
            page.visit.last.url,
            "The page links the package itself and no manifest: Safari saves the file instead of installing it",
            f'href="{page.package_links[0]}"',
        )


@checks("OTA110")
def page_wrong_type(facts: Facts) -> Iterator[Finding]:
    """A page that is not text/html (or XHTML) is downloaded or shown as text."""
    page = page_of(facts)
    response = page.visit.response
    if not page.visit.ok or response is None:
        raise NoVerdict(f"the landing page was not delivered ({answer(page.visit.last)})")
    if page.undecodable:
        message = f"Safari cannot show the landing page: {page.undecodable}"
        evidence = f"{proof(page.visit.last, 'content-encoding')}\nfirst bytes: {bytes_shown(response.body)}"
        yield Finding(page.visit.last.url, message, evidence, remedy=remedy_for("OTA110", "undecodable"))
        return
    if response.media_type not in _PAGE_TYPES and len(response.headers_all("content-type")) < 2:
        shown = response.media_type or "no Content-Type"
        message = f"The landing page comes as {shown}: Safari does not show it as a page"
        yield Finding(page.visit.last.url, message, proof(page.visit.last, "content-type"))
    for part in page.parts:
        yield from _part(part)


def _part(part: PartFacts) -> Iterator[Finding]:
    """Stylesheets and SVG images count by their type, other images by their bytes (WHATWG HTML §4.2.4.3, MIME Sniffing §8.2)."""
    response = part.visit.response
    if response is None or not part.visit.ok or len(response.headers_all("content-type")) > 1:
        return
    kind, shown = response.media_type, response.media_type or "no Content-Type"
    evidence = proof(part.visit.last, "content-type")
    if part.kind == "stylesheet":
        if kind != "text/css":
            message = f"A stylesheet of the landing page comes as {shown}: Safari does not apply it"
            yield Finding(part.url, message, evidence, remedy=remedy_for("OTA110", "part"))
    elif not kind.startswith("image/"):
        drawn = not response.body.lstrip()[:200].lower().startswith((b"<svg", b"<?xml"))
        does = "Safari looks at its bytes, not every browser does" if drawn else "Safari does not show it"
        message = f"An image of the landing page comes as {shown}: {does}"
        yield Finding(
            part.url, message, evidence, remedy=remedy_for("OTA110", "part"), severity="note" if drawn else None
        )


@checks("OTA114")
def page_no_install_link(facts: Facts) -> Iterator[Finding]:
    """A landing page needs an itms-services link that can be tapped; only a page that was read can be said to have none."""
    silent = _silent(walk(facts))
    if silent is not None:
        message = (
            "The server takes the connection and gives no answer for the landing page, so there is no install link"
        )
        yield _without(silent, message, "silent")
        return
    page = page_of(facts)
    if page.links or _framed(page) or (page.visit.ok and page.package_links):
        return
    _read(page)
    if page.visit.stopped == "other-scheme":
        where = location_of(page.visit.last)
        yield _without(page.visit, f"The landing page's address leads out of the browser, to {where}", "elsewhere")
    elif not page.visit.ok:
        does, cause = _NOT_DELIVERED.get(page.visit.status, ("is not delivered", "failing"))
        message = f"The landing page {does} ({answer(page.visit.last)}), so there is no install link"
        yield _without(page.visit, message, cause)
    else:
        yield _no_link(page)


_NONE = "The page has no install link"
_NOT_DELIVERED = {
    403: ("is refused", "refused"),
    404: ("is not there", "absent"),
    410: ("is not there", "absent"),
}


def _read(page: PageFacts) -> None:
    """Raise NoVerdict where the page itself was not seen."""
    visit = page.visit
    if visit.stopped in {"loop", "too-many"}:
        raise NoVerdict("the landing page was not delivered: its redirects never end")
    if leaves_https(visit):
        raise NoVerdict("the landing page was not delivered: a redirect leaves https")
    if is_rate_limit(visit):
        raise NoVerdict(
            f"the landing page was not delivered: the server limits how often it may be asked ({visit.status})"
        )
    if is_login(visit) or page.password:
        raise NoVerdict(f"the landing page asks for a login ({answer(visit.last)}); what is behind it was not read")
    if page.unread or page.undecodable:
        raise NoVerdict(f"the landing page could not be read: {page.unread or page.undecodable}")


def _no_link(page: PageFacts) -> Finding:
    opened = [view for view in page.views if view.engine]
    made = next((link for view in opened for link in view.links), None)
    if made is not None:
        message = (
            f"The page has no install link as delivered, and the one that its script makes is not valid: {made.detail}"
        )
        return _without(page.visit, message, "spoilt", f"{_PLACES[made.context]}: {made.text}")
    if opened and not page.not_run:
        taps = sum(len(view.taps) for view in opened)
        message = (
            f"The page has no install link: none as delivered, and none when {opened[0].engine} ran its scripts as "
            f"{' and '.join(view.device for view in opened)} and {taps} thing{'s' * (taps != 1)} on it were tapped"
        )
        return _without(page.visit, message, "made", *_refusals(opened))
    not_run = f"scripts were not run{f' ({page.not_run})' if page.not_run else ''}"
    if page.made:
        message = f"The page has no install link as delivered: it is made by a script, and {not_run}"
        return _without(page.visit, message, "script", f"in a script: {page.made[:200]}")
    if page.unseen:
        cause = "cut" if page.unseen == CUT else "unseen"
        return _without(page.visit, f"The page's install link {page.unseen}: nobody can tap it", cause)
    if page.scripts:
        message = f"The page has no install link as delivered; its scripts may make one, but {not_run}"
        return _without(page.visit, message, "script")
    empty = page.visit.response is not None and not page.visit.response.body
    said, cause = ("The landing page is empty, so there is no install link", "empty") if empty else (_NONE, "")
    return _without(page.visit, said, cause)


def _refusals(views: list[ViewFacts]) -> list[str]:
    """What the page asked for and did not get, each once."""
    return [f"not loaded: {one}" for one in dict.fromkeys(one for view in views for one in view.refused)][
        :_MOST_REFUSALS
    ]


def _without(visit: Visit, message: str, cause: str = "", *more: str) -> Finding:
    evidence = "\n".join([proof(visit.last, "content-type"), *more])
    return Finding(visit.last.url, message, evidence, remedy=remedy_for("OTA114", cause))


def _silent(install: InstallFacts) -> Visit | None:
    """Return the page's visit where a server was reached and said nothing; what keeps a device from it is the transport rules'."""
    visit = install.page.visit if install.page else None
    return visit if visit and visit.response is None and not unconnected(install, visit.last) else None
