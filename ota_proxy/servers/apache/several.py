"""Renders several sites for Apache: a file each, and one whose virtual hosts answer for the names of none; or all as one httpd.conf."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ota_proxy.errors import UsageError
from ota_proxy.servers.apache.full import full_view
from ota_proxy.servers.apache.notes import listens, needed_modules, notes
from ota_proxy.servers.apache.policy import hsts_of, log_of, tls_of
from ota_proxy.servers.apache.render import check_possible, header, indented
from ota_proxy.servers.apache.view import view, virtual_host
from ota_proxy.servers.result import Note, Rendered, RenderedFile
from ota_proxy.servers.several import COMMON_FILE, Several, file_names, files, once, shared_notes
from ota_proxy.servers.templates import Quoted, render_template
from ota_proxy.site import Hsts, Site

View = dict[str, object]
_NEEDS = Note("needs-parent", f"the file {COMMON_FILE}, which was rendered with this one, to be read before it")


def render(several: Several) -> Rendered:
    """Return the shared file and one for each site, or one httpd.conf; UsageError names the key of the site that cannot be."""
    order = _order(several)
    views = [_view(several, number) for number in range(len(several.parts))]
    shared, own = shared_notes(several, _notes)
    every = once([*shared, *(note for said in own for note in said)])
    bodies = [render_template("apache/site.conf.j2", made) for made in views]
    common = render_template("apache/common.conf.j2", views[0] | _catch_alls(several))
    if several.scope == "full":
        inside = [bodies[number] for number in sorted(range(len(bodies)), key=lambda number: order[number])]
        text = _full(several, views[0], Quoted("\n".join([common, *inside])))
        return Rendered(
            "apache", "full", (RenderedFile("httpd.conf", _file(several, several.sites[0], every, text)),), every
        )
    texts = [_file(several, several.sites[0], shared, common)]
    texts += [
        _file(several, part.site, (_NEEDS, *said), body)
        for part, said, body in zip(several.parts, own, bodies, strict=True)
    ]
    return Rendered("apache", "site", files((COMMON_FILE, *file_names(several.sites, order)), texts), every)


def _file(several: Several, site: Site, said: tuple[Note, ...], body: str) -> str:
    head = header(site, several.caps, several.scope, several.command, said)
    return "\n".join((*head, "", indented(body)))


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


def _catch_alls(several: Several) -> View:
    refusing = [site for site in several.sites if site.unknown_hosts == "refuse"]
    return {
        "catch_tls": list(_tls_catch_alls(several, [site for site in refusing if not site.tls.offloaded])),
        "catch_plain": list(_plain_catch_alls(refusing)),
    }


def _tls_catch_alls(several: Several, sites: Sequence[Site]) -> Iterator[View]:
    for port in dict.fromkeys(site.https_port for site in sites):
        here = [site for site in sites if site.https_port == port]
        first, speaking = here[0], [site.hsts for site in here if site.hsts.enabled]
        alike = len(dict.fromkeys(hsts.value for hsts in speaking)) == 1
        hsts = (
            speaking[0]
            if alike
            else Hsts(enabled=bool(speaking), max_age=max([one.max_age for one in speaking] or [0]))
        )
        yield {
            **virtual_host(first, port, first.domain),
            "port": port,
            "http2": first.http2,
            "pairs": _pairs(several, first),
            "tls": tls_of(first, several.caps),
            "hsts": hsts_of(first.model_copy(update={"hsts": hsts})),
            "log": _log(here),
        }


def _pairs(several: Several, site: Site) -> object:
    made = view(site, several.caps, "site")["https"]
    if not isinstance(made, dict):
        raise TypeError(site.domain)  # only sites that end TLS themselves come here
    return made["hosts"][0]["pairs"]


def _plain_catch_alls(sites: Sequence[Site]) -> Iterator[View]:
    for port in dict.fromkeys(site.listen.http for site in sites if site.listen.http):
        here = [site for site in sites if site.listen.http == port]
        yield {**virtual_host(here[0], port, here[0].domain), "port": port, "log": _log(here)}


def _log(sites: Sequence[Site]) -> View:
    """Return the logs that all of them have, else the server's own."""
    first = sites[0].log
    return log_of(
        sites[0] if all(site.log == first for site in sites) else sites[0].model_copy(update={"log": _NO_LOG})
    )


_NO_LOG = Site.model_fields["log"].default


def _full(several: Several, first: View, body: Quoted) -> str:
    made = [full_view(several.whole(site), several.caps) for site in several.sites]
    places = dict.fromkeys(place for site in several.sites for place in listens(site))
    modules = dict.fromkeys(name for site in several.sites for name in needed_modules(site, "full"))
    by_name = {
        name: one
        for view_, site in zip(made, several.sites, strict=True)
        for name, one in _modules(view_, several.whole(site))
    }
    return render_template(
        "apache/full.conf.j2",
        first
        | made[0]
        | {
            "body": body,
            "listens": [{"place": Quoted(place), "tls": tls} for place, tls in places],
            "modules": [by_name[name] for name in modules],
            "session_cache": any(view_["session_cache"] for view_ in made),
            "sni_policy": any(view_["sni_policy"] for view_ in made),
        },
    )


def _modules(made: View, site: Site) -> Iterator[tuple[str, object]]:
    rows = made["modules"]
    if not isinstance(rows, list):
        raise TypeError("modules")
    yield from zip(needed_modules(site, "full"), rows, strict=True)
