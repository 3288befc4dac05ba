"""The way of a request through IIS, from the site that its binding names, module by module, to the line of the access log.

Order: the listener's checks, global rules, native redirect to https, access flags, networks, request filtering, rules of the site, redirect,
handler; then error pages, headers, compression, outbound rules and Strict-Transport-Security. Where Microsoft does not document the order of two
modules (native redirect against rules and access flags), it shows only where both would answer. A name that nobody bound is the listener's own 400.
The access log is one JSON object a line, written and flushed before the answer goes out.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TextIO

from ota_proxy.iis_emulator import compress, error_pages
from ota_proxy.iis_emulator import guards as filtering
from ota_proxy.iis_emulator import guards as hsts
from ota_proxy.iis_emulator import guards as http_redirect
from ota_proxy.iis_emulator import guards as networks
from ota_proxy.iis_emulator import rewriting as inbound
from ota_proxy.iis_emulator import rewriting as outbound
from ota_proxy.iis_emulator import static_files as static
from ota_proxy.iis_emulator.connection import Application, listener_answer
from ota_proxy.iis_emulator.ecma import TooExpensiveError
from ota_proxy.iis_emulator.message import Request, Response, error, of_bytes
from ota_proxy.iis_emulator.request_routing import Upstreams, pass_on
from ota_proxy.iis_emulator.rewriting import ABSOLUTE, Outcome, RuleSet
from ota_proxy.iis_emulator.server_variables import SERVER, Variables
from ota_proxy.iis_emulator.site_folder import Place
from ota_proxy.iis_emulator.url_settings import SiteSettings, UrlSettings
from ota_proxy.printable import as_json


@dataclass(slots=True)
class Entry:
    """What became of one request; None if something does not apply. `hresult` is there with 500.19 only."""

    method: str | None
    url: str | None
    status: int | None = None
    substatus: int = 0
    rewritten_url: str | None = None
    served: str | None = None
    proxied_to: str | None = None
    upstream_headers: dict[str, str] | None = None
    rule: str | None = None
    hresult: str | None = None

    def line(self) -> str:
        """Return the JSON object."""
        fields = asdict(self)
        if self.hresult is None:
            del fields["hresult"]
        return as_json(fields, ascii_only=True)


class AccessLog:
    """Writes entries to a stream, or nowhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def write(self, entry: Entry) -> None:
        """Add one line."""
        if self._stream is not None:
            self._stream.write(entry.line() + "\n")
            self._stream.flush()


_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_HSTS_STATUS = 301
"""Of the native redirect; Microsoft documents none."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A configuration that IIS refuses: HRESULT and the message of its page."""

    hresult: str
    message: str


@dataclass(slots=True)
class Pipeline:
    """Answers requests of one site. `settings` and `refusal` look up configuration by URL path."""

    site: SiteSettings
    settings: Callable[[str], UrlSettings]
    refusal: Callable[[str], Refusal | None]
    log: AccessLog
    upstreams: Upstreams
    asks_for_certificates: bool = False
    """Whether some URL wants client certificates, so that TLS must ask for them."""
    hits: compress.HitCounter = field(default_factory=compress.HitCounter)

    async def answer(self, request: Request) -> Response:
        """Answer one request and log it; whatever goes wrong inside becomes a 500 without details."""
        entry = Entry(request.method, request.target)
        way = _Way(self, request, entry)
        try:
            response = await way.go()
        except Exception:  # noqa: BLE001 - the last fence: a client never sees a traceback, the terminal does
            traceback.print_exc(file=sys.stderr)
            response = error(500)
        _note(entry, response)
        self.log.write(entry)
        return response

    def refuse(self, method: str | None, target: str | None, sentence: str) -> Response:
        """Answer what the listener refuses; it is logged where it could be read as a request."""
        response = listener_answer(sentence)
        if method is not None:
            self.log.write(Entry(method, target, response.status))
        return response


def _note(entry: Entry, response: Response) -> None:
    entry.status = None if response.aborted else response.status
    entry.substatus = response.substatus
    entry.hresult = response.hresult or None


class _Way:
    """One request on its way."""

    def __init__(self, pipeline: Pipeline, request: Request, entry: Entry) -> None:
        self.pipeline, self.site, self.request, self.entry = pipeline, pipeline.site, request, entry
        self.variables = Variables(
            request=request,
            path=request.path,
            query=request.query,
            physical=self.site.tree.physical,
            root=self.site.tree.root,
            site_name=self.site.name,
            site_id=self.site.id,
            pool=self.site.pool,
        )
        self.target = ""
        """URL of the upstream once a rule has passed the request on."""

    async def go(self) -> Response:
        """Make the answer."""
        if not self.site.takes(self.request):
            return listener_answer("The request hostname is invalid.")
        if (refusal := self.pipeline.refusal(self.variables.path)) is not None:
            return self._refused(refusal)
        try:
            response = self._before_handlers()
            settings = self.pipeline.settings(self.variables.path)
            if response is None:
                response = await self._handle(settings)
        except TooExpensiveError:
            response, settings = error(500, 50), self.pipeline.settings(self.request.path)
        if response.aborted:
            return response
        return await self._finish(response, settings)

    def _refused(self, refusal: Refusal) -> Response:
        response = error(500, 19)
        response.hresult = refusal.hresult
        response.set_header("Server", SERVER)
        error_pages.finish(self.request, response, error_pages.ErrorSettings(), lambda _: None)
        return response

    # -- before a handler is chosen ------------------------------------------------------------------------------------

    def _before_handlers(self) -> Response | None:
        if self.site.hsts.redirect and not self.request.secure:
            return static.redirect(_HSTS_STATUS, hsts.https_location(self.request))
        if self.site.global_rules and (response := self._rewrite(self.site.global_rules, 51)):
            return response
        settings = self.pipeline.settings(self.variables.path)
        if not self.target and (response := self._let_in(settings)):
            return response
        if settings.inbound and not self.target and (response := self._rewrite(settings.inbound, 50)):
            return response
        return None

    def _let_in(self, settings: UrlSettings) -> Response | None:
        if "Ssl" in settings.ssl_flags and not self.request.secure:
            return error(403, 4)
        if "SslRequireCert" in settings.ssl_flags and not self.request.has_certificate:
            return error(403, 7)
        if not networks.allowed(self.request.remote[0], settings.networks):
            return error(403, 6)
        if self.variables.path.count("/") > self.site.most_segments:
            return error(404, 20)
        if settings.filtering is None:
            return None
        refused = filtering.refused(self.request, self.variables.path, self.variables.query, settings.filtering)
        return error(*refused) if refused else None

    def _rewrite(self, rules: RuleSet, failure: int) -> Response | None:
        origin = f"{self.request.scheme}://{self.request.header('host')}"
        outcome = inbound.run(rules, self.variables, self.site.tree.exists, origin)
        self.entry.rule = outcome.rule or self.entry.rule
        if outcome.url:
            self._rewritten(outcome.url)
        if outcome.forbidden:
            return error(500, failure)
        return self._ended(outcome)

    def _rewritten(self, url: str) -> None:
        original = self.request.path + (f"?{self.request.query}" if self.request.query else "")
        absolute = ABSOLUTE.match(url)
        self.target = url if absolute else ""
        shown = "/" + url[absolute.end() :].partition("/")[2] if absolute else url
        self.entry.rewritten_url = shown if shown not in (original, self.request.target) else None
        if not self.request.has("X-Original-URL"):
            self.request.set_header("X-Original-URL", original)

    def _ended(self, outcome: Outcome) -> Response | None:
        if outcome.ended is None:
            return None
        action = outcome.ended.action
        if action.kind == "Redirect":
            return static.redirect(action.status, outcome.ended.location)
        if action.kind == "AbortRequest":
            return Response(0, aborted=True)
        response = Response(action.status, substatus=action.substatus, reason=action.reason)
        if action.description:
            response.set_header("Content-Type", "text/html")
            response.payload = of_bytes(action.description.encode())
        return response

    # -- handlers ------------------------------------------------------------------------------------------------------

    async def _handle(self, settings: UrlSettings) -> Response:
        if self.target:
            return await self._pass_on()
        if (refusal := self.pipeline.refusal(self.variables.path)) is not None:
            return self._refused(refusal)
        path, query = self.variables.path, self.variables.query
        if location := http_redirect.location(settings.redirect, self.request, path, query):
            return static.redirect(settings.redirect.status, location)
        if self.request.method == "OPTIONS":
            return Response(
                200, [("Allow", "OPTIONS, TRACE, GET, HEAD, POST"), ("Public", "OPTIONS, TRACE, GET, HEAD, POST")]
            )
        if self.request.method == "TRACE":
            return static.not_allowed()
        return await self._static(settings)

    async def _pass_on(self) -> Response:
        if not self.site.proxy.enabled or not self.target.lower().startswith(("http://", "https://")):
            return error(404, 4)
        self.entry.proxied_to = self.target
        passed = await pass_on(self.request, self.target, self.site.proxy, self.pipeline.upstreams)
        self.entry.upstream_headers = passed.headers
        return passed.response

    async def _static(self, settings: UrlSettings) -> Response:
        if settings.static is None:
            return error(404, 4)
        path, tree = self.variables.path, self.site.tree
        place = tree.find(path)
        if place.kind == "missing" or (place.kind == "file" and path.endswith("/")):
            return error(404)
        if place.kind == "folder":
            if not path.endswith("/"):
                return static.to_folder(self.request, path, self.variables.query)
            document = static.default_document(path, tree, settings.static.documents)
            if not document:
                return static.folder(place, path, self.request, settings.static)
            self.variables.path = document
            return await self._static(self.pipeline.settings(document))
        response = static.serve(place, self.request, settings.static)
        if response.status < 400:
            self.entry.served = place.served
            await compress.compressed(
                self.request, response, place.served.lower(), settings.compression, self.pipeline.hits
            )
        return response

    # -- the answer ----------------------------------------------------------------------------------------------------

    async def _finish(self, response: Response, settings: UrlSettings) -> Response:
        if settings.errors is not None:
            error_pages.finish(self.request, response, settings.errors, self._page_file)
        if not response.has("Server") and not self._hides_server(response):
            response.set_header("Server", SERVER)
        for name, value in settings.custom_headers:
            response.add_header(name, value)
        if response.status in _REDIRECTS:
            for name, value in settings.redirect_headers:
                response.add_header(name, value)
        if settings.outbound:
            try:
                outbound.rewrite(settings.outbound, self.variables, response)
            except TooExpensiveError:
                return error(500, 52)
        if settings.remove_server:
            response.remove_header("Server")
        if self.site.hsts.enabled and self.request.secure:
            response.set_header("Strict-Transport-Security", self.site.hsts.value)
        return response

    def _hides_server(self, response: Response) -> bool:
        return response.upstream and self.site.proxy.server_header == "Remove"

    def _page_file(self, path: str) -> Place | None:
        place = self.site.tree.find("/" + path.replace("\\", "/").lstrip("/"))
        return place if place.kind == "file" else None


def application(pipelines: Sequence[Pipeline]) -> Application:
    """Return what answers for all sites."""

    async def answer(request: Request) -> Response:
        chosen = next((one for one in pipelines if one.site.takes(request)), pipelines[0])
        return await chosen.answer(request)

    return Application(answer, pipelines[0].refuse)
