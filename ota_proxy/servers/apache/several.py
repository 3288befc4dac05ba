"""Renders several sites for Apache: a file each, and one whose virtual hosts answer for the names of none; or all as one httpd.conf."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ota_proxy.errors import UsageError
from ota_proxy.servers.apache import quote
from ota_proxy.servers.apache.hosts import Log, Pair, Tls, addresses, in_order, log_of, pairs_of, tls_of
from ota_proxy.servers.apache.notes import listens, needed_modules, notes
from ota_proxy.servers.apache.render import check_possible, header, printed
from ota_proxy.servers.apache.view import Full, Hsts, Listen, View, full, hsts_of, view
from ota_proxy.servers.rendered import Note, Rendered, RenderedFile
from ota_proxy.servers.several import COMMON_FILE, Several, file_names, files, once, shared_notes
from ota_proxy.servers.templates import Quoted
from ota_proxy.site import Hsts as SiteHsts
from ota_proxy.site import Site

_NEEDS = Note("needs-parent", f"the file {COMMON_FILE}, which was rendered with this one, to be read before it")
_NO_LOG = Site.model_fields["log"].default


@dataclass(frozen=True, slots=True)
class CatchAll:
    """The virtual host of a port that answers for unknown host names; `tls` is None, and `pairs` is empty, on a plain port."""

    addresses: Quoted
    name: Quoted
    log: Log
    http2: bool
    pairs: tuple[Pair, ...]
    tls: Tls | None
    hsts: Hsts | None


def render(several: Several) -> Rendered:
    """Return the shared file and one for each site, or one httpd.conf; UsageError names the key of the site that cannot be."""
    order = _order(several)
    views = [_view(several, number) for number in range(len(several.parts))]
    shared, own = shared_notes(several, _notes)
    every = once([*shared, *(note for said in own for note in said)])
    bodies = [printed("site", made) for made in views]
    common = printed("common", views[0], catch_alls=tuple(_catch_alls(several)))
    if several.scope == "full":
        inside = [bodies[number] for number in sorted(range(len(bodies)), key=lambda number: order[number])]
        body = printed("full", replace(views[0], full=_full(several)), body=Quoted("\n".join([common, *inside])))
        text = _file(several, several.sites[0], every, body)
        return Rendered("apache", "full", (RenderedFile("httpd.conf", text),), every)
    texts = [_file(several, several.sites[0], shared, common)]
    texts += [
        _file(several, part.site, (_NEEDS, *said), body)
        for part, said, body in zip(several.parts, own, bodies, strict=True)
    ]
    return Rendered("apache", "site", files((COMMON_FILE, *file_names(several.sites, order)), texts), every)


def _file(several: Several, site: Site, said: tuple[Note, ...], body: str) -> str:
    head = header(site, several.caps, several.scope, several.command, said)
    return "\n".join((*head, *(("", body) if body.strip() else ("",))))


def _view(several: Several, number: int) -> View:
    part = several.parts[number]
    with part.within():
        check_possible(part.site, several.caps, several.scope)
        return view(part.site, several.caps, several.scope, several.neighbours(part.site))


def _notes(several: Several, site: Site) -> tuple[Note, ...]:
    return notes(site, several.caps, several.scope)


def _order(several: Several) -> list[int]:
    """Return a number for each site's file: one whose wildcard would take a name of another site comes after that.

    Apache takes the first virtual host that fits, and a `*` of its fits any number of labels.
    """
    sites = several.sites
    after = [
        [other for other in range(len(sites)) if other != own and _takes(sites[own], sites[other])]
        for own in range(len(sites))
    ]
    numbers = [1] * len(sites)
    for _ in sites:
        numbers = [1 + max((numbers[other] for other in after[own]), default=0) for own in range(len(sites))]
    if max(numbers) > len(sites):
        own = numbers.index(max(numbers))
        with several.parts[own].within():
            raise UsageError(
                "the wildcards of these sites cover names of each other, and Apache takes the first virtual host that fits",
                key=("domains",),
                hint="give each of the names to one site, without a wildcard over those of the other",
            )
    return [100 * number for number in numbers]


def _takes(site: Site, other: Site) -> bool:
    wild = [name[1:] for name in site.domains if name.startswith("*.")]
    return any(name.endswith(end) and name != f"*{end}" for end in wild for name in other.domains)


def _catch_alls(several: Several) -> Iterator[CatchAll]:
    """Yield one for each port of the sites that refuse unknown hosts, TLS first."""
    refusing = [site for site in several.sites if site.unknown_hosts == "refuse"]
    over_tls = [site for site in refusing if not site.tls.offloaded]
    for port in dict.fromkeys(site.https_port for site in over_tls):
        here = [site for site in over_tls if site.https_port == port]
        first = here[0]
        yield replace(
            _catch_all(here, port),
            http2=first.http2,
            pairs=pairs_of(first, in_order(first.virtual_hosts)[0]),
            tls=tls_of(first, several.caps),
            hsts=hsts_of(first.model_copy(update={"hsts": _common_hsts(here)})),
        )
    for port in dict.fromkeys(site.listen.http for site in refusing if site.listen.http):
        yield _catch_all([site for site in refusing if site.listen.http == port], port)


def _catch_all(sites: Sequence[Site], port: int) -> CatchAll:
    """Return one without TLS; its logs are those that all of the sites have, else the server's own."""
    first = sites[0]
    alike = all(site.log == first.log for site in sites)
    log = log_of(first if alike else first.model_copy(update={"log": _NO_LOG}))
    name = quote.word(f"ota-proxy.invalid:{port}", ())
    return CatchAll(addresses(first, port), name, log, http2=False, pairs=(), tls=None, hsts=None)


def _common_hsts(sites: Sequence[Site]) -> SiteHsts:
    """Return the one that all sites that send it agree on, else the longest age alone."""
    speaking = [site.hsts for site in sites if site.hsts.enabled]
    if len(dict.fromkeys(hsts.value for hsts in speaking)) == 1:
        return speaking[0]
    return SiteHsts(enabled=bool(speaking), max_age=max([one.max_age for one in speaking] or [0]))


def _full(several: Several) -> Full:
    """Return what one httpd.conf has for all sites: every module and listener once."""
    wholes = [several.whole(site) for site in several.sites]
    made = [full(site, several.caps) for site in wholes]
    by_name = {
        name: module
        for one, site in zip(made, wholes, strict=True)
        for name, module in zip(needed_modules(site, "full"), one.modules, strict=True)
    }
    modules = dict.fromkeys(name for site in several.sites for name in needed_modules(site, "full"))
    places = dict.fromkeys(place for site in several.sites for place in listens(site))
    return replace(
        made[0],
        modules=tuple(by_name[name] for name in modules),
        listens=tuple(Listen(Quoted(place), tls) for place, tls in places),
        session_cache=any(one.session_cache for one in made),
        sni_policy=any(one.sni_policy for one in made),
    )
