"""Renders several sites for IIS: a folder each, with its web.config and scripts; what they share is the machine's, and in each setup.ps1."""

from __future__ import annotations

from ota_proxy.errors import UsageError
from ota_proxy.servers.iis import render as iis
from ota_proxy.servers.rendered import Note, Rendered, RenderedFile
from ota_proxy.servers.several import Several, once, slug

_MACHINE = Note(
    "info",
    "each site has a folder of its own, complete with the module of its scripts: run the setup.ps1 of each, one after the other, and undo.ps1 in the opposite order",
)


def render(several: Several, *, rewrite_module: bool = True) -> Rendered:
    """Return the files of every site below a folder with its name; UsageError where two of them would be one site of IIS."""
    files: list[RenderedFile] = []
    notes: list[Note] = [_MACHINE]
    names: dict[str, str] = {}
    for part in several.parts:
        with part.within():
            name = iis.plan_of(part.site, several.caps, several.scope, rewrite_module=rewrite_module).name.lower()
            if name in names:
                raise UsageError(
                    f"this site and that in {names[name]}/ would both be the site '{name}' of IIS",
                    key=("domains", 0),
                    hint="give one of them another canonical name, the first of domains",
                )
            names[name] = folder = slug(part.site)
            made = iis.render(
                part.site, several.caps, several.scope, several.command, part.further, rewrite_module=rewrite_module
            )
        files += [RenderedFile(f"{folder}/{file.name}", file.text) for file in made.files]
        notes += made.notes
    return Rendered("iis", several.scope, tuple(files), once(notes))
