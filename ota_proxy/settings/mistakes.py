"""Words what validation found wrong: one sentence for each mistake, with the place where the very value stands and a way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from ota_proxy.errors import did_you_mean
from ota_proxy.settings.options import WITH_HINT, SitesFile
from ota_proxy.settings.sources import DEFAULT, Key, Source, nearest

_WORDS = {
    "tuple_type": "must be an array",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "string_type": "must be a text in quotes",
    "too_short": "must not be empty",
    "too_long": "has too many entries",
}


def mistakes_of(
    problems: Sequence[Any], raw: Mapping[str, Any], sources: Mapping[Key, Source], site: str
) -> list[tuple[str, str, str]]:
    """Return (place, sentence, hint) of each mistake once, without the echoes that one mistake has in the values around it.

    What is missing comes last, as an unknown key is often its other spelling.
    `problems` are pydantic's error details of the values `raw`; `site` is the place of what stands nowhere.
    """
    found: dict[Key, tuple[str, str, str]] = {}
    for problem in sorted(problems, key=lambda problem: (problem["type"] == "missing", -len(problem["loc"]))):
        key = _key(problem, raw)
        echo = problem["type"] == "too_short" and any(other[: len(key)] == key for other in found)
        if key not in found and not echo:
            found[key] = _sentence(problem, key, sources, site)
    own = [row for key, row in found.items() if (nearest(sources, key) or DEFAULT).kind != "assumed"]
    return own or list(found.values())


def _key(problem: Any, raw: Any) -> Key:  # noqa: ANN401 - ErrorDetails, and raw values
    """Return the key of a problem: the steps of its `loc` that lead somewhere in the values, and what a check of ours adds.

    The other steps are pydantic's own words, such as the member of a union that it tried.
    """
    key: Key = ()
    value = raw
    for step in problem["loc"]:
        inside = isinstance(value, Sequence) and isinstance(step, int) and step < len(value)
        if inside or (isinstance(value, Mapping) and step in value):
            key, value = (*key, step), value[step]
        elif isinstance(value, Mapping) and problem["type"] == "missing":
            key = (*key, step)
    return (*key, *getattr(problem.get("ctx", {}).get("error"), "key", ()))


def _sentence(problem: Any, key: Key, sources: Mapping[Key, Source], site: str) -> tuple[str, str, str]:  # noqa: ANN401 - ErrorDetails
    source, kind = nearest(sources, key), problem["type"]
    place, named = str(source or site), (source or DEFAULT).key(key)
    if kind == "extra_forbidden":
        known = _siblings(key)
        return (
            place,
            f"unknown key '{named}'",
            did_you_mean(str(key[-1]), known) or f"known keys: {', '.join(known)}",
        )
    if key == ("domains",) and kind in ("missing", "too_short"):
        hint = 'give --domain ota.example.com, or domains = ["…"] in the site file'
        return place if nearest(sources, key) or site != "site" else "--domain", "the site has no domain", hint
    if kind == "missing":
        return place, f"the key '{named}' is missing", ""
    if kind == "value_error":
        said = str(problem["msg"]).removeprefix("Value error, ")
        return place, f"{named}: {said}" if key else said, ""
    if kind == WITH_HINT:
        return place, f"{named}: {problem['msg']}", problem["ctx"]["hint"]
    said = _WORDS.get(kind) or str(problem["msg"]).replace("Input should be", "must be")
    value = problem.get("input")
    shown = (
        f", not {str(value).lower() if isinstance(value, bool) else repr(value)}"
        if isinstance(value, (int, float, str))
        else ""
    )
    return place, f"{named} {said}{shown}", ""


def _siblings(key: Key) -> tuple[str, ...]:
    model: Any = SitesFile
    for step in key[:-1]:
        if isinstance(step, str):
            model = model.model_fields[step].annotation
            inner = next(
                (arg for arg in getattr(model, "__args__", ()) if isinstance(arg, type) and issubclass(arg, BaseModel)),
                None,
            )
            model = inner or model
    return tuple(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else ()
