"""What IIS answers to a request, as far as the sections in force for its path tell; nothing here matches requests beyond what is documented."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from ota_proxy.policy.media_types import hosted_types
from ota_proxy.servers.effective import Answer, Header, Reason, Redirect, Refusal, Request, Unknown
from ota_proxy.servers.iis.effective_paths import Entry, PathFacts
from ota_proxy.servers.iis.matching import about_scheme, catches, drops_path, keeps_query
from ota_proxy.servers.text import NOWHERE, Span

_ELSEWHERE: Final = "stands in applicationHost.config: give it with --apphost"
_STS: Final = "strict-transport-security"


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding of the site: `http` or `https` and the port."""

    protocol: str
    port: int | None
    at: Span


@dataclass(frozen=True, slots=True)
class Hsts:
    """The site's own `<hsts>`."""

    enabled: bool
    max_age: int
    subdomains: bool
    preload: bool
    redirects: bool
    at: Span


@dataclass(frozen=True, slots=True)
class Server:
    """What only applicationHost.config says. `known`: a person's was read, so bindings and hsts are the site's own."""

    known: bool
    windows: str
    native_hsts: bool
    header_can_go: bool
    preserves_host: bool
    bindings: tuple[Binding, ...] = ()
    hsts: Hsts | None = None

    def unheard(self, scheme: str) -> str:
        """Say why nothing answers over a scheme, empty if something does or nobody knows."""
        if not self.known or any(one.protocol == scheme for one in self.bindings):
            return ""
        if scheme == "http":
            return "the site has no http binding"
        return "the site has no https binding: TLS ends in front of it" if self.bindings else ""


def at(paths: Sequence[PathFacts], path: str) -> PathFacts:
    """Return what is in force for a URL path: the facts of the nearest path above it."""
    covering = [one for one in paths if f"{path.lower()}/".startswith(f"{one.path.rstrip('/')}/")]
    return max(covering, key=lambda one: len(one.path))


def ask(server: Server, paths: Sequence[PathFacts], request: Request, start: Span) -> Answer:
    """Return the answer to a request; `start` is where what is missing would stand."""
    found = at(paths, request.path)
    headers = tuple(_headers(server, found, request))
    redirects = tuple(_redirects(server, found, request)) if request.scheme == "http" else ()
    http = next((one.at for one in server.bindings if one.protocol == request.scheme), NOWHERE)
    return Answer(
        request,
        status=None if redirects or not server.known else 403 if found.needs_tls and request.scheme == "http" else 200,
        headers=headers,
        silent=tuple(_silent(found)),
        refused=tuple(_refused(paths, found, request, start)),
        redirects=redirects,
        listing=Reason("", found.listing) if found.listing else None,
        page=_page(found, request),
        decided=Reason("", http),
        unheard=server.unheard(request.scheme),
        unknown=tuple(_unknown(server, request, headers, redirects)),
    )


def _unknown(
    server: Server, request: Request, headers: tuple[Header, ...], redirects: tuple[Redirect, ...]
) -> Iterator[Unknown]:
    if server.known:
        return
    if request.scheme == "http" and not redirects:
        why = f"no redirect here; whether the site has an http binding or redirects by <hsts> {_ELSEWHERE}"
        yield Unknown("location", Reason(why))
    if request.scheme == "https" and server.native_hsts and not any(one.name == _STS for one in headers):
        yield Unknown(_STS, Reason(f"nothing here sends HSTS; whether the site has <hsts> {_ELSEWHERE}"))


# -- headers -------------------------------------------------------------------------------------------------------------


def _headers(server: Server, path: PathFacts, request: Request) -> Iterator[Header]:
    extension = _extension(request)
    entry = path.types.get(extension)
    if entry is not None:
        yield Header("content-type", entry.value, Reason("", entry.at))
    yield from _caching(path)
    yield from (Header(one.name.lower(), one.value, Reason("", one.at)) for one in path.headers)
    written = [one for one in path.outbound if request.scheme == "https" or not about_scheme(one.conditions)]
    for one in written:
        if one.value:
            yield Header(_header(one.variable), one.value, Reason("", one.at))
    if request.scheme == "https" and server.hsts is not None and server.hsts.enabled:
        words = ["includeSubDomains"] * server.hsts.subdomains + ["preload"] * server.hsts.preload
        yield Header(_STS, "; ".join((f"max-age={server.hsts.max_age}", *words)), Reason("", server.hsts.at))
    if request.compressed:
        yield from _encoding(path, extension, entry)
    removed = path.server_header_removed and server.header_can_go
    if not removed and not any(_header(one.variable) == "server" for one in written):
        yield Header("server", "Microsoft-IIS/10.0", _own_name(server))


def _own_name(server: Server) -> Reason:
    if server.header_can_go:
        return Reason("removeServerHeader is false", text="a default of IIS 10", absent=True)
    return Reason(f"no setting takes the Server header away on Windows {server.windows}", fixed=True)


def _caching(path: PathFacts) -> Iterator[Header]:
    reason = Reason("", path.cache_at or NOWHERE)
    if path.cache_mode == "DisableCache":
        yield Header("cache-control", "no-cache", reason)
    elif path.cache_mode == "UseMaxAge":
        yield Header("cache-control", f"max-age={path.cache_seconds}", reason)
    elif path.cache_mode == "UseExpires":
        yield Header("expires", path.cache_expires, reason)
    if path.cache_custom:
        yield Header("cache-control", path.cache_custom, reason)


def _silent(path: PathFacts) -> Iterator[Header]:
    if path.cache_mode == "NoControl" and path.cache_at is not None:
        yield Header("cache-control", "", Reason("cacheControlMode is NoControl", path.cache_at))


def _header(variable: str) -> str:
    """Return the response header that an outbound rule writes, in lower case."""
    return variable.lower().removeprefix("response_").replace("_", "-")


def _encoding(path: PathFacts, extension: str, entry: Entry | None) -> Iterator[Header]:
    """Judge the type that the extension has, or ought to have where it has none yet."""
    media_type = entry.value if entry else hosted_types().get(extension, "")
    chosen = _first_match(path.static_types, media_type) if path.compresses[0] else None
    if chosen is not None and chosen.on:
        why = f"{extension} is {media_type}, which static compression covers ({chosen.name})"
        yield Header("content-encoding", "gzip", Reason(why, chosen.at))


def _first_match(types: tuple[Entry, ...], media_type: str) -> Entry | None:
    """Return the entry for a type: exact before `text/*` before `*/*`; a `;` begins parameters that do not count."""
    bare = media_type.partition(";")[0].strip().lower()
    exact = [one for one in types if one.name.lower() == bare]
    wild = [one for one in types if "*" in one.name and fnmatchcase(bare, one.name.lower())]
    return next(iter((*exact, *sorted(wild, key=lambda one: len(one.name), reverse=True))), None)


def _extension(request: Request) -> str:
    """Return the extension of the file that is asked for, in lower case and with its dot; of the OTA types where it ends with one."""
    name = request.path.lower().rpartition("/")[2]
    known = next((one for one in hosted_types() if name.endswith(one)), "")
    return known or (f".{name.rpartition('.')[2]}" if "." in name else "")


# -- refusals ------------------------------------------------------------------------------------------------------------


def _refused(paths: Sequence[PathFacts], path: PathFacts, request: Request, start: Span) -> Iterator[Refusal]:
    extension = _extension(request)
    what = request.path if request.named else extension
    if extension and extension not in path.types:
        why = f"{what} has no media type, so IIS answers 404.3"
        text = f'no <mimeMap fileExtension="{extension}" … />'
        yield Refusal("media-type", Reason(why, _static_line(paths, start), text, absent=True))
    if request.method == "HEAD":
        yield from (Refusal("method", one) for one in _without_head(path))
    yield from (Refusal("name", one) for one in _denied(path, request, extension, start))
    if path.client_certificate is not None:
        yield Refusal(
            "client-certificate", Reason("IIS demands a client certificate here (403.7)", path.client_certificate)
        )


def _static_line(paths: Sequence[PathFacts], start: Span) -> Span:
    """Return where the map is changed already, else the file's beginning."""
    return min((entry.at for one in paths for entry in one.types.values() if entry.at.line), default=start)


def _without_head(path: PathFacts) -> Iterator[Reason]:
    head = next((one for one in path.verbs if one.name == "HEAD"), None)
    if head is not None and not head.on:
        yield Reason("HEAD is refused (404.6)", head.at)
    elif head is None and not path.other_verbs:
        why = "Only listed verbs are allowed and HEAD is not among them (404.6)"
        yield Reason(why, path.verbs_at or NOWHERE)


def _denied(path: PathFacts, request: Request, extension: str, start: Span) -> Iterator[Reason]:
    """Yield every reason for which request filtering refuses the name."""
    entry = next((one for one in path.extensions if one.name.lower() == extension), None)
    if entry is not None and not entry.on:
        yield Reason(f"Request filtering refuses {extension} (404.7)", entry.at)
    elif entry is None and not path.other_extensions:
        why = f"Only listed extensions are allowed and {extension} is not among them (404.7)"
        yield Reason(why, path.extensions_at or NOWHERE)
    shown = request.path.lower() if request.named else f"/{extension}"
    for sequence in path.sequences:
        if sequence.name != "/" and sequence.name.lower() in shown:
            what = request.path if request.named else f"every {extension}"
            yield Reason(f"The denied URL sequence '{sequence.name}' is part of {what} (404.5)", sequence.at)
    if request.named:
        yield from _hidden(path, request.path)
        if {"+", "%"} & set(request.path) and not path.double_escaping:
            why = f"{request.path} is refused as double escaping (404.11): allowDoubleEscaping is false"
            yield Reason(why, start, request.path)


def _hidden(path: PathFacts, name: str) -> Iterator[Reason]:
    steps = {step.lower() for step in name.split("/")}
    for entry in path.hidden:
        if entry.name.lower() in steps:
            yield Reason(f"{name} lies in the hidden segment '{entry.name}' (404.8)", entry.at)


# -- redirects and pages -------------------------------------------------------------------------------------------------


def _redirects(server: Server, path: PathFacts, request: Request) -> Iterator[Redirect]:
    """Yield what may lead to https; a rule's conditions are not tried, and a capture counts as the whole path."""
    whole = f"https://{request.host}{request.target}"
    if server.hsts is not None and server.hsts.enabled and server.hsts.redirects:
        yield Redirect(whole, Reason("", server.hsts.at))
    plain = path.redirect
    if plain is not None and plain.destination.lower().startswith("https://"):
        lost = plain.exact and "$" not in plain.destination
        yield Redirect(plain.destination if lost else whole, Reason("", plain.at), "exactDestination")
    for rule in path.rewrites:
        if rule.action == "Redirect" and rule.url.lower().startswith("https://"):
            yield Redirect(
                _location(rule.url, request, append=rule.append_query),
                *_told(rule.name, rule.url, rule.at, append=rule.append_query),
                about_scheme(rule.conditions),
            )


def _told(name: str, url: str, span: Span, *, append: bool) -> tuple[Reason, str]:
    text = f'url="{url}"' + ("" if append else ' appendQueryString="false"')
    return Reason("", span, text), f"the rule '{name}'"


def _location(url: str, request: Request, *, append: bool) -> str:
    query = f"?{request.query}" if request.query and (append or keeps_query(url)) else ""
    if drops_path(url):
        return url + "/" * ("/" not in url.partition("://")[2]) + query
    return f"https://{request.host}{request.path}{query}"


def _page(path: PathFacts, request: Request) -> Reason | None:
    """Return what answers a file that is not there with a page; None for one that is there."""
    if request.there:
        return None
    for page in path.errors:
        if page.status == 404 and page.mode in {"ExecuteURL", "Redirect"}:
            how = "runs" if page.mode == "ExecuteURL" else "redirects to"
            why = f"httpErrors {how} {page.path} for a missing file, which then answers with a page and no 404"
            return Reason(why, page.at)
    suffix = _extension(request)
    for rule in path.rewrites:
        if rule.action == "Rewrite" and _is_page(rule.url) and catches(rule, path.path, suffix):
            return Reason(f"The rule '{rule.name}' answers a missing {suffix} with {rule.url}", rule.at)
    return None


def _is_page(url: str) -> bool:
    bare = url.partition("?")[0].lower()
    return "://" not in bare and (bare.endswith((".html", ".htm", "/")) or bare == "")
