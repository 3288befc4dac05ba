"""Renders several sites for nginx: a file each, and one with the maps and catch-all servers that they share; or all as one nginx.conf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ota_proxy.errors import UsageError
from ota_proxy.policy.guideline import profile as guideline_profile
from ota_proxy.servers.header import header_lines
from ota_proxy.servers.nginx.notes import limits, name_bucket, notes, variable_bucket
from ota_proxy.servers.nginx.quote import comment, identifier, quote
from ota_proxy.servers.nginx.view import COMMON, View, addresses, names_of, view
from ota_proxy.servers.rendered import Note, Rendered, RenderedFile
from ota_proxy.servers.several import COMMON_FILE, Several, file_names, files, once, shared_notes
from ota_proxy.servers.templates import NGINX, Quoted, render_template, variables
from ota_proxy.site import Site

_NEEDS = Note("needs-parent", f"the file {COMMON_FILE}, which was rendered with this one")

_MANY = 12  # sites; from about 25 on nginx -t warns that it cannot build the hash of their variables (nginx 1.22)


def render(several: Several) -> Rendered:
    """Return the shared file and one for each site, or one nginx.conf; UsageError names the key of the site that cannot be."""
    views = [_view(several, number) for number in range(len(several.parts))]
    _distinct(several)
    shared, own = shared_notes(several, _notes)
    shared = (*shared, *_for_many(several))
    every = once([*shared, *(note for notes_ in own for note in notes_)])
    if several.scope == "full":
        return Rendered("nginx", "full", (RenderedFile("nginx.conf", _full(several, views, every)),), every)
    first = several.sites[0]
    head = _header(several, first, shared)
    texts = ["\n".join([*head, "", _common(several, views)])]
    texts += [
        _render("site", made, header=_header(several, part.site, (_NEEDS, *said_)))
        for part, made, said_ in zip(several.parts, views, own, strict=True)
    ]
    names = (COMMON_FILE, *file_names(several.sites, [100] * len(several.parts)))
    return Rendered("nginx", "site", files(names, texts), every)


def _for_many(several: Several) -> Iterator[Note]:
    """Yield what the http block needs for the variables of many sites; a file of scope full has it."""
    if several.scope == "site" and len(several.sites) > _MANY:
        size = _variable_bucket(several)
        yield Note(
            "needs-parent",
            f"in the http block: variables_hash_bucket_size {size}; for the variables of so many sites",
        )


def _variable_bucket(several: Several) -> int:
    """Return the variables_hash_bucket_size that many sites need, or 0 if nginx's 64 does: two long names fill no bucket of that size."""
    return 128 if len(several.sites) > _MANY else max(map(variable_bucket, several.sites))


def _view(several: Several, number: int) -> View:
    part = several.parts[number]
    with part.within():
        profile = guideline_profile(part.site.tls.profile)
        made = view(part.site, several.caps, several.scope, profile, several.neighbours(part.site))
    before = [site.https_port for site in several.sites[:number]]
    once_a_port = made.features.reuseport and part.site.https_port not in before
    return replace(made, features=replace(made.features, reuseport=once_a_port))


def _notes(several: Several, site: Site) -> tuple[Note, ...]:
    return notes(site, several.caps, several.scope, guideline_profile(site.tls.profile))


def _header(several: Several, site: Site, said: Sequence[Note]) -> list[Quoted]:
    profile = guideline_profile(site.tls.profile)
    return [comment(line) for line in header_lines(several.caps, profile, several.scope, several.command, said)]


def _distinct(several: Several) -> None:
    """Refuse names of maps and upstreams that two sites would share."""
    known: dict[str, Site] = {}
    for part in several.parts:
        with part.within():
            name = identifier(part.site.domain, part.site.https_port)
            if name in known:
                raise UsageError(
                    f"the maps of this site and of {known[name].domain} would both be named {name}",
                    key=("domains", 0),
                    hint="give one of the sites another canonical name, the first of domains",
                )
            known[name] = part.site


def _render(name: str, made: View, **further: object) -> Quoted:
    return render_template(f"nginx/{name}.conf.j2", variables(made) | further, NGINX)


def _common(several: Several, views: Sequence[View]) -> str:
    hsts = _hsts(several.sites)
    made = replace(
        views[0],
        names=names_of(COMMON, COMMON, several.scope),
        hsts=quote(hsts, ()) if hsts else None,
        proxied=tuple(app for made in views for app in made.proxied),
    )
    catch_alls = [Quoted(text.strip("\n")) for text in _catch_alls(several, views, made)]
    return _render("common", made, catch_alls=catch_alls)


def _hsts(sites: Iterable[Site]) -> str:
    """Return what unknown hosts are told: what the sites all say, else the longest age and nothing about sub-domains."""
    those = [site.hsts for site in sites if site.hsts.enabled and not site.tls.offloaded]
    values = dict.fromkeys(hsts.value for hsts in those)
    return next(iter(values)) if len(values) == 1 else f"max-age={max(hsts.max_age for hsts in those)}" if those else ""


def _catch_alls(several: Several, views: Sequence[View], common: View) -> Iterator[str]:
    """Yield the catch-all servers: one for each TLS port, the first with those of plain http, and one for what is behind a proxy."""
    refusing = [(part.site, made) for part, made in zip(several.parts, views, strict=True) if made.refuse]
    ending = [(site, made) for site, made in refusing if not site.tls.offloaded]
    behind = [(site, made) for site, made in refusing if site.tls.offloaded]
    plain = _union(addresses(site, site.listen.http) for site, _ in ending if site.listen.http)
    for number, port in enumerate(dict.fromkeys(site.https_port for site, _ in ending)):
        here = [(site, made) for site, made in ending if site.https_port == port]
        yield _catch_all(here, common, _union(addresses(site, port) for site, _ in here), plain if not number else [])
    if behind:
        yield _catch_all(behind, common, [], _union(addresses(site, site.listen.http or 80) for site, _ in behind))


def _catch_all(here: Sequence[tuple[Site, View]], common: View, tls: Sequence[Quoted], plain: Sequence[Quoted]) -> str:
    first = here[0][1]
    alike = all(made.log == first.log for _, made in here)
    silent = replace(first.log, access=None, access_off=False, error=None)
    made = replace(
        first,
        names=common.names,
        hsts=common.hsts,
        log=first.log if alike else silent,
        listen=replace(first.listen, tls=tuple(tls), plain=tuple(plain)),
    )
    return _render("unknown", made)


def _union(lists: Iterable[Sequence[Quoted]]) -> list[Quoted]:
    return list(dict.fromkeys(one for addresses_ in lists for one in addresses_))


def _full(several: Several, views: Sequence[View], said: Sequence[Note]) -> str:
    body = [_common(several, views), *(_render("http", made) for made in views)]
    numbers = [limits(site) for site in several.sites]
    main = replace(
        views[0].main,
        devices=several.devices,
        connections=sum(one.connections for one in numbers),
        files=sum(one.files for one in numbers),
        name_bucket=max(name_bucket(site) for site in several.sites),
        variable_bucket=_variable_bucket(several),
    )
    header = _header(several, several.sites[0], said)
    return _render("full", replace(views[0], main=main), header=header, body=Quoted("\n".join(body)))
