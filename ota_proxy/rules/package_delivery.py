"""OTA401 to OTA405, OTA410, OTA411, OTA415: whether the package comes, to HEAD and GET alike, again and again."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.apps.file_kind import Kind, file_kind
from ota_proxy.facts.install import ImageFacts, InstallFacts, PackageFacts, Response, Visit
from ota_proxy.rules.catalogue import remedy_for
from ota_proxy.rules.manifest_delivery import wrong_type
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NotApplicable, NoVerdict
from ota_proxy.rules.support.answers import PACKAGE, Live, each
from ota_proxy.rules.support.evidence import answer, bytes_shown, file_name, proof, request_line
from ota_proxy.rules.support.ownership import internal
from ota_proxy.rules.support.predicates import (
    VALIDATORS,
    WHY,
    delivered,
    end_bytes,
    is_encoded,
    is_html,
    is_rate_limit,
    leaves_https,
    other_validators,
    package_state,
    packages_of,
    unconnected,
    walk,
)
from ota_proxy.rules.support.refusals import failure

_NEVER_SEEN = ("loop", "left-https", "barred")
"""States in which no answer for the package was seen: the transport rules report them."""
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")


def _answered(facts: Facts) -> tuple[PackageFacts, ...]:
    """The packages somebody answered for; NoVerdict where the connection itself fails."""
    packages, install = packages_of(facts), walk(facts)
    unseen = [internal(facts, package.url) or _unseen(package, install) for package in packages]
    good = tuple(package for package, why in zip(packages, unseen, strict=True) if not why)
    if not good:
        raise NoVerdict(f"the package could not be asked for: {unseen[0]}")
    return good


def _unseen(package: PackageFacts, install: InstallFacts) -> str:
    state = package_state(package)
    return WHY[state] if state in _NEVER_SEEN else unconnected(install, package.get.last)


@checks("OTA401")
def package_not_found(facts: Facts) -> Iterator[Finding]:
    """404, 410, 5xx and every other error that is no question for a login; or a connection without an answer."""
    for package in _answered(facts):
        state, visit = package_state(package), package.get
        name = file_name(package.url)
        if state == "not-found":
            message = f"The package {name} is answered with {visit.status}"
            if is_rate_limit(visit):
                message += ": the server limits how often it may be asked"
            evidence = proof(visit.last, "content-type?", "location?", "cf-mitigated?", "retry-after?")
            yield Finding(visit.last.url, message, evidence, remedy=remedy_for("OTA401", failure(visit)))
        elif state == "no-answer":
            message = f"The server takes the connection and gives no answer for the package {name}"
            yield Finding(visit.last.url, message, proof(visit.last), remedy=remedy_for("OTA401", "failing"))


@checks("OTA402")
def package_unauthorized(facts: Facts) -> Iterator[Finding]:
    """401, 403 or a login page; the download has no password, and a prompt for one is disputed."""
    for package in _answered(facts):
        visit = package.get
        if package_state(package) == "refused":
            how = f"answers {visit.status}" if visit.status >= 400 else "leads to a login page"
            message = f"The package {file_name(package.url)} {how}, and the device brings no cookies and no password"
            message += "; whether it asks for one is disputed" if visit.status == 401 else ""
            yield Finding(visit.last.url, message, proof(visit.last, "www-authenticate?", "content-type?"))


_HEAD_DISPUTED = "reports of installs that stop there exist, others were observed to go on"


@checks("OTA403")
def package_head_refused(facts: Facts) -> Iterator[Finding]:
    """The device asks the size with HEAD first; whether a failure stops it is disputed, so it is an error here."""
    for package in delivered(facts):
        head = package.head
        if head.response is None:
            yield Finding(head.last.url, f"HEAD gets no answer where GET works; {_HEAD_DISPUTED}", _both(package))
        elif not head.ok and not is_rate_limit(head) and not leaves_https(head):
            message = f"HEAD is answered {head.status} where GET works; {_HEAD_DISPUTED}"
            yield Finding(head.last.url, message, _both(package))


def _both(package: PackageFacts) -> str:
    return f"{proof(package.head.last, 'allow?')}\n{proof(package.get.last)}"


@checks("OTA404")
def package_single_use(facts: Facts) -> Iterator[Finding]:
    """GET, ranged GET, second GET: the last one fails where the first succeeded, other than by a rate limit."""
    for package in _answered(facts):
        failed = package.second
        if package.get.ok and _refused(failed):
            message = f"The package's address stops working: GET is answered {failed.status} after an earlier success"
            asked = (package.head, package.get, package.ranged, failed)
            evidence = "\n".join(f"{request_line(visit.last)} → {answer(visit.last)}" for visit in asked)
            yield Finding(package.url, message, evidence)


def _refused(visit: Visit) -> bool:
    return visit.status >= 400 and not is_rate_limit(visit)


@checks("OTA405")
def package_not_zip(facts: Facts) -> Iterator[Finding]:
    """The bytes are no ZIP archive; the device feeds them to its unpacker whatever the type says (observed behaviour)."""
    for package in _answered(facts):
        response = package.get.response
        if package_state(package) == "not-zip" and response is not None:
            kind = _kind(package, response)
            message = f"The package {file_name(package.url)} is {kind.words}"
            evidence = f"{proof(package.get.last, 'content-type')}\nfirst bytes: {bytes_shown(response.body)}"
            yield Finding(package.get.last.url, message, evidence, remedy=remedy_for("OTA405", kind.cause))


def _kind(package: PackageFacts, response: Response) -> Kind:
    """What the bytes are instead of an archive."""
    if not response.received:
        return Kind("empty", "empty")
    if is_html(response):
        return Kind("a web page", "page")
    return file_kind(response.body, end_bytes(package)) or Kind("not an archive", "unknown")


@checks("OTA410")
def package_head_get_disagree(facts: Facts) -> Iterator[Finding]:
    """HEAD must say what GET says (RFC 9110 §9.3.2); validators that change from one GET to the next are OTA414's."""
    seen = False
    for package in delivered(facts):
        head, get = package.head.response, package.get.response
        if head is None or get is None or not package.head.ok or is_encoded(head) or is_encoded(get):
            continue
        seen = True
        names = [name for name in _COMPARED if not _same(name, head, get) and _steady(name, package)]
        if head.status != get.status or names:
            told = ", ".join(names) or f"status ({head.status} and {get.status})"
            message = f"HEAD and GET of the package disagree in {told}"
            yield Finding(
                package.url, message, f"{proof(package.head.last, *names)}\n{proof(package.get.last, *names)}"
            )
    if not seen:
        raise NoVerdict("HEAD and GET did not both bring an answer to compare")


_COMPARED = ("content-length", "content-type", *VALIDATORS)


def _same(name: str, one: Response, other: Response) -> bool:
    return one.header(name) == other.header(name)


def _steady(name: str, package: PackageFacts) -> bool:
    """A validator, or a length, that is the same in every answer to GET."""
    get, second = package.get.response, package.second.response
    if name in VALIDATORS:
        return name not in other_validators(package)[1]
    return get is None or second is None or not package.second.ok or _same(name, get, second)


@checks("OTA411", "live", "files")
def package_wrong_type(facts: Facts) -> Iterator[Finding]:
    """Apple documents application/octet-stream; the type is observed not to be examined, so this is a warning."""
    return each(facts, _archives, PACKAGE, lambda seen: wrong_type(seen, "package"))


def _archives(facts: Facts) -> Iterator[Live]:
    return (Live(package.get.last) for package in delivered(facts))


@checks("OTA415")
def icon_missing(facts: Facts) -> Iterator[Finding]:
    """A display image that is not there leaves a blank icon; it does not stop an install."""
    images = [image for image in walk(facts).images if not internal(facts, image.url)]  # those are OTA313's
    if not images:
        raise NotApplicable("the manifest names no image, or none with an address that can be asked for")
    for image in images:
        why = _no_image(image)
        if why:
            yield Finding(image.url, f"The {image.kind} {why}", proof(image.visit.last, "content-type"))


def _no_image(image: ImageFacts) -> str:
    response = image.visit.response
    if response is None:
        return "gives no answer"
    if not image.visit.ok:
        return f"is answered with {response.status}"
    if response.body:
        return "" if response.body.startswith(_IMAGES) else "is not an image"
    return "" if response.media_type.startswith("image/") else "is empty"
