"""Finds the file, lays the layers over each other, validates, and words what is wrong with the place it stands in."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ota_proxy.errors import UsageError
from ota_proxy.limits import KEY_PARTS, SETTINGS_FILE
from ota_proxy.reading import read_file, read_stream
from ota_proxy.settings import several
from ota_proxy.settings.certificate_names import FromFiles, from_files
from ota_proxy.settings.flags import Layer, SiteFlags, environment_layer, flag_layer, leaves
from ota_proxy.settings.mistakes import mistakes_of
from ota_proxy.settings.options import FLAG, Options, SiteFile, ignore_flags
from ota_proxy.settings.several import Member, short
from ota_proxy.settings.sources import DEFAULT, Key, Loaded, Source, key_lines, nearest
from ota_proxy.site import Site

FILE_NAME = "ota-proxy.toml"
EXAMPLE_DOMAIN = "ota.example.com"
ASSUMED_ROOT = "/srv/ota"
_KEY = re.compile(r"""[\s\[]*[\w."'-]+\s*[\]=]""")
"""A line that begins with a key, or is a table's head."""
_TABLE = ("tool", "ota-proxy")
_IGNORE: Key = ("options", "ignore")


def load(
    site_file: str | None, flags: SiteFlags, *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Loaded:
    """Read everything and validate it; UsageError has one sentence a mistake, each with file, line and key, and one for several sites."""
    found = load_all(site_file, flags, environ=environ, folder=folder)
    if len(found) > 1:
        raise several.one_only([str(one.source(("domains",))) for one in found])
    return found[0]


def load_all(
    site_file: str | None, flags: SiteFlags, *, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> tuple[Loaded, ...]:
    """Read every site that a file or folder has, as `load` does one; sites that cannot share a server are a UsageError."""
    environ = os.environ if environ is None else environ
    members = _members(site_file or environ.get("OTA_PROXY_SITE"), folder or Path.cwd())
    over = environment_layer(environ) + flag_layer(flags)
    if len(members) > 1:
        several.refuse_words_about_one(over)
    found = tuple(_one(member, over, flags) for member in members)
    if len(found) > 1:
        several.check_conflicts(found)
    return found


def _one(member: Member, over: Layer, flags: SiteFlags) -> Loaded:
    raw, sources = _laid(member.layer + over)
    _ignore_more(raw, sources, flags.ignores)
    given = bool(member.file) or any(key[0] != "options" for key in sources)
    example, assumed = _assume(raw, sources, given=given)
    named = _name_certificates(raw, sources)
    model = _validate(raw, sources, member.place or "site")
    fields = {name: getattr(model, name) for name in Site.model_fields}
    return Loaded(
        Site.model_construct(model.model_fields_set - {"options"}, **fields),
        _placed(model.options, sources),
        sources,
        member.file,
        example,
        (*assumed, *named.assumed),
        named.read,
        member.chosen,
    )


def load_options(
    flags: SiteFlags,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    site_file: str | None = None,
) -> Options:
    """Read `[options]` alone, for commands that look at no site: what the file says about one is neither needed nor judged."""
    environ = os.environ if environ is None else environ
    member = _members(site_file or environ.get("OTA_PROXY_SITE"), folder or Path.cwd())[0]
    layer = member.layer + environment_layer(environ) + flag_layer(flags)
    raw, sources = _laid([row for row in layer if row[0][0] == "options"])
    _ignore_more(raw, sources, flags.ignores)
    _assume(raw, sources, given=False)
    return _placed(_validate(raw, sources, member.place or "site").options, sources)


def _laid(layer: Layer) -> tuple[dict[str, Any], dict[Key, Source]]:
    raw: dict[str, Any] = {}
    sources: dict[Key, Source] = {}
    for key, value, source in layer:
        _put(raw, sources, key, value, source)
    return raw, sources


def _members(chosen: str | None, folder: Path) -> tuple[Member, ...]:
    """Return the sites of a file, or of all files of a folder; one without a file if there is none."""
    if chosen and Path(chosen).is_dir():
        return several.of_folder(Path(chosen), {path: _file_layer(path, ()) for path in several.files_of(Path(chosen))})
    file, table = _explicit(Path(chosen)) if chosen else _nearest_file(folder)
    return several.of_file(file, _file_layer(file, table)) if file else (Member(None, None, "", []),)


def _explicit(path: Path) -> tuple[Path, tuple[str, ...]]:
    return path, _TABLE if path.name == "pyproject.toml" else ()


def _nearest_file(folder: Path) -> tuple[Path | None, tuple[str, ...]]:
    for place in (folder, *folder.parents):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME, ()
        project = place / "pyproject.toml"
        if project.is_file() and _has_table(project):
            return project, _TABLE
    return None, ()


def _has_table(path: Path) -> bool:
    """Say whether a project file has a table of ours; one that names it and is not TOML has one, so that its mistake is told."""
    try:
        text = read_file(path, SETTINGS_FILE).decode("utf-8", errors="replace")
        tool = _toml(text).get("tool") if "ota-proxy" in text else None
    except OSError:
        return False  # somebody else's file, and not for us to read
    except (ValueError, RecursionError):
        return "[tool.ota-proxy" in text
    return isinstance(tool, dict) and isinstance(tool.get("ota-proxy"), dict)


def _toml(text: str) -> dict[str, Any]:
    """Read TOML; ValueError also for a key of very many parts, which takes the parser time in the square of them."""
    if any(line.partition("=")[0].count(".") > KEY_PARTS and _KEY.match(line) for line in text.splitlines()):
        raise ValueError(f"a key has more than {KEY_PARTS} parts")
    return tomllib.loads(text)


def _file_layer(path: Path, table: tuple[str, ...]) -> Layer:
    try:
        text = read_stream(path, SETTINGS_FILE).decode("utf-8-sig")
        data: Any = _toml(text)
    except OSError as error:
        raise UsageError(
            f"cannot read the site file: {error.strerror}", place=short(path), hint="give another one with --site"
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the site file is not UTF-8 (byte {error.start})", place=short(path), hint="save it as UTF-8"
        ) from None
    except (ValueError, RecursionError) as error:  # not TOML, or a number of 5,000 digits
        raise UsageError(
            f"the site file is not TOML: {error}", place=short(path), hint="see https://toml.io for the notation"
        ) from None
    for step in table:
        data = data.get(step, {})
        if not isinstance(data, dict):
            raise UsageError(f"'{step}' is not a table here", place=short(path), hint=f"write [{'.'.join(table)}]")
    lines, name = key_lines(text, table), short(path)
    layer: Layer = [(key, value, Source("file", name, lines.get(key, 0))) for key, value in leaves(data)]
    deeper = [(key, None, Source("file", name, line)) for key, line in lines.items() if len(key) > 1]
    return layer + deeper


def _put(raw: dict[str, Any], sources: dict[Key, Source], key: Key, value: Any, source: Source) -> None:  # noqa: ANN401 - raw
    if value is None:
        sources[key] = source  # only a place: the value came with its table
        return
    for known in [known for known in sources if known[: len(key)] == key]:
        del sources[known]
    sources[key] = source
    place: dict[str, Any] = raw
    for step in key[:-1]:
        inner = place.setdefault(str(step), {})
        if not isinstance(inner, dict):
            inner = place[str(step)] = {}
        place = inner
    place[str(key[-1])] = value


def _ignore_more(raw: dict[str, Any], sources: dict[Key, Source], texts: Sequence[str]) -> None:
    """Add what --ignore says to what file or environment have: unlike other flags it takes nothing back."""
    added = ignore_flags(texts)
    options = raw.setdefault("options", {}) if added else {}
    known = options.get("ignore", []) if isinstance(options, dict) else None
    if not added or not isinstance(known, list):
        return  # what is not a table or an array is told when it is validated
    for number, row in enumerate(added, len(known)):
        sources[*_IGNORE, number] = Source("flag", FLAG)
        known = [*known, row]
    options["ignore"] = known


def _placed(options: Options, sources: Mapping[Key, Source]) -> Options:
    """Give every entry of `ignore` the place where it stands."""
    found = [one.at(str(nearest(sources, (*_IGNORE, number)))) for number, one in enumerate(options.ignore)]
    return options.model_copy(update={"ignore": tuple(found)})


def _assume(raw: dict[str, Any], sources: dict[Key, Source], *, given: bool) -> tuple[bool, list[str]]:
    """Fill in what an example needs, and say so; a site with a file or flags must at least name its domain."""
    said = []
    if not given:
        raw["domains"] = [EXAMPLE_DOMAIN]
        said.append(f"no site file and no flags: this is the example site {EXAMPLE_DOMAIN}")
    if "locations" not in raw:
        raw["locations"] = [{"path": "/", "root": ASSUMED_ROOT}]
        sources[("locations",)] = Source("assumed", "assumed")
        said.append(f"no location given: the folder {ASSUMED_ROOT} is served; --root or --upstream says otherwise")
    offloaded = isinstance(raw.get("tls"), dict) and raw["tls"].get("offloaded") is True
    if "certificates" not in raw and not offloaded:
        names = raw.get("domains")
        live = f"/etc/letsencrypt/live/{names[0] if isinstance(names, list) and names else EXAMPLE_DOMAIN}"
        raw["certificates"] = [{"cert": f"{live}/fullchain.pem", "key": f"{live}/privkey.pem"}]
        sources[("certificates",)] = Source("assumed", "assumed")
        said.append(
            f"no certificate given: {live}/fullchain.pem and privkey.pem are assumed; --cert and --key say otherwise"
        )
    return not given, said


def _name_certificates(raw: dict[str, Any], sources: Mapping[Key, Source]) -> FromFiles:
    """Write the names into `raw` that the certificate files of this machine have, where the site names none."""
    try:
        found = from_files(raw)
    except UsageError as error:
        source = nearest(sources, error.key) or DEFAULT
        error.place = f"{source}: {source.key(error.key)}"
        raise
    if found.names:
        rows = enumerate(raw["certificates"])
        raw["certificates"] = [
            {**row, "domains": list(found.names[index])} if index in found.names else row for index, row in rows
        ]
    return found


def _validate(raw: dict[str, Any], sources: Mapping[Key, Source], site: str) -> SiteFile:
    try:
        return SiteFile.model_validate(raw)
    except ValidationError as error:
        mistakes = mistakes_of(error.errors(include_url=False), raw, sources, site)
    if len(mistakes) == 1:
        place, text, hint = mistakes[0]
        raise UsageError(text, place=place, hint=hint)
    lines = [str(UsageError(text, place=place, hint=hint)) for place, text, hint in mistakes]
    raise UsageError("\n".join(lines))
