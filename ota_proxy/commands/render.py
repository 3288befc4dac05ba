"""Renders loaded sites for a server of a version, and words the command that makes the same files again."""

from __future__ import annotations

import shlex
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from ota_proxy.errors import UsageError
from ota_proxy.harness.versions import find_here, installed_here
from ota_proxy.policy.capabilities import AUTO, Capabilities, resolve, with_compressors
from ota_proxy.servers.base import EVERY, names, server_named
from ota_proxy.servers.rendered import Note, Rendered, comment_text
from ota_proxy.servers.several import Part, Several
from ota_proxy.settings import Loaded
from ota_proxy.settings.flags import SiteFlags, flags_again
from ota_proxy.settings.sources import Key, at_its_place
from ota_proxy.site import Site

Say = Callable[[str], object]
"""Hears a sentence for people."""

VERSION_KEYS: Mapping[str, Key] = {
    "--server-version": ("options", "server_version"),
    "--tls-library": ("options", "tls_library"),
}
"""What the capability table calls its arguments, and the keys of the site file."""


# -- what it is rendered for ---------------------------------------------------------------------------------------------


def capabilities(server: str, loaded: Loaded, say: Say) -> Capabilities:
    """Look up the version that the options name, or the server of this machine; UsageError where it was written, NoVerdictError for none.

    `say` hears which server of this machine it is.
    """
    options = loaded.options
    with at_its_place(loaded, VERSION_KEYS):
        if options.server_version == AUTO:
            found = found_here(server, say, options.tls_library)
            return with_compressors(found, options.with_modules, all_known=not found.compressors_unknown)
        known = resolve(server, options.server_version, options.tls_library)
        return with_compressors(known, options.with_modules, all_known=False)


def found_here(server: str, say: Say, tls_library: str = "") -> Capabilities:
    """Return what the server of this machine can do, and say which it is; NoVerdictError (exit 3) if there is none."""
    here = find_here(server)
    say(f"note: --server-version auto: {here.described()}")
    return here.capabilities(tls_library)


def assumed_version(caps: Capabilities, loaded: Loaded) -> Iterator[str]:
    """Say what was rendered for where nobody named a version, and which server is here: the bytes do not depend on it."""
    if loaded.source(("options", "server_version")).kind != "default":
        return
    server = server_named(caps.server)
    other = f"--server-version {server.example_preset} (say)"
    if not caps.portable:
        yield f"note: rendered for {server.called(caps.version)}; {other} for another"
        return
    yield f"note: rendered for every {server.described(caps)}; {other} for one"
    if path := installed_here(caps.server):
        yield f"note: {path} is here; --server-version auto renders for it"


# -- modules that a server has or lacks ------------------------------------------------------------------------------------


def check_modules(given: Sequence[str], server: str) -> None:
    """Raise UsageError for a module (`--with-module`) that the server to render for cannot have; `all` is every server."""
    why = "" if server == EVERY else server_named(server).no_more_modules
    if given and why:
        raise UsageError("only for nginx", place="--with-module", hint=f"leave it out: {why}")


def lacking(missing: Sequence[str], asked: str, server: str, site: Site) -> frozenset[str]:
    """Return what a server lacks of the modules that it usually has; UsageError for one that nothing rendered could use or that the site needs.

    `missing` are the modules of `--without-module`, `asked` is the server of the command line, or `all`.
    """
    if not missing:
        return frozenset()
    if asked != EVERY and not server_named(asked).optional_modules:
        able = " or ".join(one.title for one in map(server_named, names()) if one.optional_modules)
        hint = f"leave it out: {asked} is rendered without modules of {able}"
        raise UsageError(f"only for {able}", place="--without-module", hint=hint)
    return server_named(server).lacking(missing, site)


# -- the files ---------------------------------------------------------------------------------------------------------------


def render(caps: Capabilities, loaded: Loaded, command: str, missing: Sequence[str] = ()) -> Rendered:
    """Render a loaded site for a server of a version; UsageError names where a value came from that it cannot take.

    `missing` are the modules that IIS lacks (`--without-module`).
    """
    with at_its_place(loaded):
        caps = replace(caps, without=lacking(missing, caps.server, caps.server, loaded.site))
        return server_named(caps.server).render(loaded.site, caps, loaded.options.scope, command, _read(loaded))


def render_several(caps: Capabilities, sites: Sequence[Loaded], command: str, missing: Sequence[str] = ()) -> Rendered:
    """Render loaded sites for one server of a version; UsageError names the site, key and place that cannot be."""
    for one in sites:
        with at_its_place(one):
            caps = replace(caps, without=lacking(missing, caps.server, caps.server, one.site))
    parts = tuple(Part(one.site, _read(one), partial(at_its_place, one)) for one in sites)
    with at_its_place(sites[0], {"--scope": ("options", "scope")}):
        return server_named(caps.server).render_several(Several(parts, caps, sites[0].options.scope, command))


def _read(loaded: Loaded) -> tuple[Note, ...]:
    return tuple(Note("info", text) for text in loaded.read)


def notes_of(rendered: Rendered, sites: Sequence[Loaded]) -> list[str]:
    """Return what is said of a rendering; what the certificate files decided was said when the site was read."""
    read = {text for loaded in sites for text in loaded.read}
    return [f"{note.kind}: {note.text}" for note in rendered.notes if note.text not in read]


# -- the command in the header -----------------------------------------------------------------------------------------------

_HARMLESS = string.ascii_letters.encode() + string.digits.encode() + b"/._:= "
_REPEATED = {
    "--domain": "domains",
    "--root": "roots",
    "--upstream": "upstreams",
    "--cert": "certs",
    "--key": "keys",
    "--trusted-proxy": "trusted_proxies",
}
"""Flags that may be repeated → their field of SiteFlags."""
_SINGLE = ("public_url", "tls_profile")
_OPTIONS = ("server_version", "tls_library", "scope")
_ORDER = (
    *_REPEATED,
    *("--public-url", "--tls-profile", "--server-version", "--tls-library", "--scope"),
    *("--with-module", "--without-module", "--set"),
)


def canonical_command(
    server: str, loaded: Loaded, flags: SiteFlags, environ: Mapping[str, str], missing: Sequence[str] = ()
) -> str:
    """Return the command that makes the same file again where the site file is.

    No output flags, no folder before the site file, variables as flags, always the same order.
    """
    pairs = flags_again(loaded, environ)
    pairs += [(flag, value) for flag, field in _REPEATED.items() for value in getattr(flags, field)]
    pairs += [(_flag(name), value) for name in _SINGLE if (value := getattr(flags, name)) is not None]
    pairs += [(_flag(name), value) for name in _OPTIONS if (value := flags.options.get(name)) is not None]
    pairs += [("--set", text) for text in flags.sets]
    pairs += [("--with-module", name) for name in flags.with_modules]
    pairs += [("--without-module", name) for name in missing]
    pairs.sort(key=lambda pair: _ORDER.index(pair[0]))
    site = [("--site", loaded.chosen.resolve().name)] if loaded.chosen else []
    return " ".join(map(quoted, ["ota-proxy", "render", server, *(word for pair in site + pairs for word in pair)]))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def quoted(word: str) -> str:
    """Quote a word for a shell in characters that every comment can hold, if need be as $'…' with octal bytes (POSIX 2024, §2.2.4)."""
    plain = shlex.quote(word)
    if plain == comment_text(plain) and (plain == word or "--" not in word):
        return plain
    raw = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(byte) if byte in _HARMLESS else f"\\{byte:03o}" for byte in raw) + "'"
