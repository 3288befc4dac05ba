"""OTA406 to OTA409, OTA414: whether a download that stops can go on: ranges, lengths, encodings, validators (RFC 9110 §14, §13.1.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from ota_proxy.facts.install import Exchange, PackageFacts, Response, Visit
from ota_proxy.numbers import content_range, seconds
from ota_proxy.rules.manifest_delivery import cache_control
from ota_proxy.rules.registry import checks
from ota_proxy.rules.rule import Facts, Finding, NoVerdict
from ota_proxy.rules.support.evidence import bytes_shown, file_name, proof
from ota_proxy.rules.support.predicates import delivered, is_encoded, is_rate_limit, other_validators

_ASKED = re.compile(r"bytes=(\d*)-(\d*)")
_LONG = 86_400  # seconds; a name that is used again within a day is the usual case for builds
_UNIQUE = re.compile(r"(?i)\d+\.\d+|(?=[0-9a-f]*\d)[0-9a-f]{7,}|\d{4,}|[_-](?:build|b|v|r)?\d+\b")
"""What makes a name one build's own: a version, a hash, a date or number."""
_COUNTED = re.compile(r"(?i)(?:build|rev|b|r)?\d+")
"""A folder or a value of the query that is a build's number and nothing else; `v1` is an interface's version as often."""
_RANDOM = re.compile(
    r"(?=.*[A-Za-z_-]\d+[A-Za-z]|.*\d[A-Za-z_-]+\d)[\w-]{8,}"  # letters and digits take turns
    r"|(?=.*[a-z][A-Z].*[a-z][A-Z])(?=.*[A-Z]{2})[A-Za-z_-]{16,}"  # or large and small letters, as in no name
)
"""A folder or a value that somebody's random numbers made."""


@checks("OTA406")
def package_no_range(facts: Facts) -> Iterator[Finding]:
    """A range answered with the whole file: after a pause the download starts over (observed behaviour)."""
    for package in delivered(facts):
        visit = next((visit for visit in (package.ranged, package.tail) if _whole(visit)), None)
        if visit is not None:
            message = (
                f"A range of {file_name(package.url)} is answered with the whole file (200): downloads cannot resume"
            )
            yield Finding(
                visit.last.url, message, proof(visit.last, "accept-ranges", "content-length", "content-encoding?")
            )
    _seen(facts, "ranged")


def _whole(visit: Visit) -> bool:
    """An encoded answer is OTA409's, whose cure brings the ranges back."""
    return visit.status == 200 and not visit.stopped and not is_encoded(visit.response)


def _seen(facts: Facts, step: str) -> None:
    """NoVerdict where a visit brought no answer in any package."""
    for package in delivered(facts):
        visit: Visit = getattr(package, step)
        if visit.response is None:
            why = visit.error.message if visit.error else "no answer"
            raise NoVerdict(f"the request for a range was not answered: {why}")
        if visit.status >= 400:
            raise NoVerdict(f"the request for a range is answered with {visit.status}")


@checks("OTA407")
def package_range_broken(facts: Facts) -> Iterator[Finding]:
    """A range that comes wrong, or a resume that the server's own validator does not bring."""
    for package in delivered(facts):
        for visit, why in _broken(package):
            evidence = proof(visit.last, "content-range", "content-length?", "content-type?", "etag?", "last-modified?")
            yield Finding(visit.last.url, f"A range of {file_name(package.url)} {why}", evidence)
            break
    _seen(facts, "ranged")


def _broken(package: PackageFacts) -> Iterator[tuple[Visit, str]]:
    """Every visit whose range is wrong, and how; a refusal that a later GET shares is OTA404's, a plain 200 is OTA406's."""
    for visit in (package.ranged, package.tail, package.end):
        why = (_refusal(visit, package) or _wrong_range(visit.last, package)) if visit else ""
        if visit and why:
            yield visit, why
    resumed = package.resumed
    if resumed is None or is_encoded(resumed.response) or package.ranged.status != 206:
        return
    if resumed.status == 200:
        yield resumed, "is not resumed with the server's own validator: If-Range brings the whole file"
    else:
        why = _refusal(resumed, package) or _wrong_range(resumed.last, package)
        if why:
            yield resumed, why


def _refusal(visit: Visit, package: PackageFacts) -> str:
    if visit.status < 400 or is_rate_limit(visit):
        return ""
    if visit.status == 416:
        return "is refused (416) although it lies inside the file"
    return "" if not package.second.ok else f"is answered with {visit.status}"


def _wrong_range(hop: Exchange, package: PackageFacts) -> str:
    """Say what is wrong with a 206: its Content-Range, its length or its bytes."""
    response = hop.response
    if response is None or response.status != 206 or is_encoded(response):
        return ""
    if response.media_type == "multipart/byteranges":
        return "comes as multipart, although one range was asked for"
    given = content_range(response.header("content-range") or "")
    if given is None:
        return "has no Content-Range that can be read"
    first, last, size = given
    if (first, last) != _wanted(hop, package.size, (first, last)):
        return f"is another one than asked for: bytes {first}-{last}"
    if size is not None and package.size is not None and size != package.size:
        return f"names another size ({size}) than the whole file has ({package.size})"
    return _wrong_bytes(response, package, first, last)


def _wanted(hop: Exchange, size: int | None, given: tuple[int, int]) -> tuple[int, int]:
    """The range a request asked for, cut to the file; parts that cannot be known are taken as given."""
    asked = next((value for name, value in hop.request_headers if name.lower() == "range"), "")
    match = _ASKED.fullmatch(asked.strip())
    end = size - 1 if size is not None else given[1]
    if match is None or (not match[1] and size is None):
        return given
    if not match[1]:
        return max(0, end + 1 - int(match[2])), end
    return int(match[1]), min(int(match[2]), end) if match[2] else end


def _wrong_bytes(response: Response, package: PackageFacts, first: int, last: int) -> str:
    count = last - first + 1
    if response.length is not None and response.length != count:
        return f"declares {response.length} bytes where its Content-Range has {count}"
    if response.complete and not response.truncated and response.received != count:
        return f"brings {response.received} bytes where its Content-Range has {count}"
    at = _first_difference(response.body, first, package)
    if at is not None:
        shown = bytes_shown(response.body[at - first :], 8)
        return f"brings other bytes than the whole file has at {at}: {shown}"
    return ""


def _first_difference(body: bytes, first: int, package: PackageFacts) -> int | None:
    """Return the first place in the file where a part differs from what the plain GET brought there; None if none is known to."""
    known = [(package.range_asked[0], package.reference)]
    if package.size is not None:
        known.append((package.size - len(package.tail_reference), package.tail_reference))
    for start, data in known:
        begin, end = max(start, first), min(start + len(data), first + len(body))
        mine, theirs = body[begin - first : end - first], data[begin - start : end - start]
        if begin < end and mine != theirs:
            return begin + next(
                index for index, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1]
            )
    return None


@checks("OTA408")
def package_no_length(facts: Facts) -> Iterator[Finding]:
    """Without Content-Length the size is unknown: the icon stays on Waiting (one report; not fatal by observation)."""
    for package in delivered(facts):
        response = package.get.response
        if response is None or is_encoded(response) or response.header("content-length") is not None:
            continue
        message = f"The package {file_name(package.url)} comes without Content-Length"
        yield Finding(package.get.last.url, message, proof(package.get.last, "content-length", "transfer-encoding?"))


@checks("OTA409")
def package_encoded(facts: Facts) -> Iterator[Finding]:
    """A package is compressed already; encoding it again drops length and ranges."""
    for package in delivered(facts):
        asked = (package.get, package.head, package.compressed, package.compressed_head, package.ranged)
        visit = next((visit for visit in asked if visit is not None and is_encoded(visit.response)), None)
        if visit is not None:
            value = visit.response.header("content-encoding") if visit.response else ""
            message = f"The package {file_name(package.url)} is sent with Content-Encoding: {value}"
            yield Finding(
                visit.last.url, message, proof(visit.last, "content-encoding", "content-length", "accept-ranges?")
            )


@checks("OTA414")
def package_replaced_in_place(facts: Facts) -> Iterator[Finding]:
    """One name, several files: caches keep the old one, and validators that change stop a resume."""
    for package in delivered(facts):
        get = package.get.response
        if get is None:
            continue
        other, changed = other_validators(package)
        if other is not None:
            message = f"Two requests for {file_name(package.url)} bring different validators ({', '.join(changed)})"
            yield Finding(package.url, message, f"{proof(package.get.last, *changed)}\n{proof(other.last, *changed)}")
        elif _kept_long(get) and not _is_unique(package.url):
            message = (
                f"Caches may keep {file_name(package.url)} for long, and its name does not tell one build from the next"
            )
            yield Finding(package.url, message, proof(package.get.last, "cache-control"))


def _is_unique(url: str) -> bool:
    """Say whether a URL is one build's own: caches know a file by path and query (RFC 9111 §2), so a folder or a value of the query will do."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    folders, _, name = unquote(parts.path).rpartition("/")
    values = [value for _, value in parse_qsl(parts.query)] or [parts.query]
    further = [part for part in (*folders.split("/"), *values) if part]
    told = any(_UNIQUE.search(part) or _COUNTED.fullmatch(part) or _RANDOM.fullmatch(part) for part in further)
    return bool(_UNIQUE.search(name)) or told


def _kept_long(response: Response) -> bool:
    rules = cache_control(response.headers_all("cache-control"))
    if {"no-store", "no-cache"} & rules.keys():
        return False
    age = seconds(rules.get("s-maxage", rules.get("max-age", "")))
    return "immutable" in rules or (age is not None and age > _LONG)
