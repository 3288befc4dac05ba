"""Flags and environment variables as layers of raw values: (key, value, source), still unvalidated.

And back: the flags that say again what variables said, so that a command can be repeated on another machine.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from ota_proxy.errors import UsageError, did_you_mean
from ota_proxy.settings.options import SiteFile
from ota_proxy.settings.sources import Key, Loaded, Source, dotted

PREFIX = "OTA_PROXY_"
NOT_SETTINGS = frozenset({"OTA_PROXY_DEBUG", "OTA_PROXY_SITE", "OTA_PROXY_DOCKER", "OTA_PROXY_UPDATE_GOLDEN"})
"""Variables with our prefix that are no keys of the site."""

_PREFIXED = re.compile(r"(/|/[^=]*?/)=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SiteFlags:
    """The site flags of a command line, as typed. `sets` has KEY=VALUE texts for any key of the file."""

    domains: Sequence[str] = ()
    roots: Sequence[str] = ()
    upstreams: Sequence[str] = ()
    certs: Sequence[str] = ()
    keys: Sequence[str] = ()
    public_url: str | None = None
    tls_profile: str | None = None
    trusted_proxies: Sequence[str] = ()
    sets: Sequence[str] = ()
    options: Mapping[str, str | None] = field(default_factory=dict)
    """Key of `[options]` → value of its flag."""
    with_modules: Sequence[str] = ()
    ignores: Sequence[str] = ()
    """RULE=REASON texts; they add to `options.ignore`, all other flags replace."""


Layer = list[tuple[Key, Any, Source]]
"""Values by key; one without a value (None) only says where a part of an earlier one comes from."""


def flag_layer(flags: SiteFlags) -> Layer:
    """Turn flags into values; UsageError names the flag."""
    layer: Layer = []
    if flags.domains:
        layer.append((("domains",), list(flags.domains), Source("flag", "--domain")))
    if flags.trusted_proxies:
        layer.append((("trusted_proxies",), list(flags.trusted_proxies), Source("flag", "--trusted-proxy")))
    layer += _locations(flags.roots, flags.upstreams, ("--root", "--upstream"))
    layer += _certificates(flags.certs, flags.keys, ("--cert", "--key"))
    for key, value, name in (
        (("public_url",), flags.public_url, "--public-url"),
        (("tls", "profile"), flags.tls_profile, "--tls-profile"),
        (("options", "with_modules"), list(flags.with_modules) or None, "--with-module"),
    ):
        if value is not None:
            layer.append((key, value, Source("flag", name)))
    for option, chosen in flags.options.items():
        if chosen is not None:
            layer.append((("options", option), chosen, Source("flag", "--" + option.replace("_", "-"))))
    return layer + [_set(text) for text in flags.sets]


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Turn `OTA_PROXY_*` into values; an unknown variable is refused with a did-you-mean."""
    names, layer = variables(), []
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and name not in NOT_SETTINGS}
    short = {name: given.pop(name, "") for name in SHORT}
    for name, value in sorted(given.items()):
        if name not in names:
            hint = did_you_mean(name, (*names, *SHORT)) or "`ota-proxy config show` lists every key"
            raise UsageError(f"the environment variable {name} is not known", place=name, hint=hint)
        layer.append((names[name], _read(value, _annotation(names[name]), name), Source("environment", name)))
    return layer + _short_layer(short)


SHORT = ("OTA_PROXY_DOMAIN", "OTA_PROXY_ROOT", "OTA_PROXY_UPSTREAM", "OTA_PROXY_CERT", "OTA_PROXY_KEY")


def _short_layer(short: Mapping[str, str]) -> Layer:
    domain, root, upstream, cert, key = (short[name] for name in SHORT)
    layer: Layer = [(("domains",), _words(domain), Source("environment", SHORT[0]))] if domain else []
    layer += _locations(_some(root), _some(upstream), SHORT[1:3], "environment")
    return layer + _certificates(_some(cert), _some(key), SHORT[3:], "environment")


def _some(text: str) -> list[str]:
    return [text] if text else []


@cache
def variables() -> dict[str, Key]:
    """Return the environment variable of every key: `OTA_PROXY_HSTS_MAX_AGE` → `("hsts", "max_age")`."""
    return {
        PREFIX + "_".join(str(step) for step in key if step != "options").upper(): key for key in leaf_keys(SiteFile)
    }


def leaf_keys(model: type[BaseModel], above: Key = ()) -> Iterator[Key]:
    """Yield every key that has a value of its own; tables are walked into, arrays and maps are one value."""
    for name, info in model.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from leaf_keys(annotation, (*above, name))
        else:
            yield (*above, name)


def leaves(data: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Yield every value of a file under its own key; what the site knows as one value (an array, a map) stays one."""
    whole = set(leaf_keys(SiteFile))
    for name, value in data.items():
        key = (*above, name)
        if isinstance(value, dict) and value and key not in whole:
            yield from leaves(value, key)
        else:
            yield key, value


def _annotation(key: Key) -> Any:  # noqa: ANN401 - a typing form
    model: Any = SiteFile
    for step in key[:-1]:
        model = model.model_fields[step].annotation
    return model.model_fields[key[-1]].annotation


def _locations(
    roots: Sequence[str],
    upstreams: Sequence[str],
    names: Sequence[str],
    kind: Literal["flag", "environment"] = "flag",
) -> Layer:
    found: list[dict[str, str]] = []
    places: Layer = []
    for key, name, texts in zip(("root", "upstream"), names, (roots, upstreams), strict=True):
        for text in texts:
            match = _PREFIXED.fullmatch(text)
            places.append((("locations", len(found)), None, Source(kind, name)))
            found.append({"path": match[1], key: match[2]} if match else {"path": "/", key: text})
    if len([row for row in found if row["path"] == "/"]) > 1:
        raise UsageError(
            "two locations claim the prefix /",
            place=names[0] if roots else names[1],
            hint="write the prefix before the folder or upstream: --root /ota/=/srv/ota",
        )
    return [(("locations",), found, Source(kind, names[0] if roots else names[1])), *places] if found else []


def _certificates(
    certs: Sequence[str],
    keys: Sequence[str],
    names: Sequence[str],
    kind: Literal["flag", "environment"] = "flag",
) -> Layer:
    if len(certs) != len(keys):
        lacking = names[1] if len(certs) > len(keys) else names[0]
        raise UsageError(
            f"{names[0]} and {names[1]} come in pairs, {lacking} is missing",
            place=lacking,
            hint="give both, certificate and key",
        )
    rows = [{"cert": cert, "key": key} for cert, key in zip(certs, keys, strict=True)]
    places: Layer = [(("certificates", index, "key"), None, Source(kind, names[1])) for index in range(len(rows))]
    return [(("certificates",), rows, Source(kind, names[0])), *places] if rows else []


def _set(text: str) -> tuple[Key, Any, Source]:
    name, sign, value = text.partition("=")
    key: Key = tuple(step.strip() for step in name.split("."))
    if not sign or not all(key):
        raise UsageError(f"'{text}' is not KEY=VALUE", place="--set", hint="for instance --set hsts.max_age=31536000")
    known = {dotted(leaf): leaf for leaf in leaf_keys(SiteFile)}
    maps = [leaf for leaf in known.values() if get_origin(_annotation(leaf)) is dict and key[: len(leaf)] == leaf]
    inside = [name for name, leaf in known.items() if leaf[: len(key)] == key and leaf != key]
    if inside and dotted(key) not in known:
        hint = f"set its keys, each with a --set of its own: {', '.join(inside)}"
        raise UsageError(f"the key '{dotted(key)}' is a table", place="--set", hint=hint)
    if dotted(key) not in known and not maps:
        hint = did_you_mean(dotted(key), known) or "`ota-proxy config show` lists every key"
        raise UsageError(f"the key '{dotted(key)}' is not known", place="--set", hint=hint)
    annotation = _annotation(known[dotted(key)]) if dotted(key) in known else str
    return key, _read(value, annotation, "--set"), Source("flag", "--set")


def _read(text: str, annotation: Any, place: str) -> Any:  # noqa: ANN401 - a raw value
    """Read a text for a field: numbers, booleans, arrays and tables as TOML; texts as they are; `a,b` for an array of texts."""
    forms = (annotation, get_origin(annotation), *get_args(annotation))
    if str in forms and annotation is str:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # not TOML, or a number of 5,000 digits, or nested without end
        if dict in forms:
            raise UsageError(f'\'{text}\' is not a TOML table such as {{ ".ext" = "type" }}', place=place) from None
        tables = [one for one in forms if isinstance(one, type) and issubclass(one, BaseModel)]
        if tables:
            hint = ", ".join(f'{name} = "…"' for name in list(tables[0].model_fields)[:2])
            raise UsageError(
                f"'{text}' is not a TOML array of tables", place=place, hint=f"for instance [{{ {hint} }}]"
            ) from None
        return _words(text) if tuple in forms else text


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


OPTIONS = ("server_version", "tls_library", "with_modules", "scope")
"""Keys of `[options]` that change what is rendered."""


# -- and back --------------------------------------------------------------------------------------------------------


def flags_again(loaded: Loaded, environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (flag, value) for every variable that decides a value of the rendered files, in the order of the keys."""
    pairs: list[tuple[str, str]] = []
    for key, source in sorted(loaded.sources.items(), key=lambda row: dotted(row[0])):
        whole = not any(isinstance(step, int) for step in key)  # the flags of an array repeat its parts
        if whole and source.kind == "environment" and (key[0] != "options" or key[1] in OPTIONS):
            modules = loaded.options.with_modules if key == ("options", "with_modules") else ()
            pairs += [("--with-module", name) for name in modules] or _pairs(key, source.name, environ)
    return pairs


def _pairs(key: Key, name: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if key[0] == "options":
        yield "--" + str(key[1]).replace("_", "-"), environ[name]
    elif name in SHORT:
        yield from _short(key, environ)
    else:
        yield "--set", f"{dotted(key)}={environ[name]}"


def _short(key: Key, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    domain, root, upstream, cert, private = SHORT
    names = {"domains": (domain,), "locations": (root, upstream), "certificates": (cert, private)}[str(key[0])]
    for name in names:
        values = environ.get(name, "").split(",") if name == domain else [environ.get(name, "")]
        flag = "--" + name.removeprefix("OTA_PROXY_").lower()
        yield from ((flag, value.strip()) for value in values if value.strip())
