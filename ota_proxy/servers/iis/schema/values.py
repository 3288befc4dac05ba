"""From an attribute's text to its typed value, or to IIS's sentence about what is wrong with it (ValueError).

Source: the comment that opens IIS's schema files (types and validators). Booleans and words of enums are taken in any case:
Microsoft's samples hold True and isFile; `spelling` tells where IIS's own spelling differs, because nobody documented whether it matters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from ota_proxy.servers.iis.schema.model import Attribute, Value

_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):([0-5]?\d)(?::([0-5]?\d)(?:\.(\d{1,7}))?)?", re.ASCII)
_NUMBER = re.compile(r"-?\d+|0[xX][0-9A-Fa-f]+", re.ASCII)
_LIMITS = {"uint": (0, 2**32 - 1), "int": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_LONGEST_NUMBER = 20
_POOL_NAME = '|<>&"/[]+=;:,?*@'
_SITE_NAME = "/?"


def parse(spec: Attribute, text: str) -> Value:
    """Return the typed value of an attribute's text; ValueError with IIS's sentence."""
    value = _READERS[spec.type](spec, text)
    if spec.validation:
        _VALIDATORS[spec.validation](spec, value)
    return value


def spelling(spec: Attribute, text: str) -> str:
    """Return the schema's spelling of an enum or of flags where the text's differs in case only, else an empty string."""
    if spec.type not in {"enum", "flags"}:
        return ""
    wanted = str(_READERS[spec.type](spec, text))
    given = ",".join(part.strip() for part in text.split(",")) if spec.type == "flags" else text
    return wanted if wanted != given else ""


def _bool(_spec: Attribute, text: str) -> Value:
    if text.lower() not in {"true", "false"}:
        raise ValueError("Not a valid boolean")
    return text.lower() == "true"


def _enum(spec: Attribute, text: str) -> Value:
    found = _member(spec, text)
    if not found:
        raise ValueError(f"Enum must be one of {', '.join(spec.members)}")
    return found


def _flags(spec: Attribute, text: str) -> Value:
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    found = [_member(spec, part) for part in parts]
    if not all(found):
        raise ValueError(f"Flags must be some combination of {', '.join(spec.members)}")
    return ",".join(found)


def _member(spec: Attribute, text: str) -> str:
    return next((one for one in spec.members if one.lower() == text.lower()), "")


def _integer(spec: Attribute, text: str) -> Value:
    if spec.infinite and text == "Infinite":
        return _LIMITS[spec.type][1]
    if not _NUMBER.fullmatch(text) or len(text) > _LONGEST_NUMBER:
        raise ValueError(f"Not a valid {'unsigned ' * (spec.type == 'uint')}integer")
    number = int(text, 16 if text[:2].lower() == "0x" else 10)
    lowest, highest = _LIMITS[spec.type]
    if not lowest <= number <= highest:
        raise ValueError(f"Not a valid {'unsigned ' * (spec.type == 'uint')}integer")
    return number


def _string(_spec: Attribute, text: str) -> Value:
    return text


def _time_span(spec: Attribute, text: str) -> Value:
    if spec.infinite and text == "Infinite":
        return timedelta.max
    if spec.time_format != "string":
        if not re.fullmatch(r"\d{1,10}", text, re.ASCII):
            raise ValueError("Not a valid time span")
        return timedelta(**{spec.time_format: int(text)})
    match = _SPAN.fullmatch(text)
    if not match or len(match[1] or "") > 8:
        raise ValueError("Not a valid time span")
    days, hours, minutes, seconds, fraction = (part or "0" for part in match.groups())
    micro = int(fraction.ljust(7, "0")) // 10
    return timedelta(int(days), int(seconds), micro, hours=int(hours), minutes=int(minutes))


_READERS: dict[str, Callable[[Attribute, str], Value]] = {
    "bool": _bool,
    "enum": _enum,
    "flags": _flags,
    "uint": _integer,
    "int": _integer,
    "int64": _integer,
    "string": _string,
    "timeSpan": _time_span,
}


# -- validators ----------------------------------------------------------------------------------------------------------


def _integer_range(spec: Attribute, value: Value) -> None:
    lowest, highest, *_ = spec.parameter
    inside = isinstance(value, int) and lowest <= value <= highest
    if inside == spec.excluded:
        raise ValueError(f"Integer value must {'not ' * spec.excluded}be between {lowest} and {highest} inclusive")


def _span_range(spec: Attribute, value: Value) -> None:
    lowest, highest, *step = spec.parameter
    seconds = value.total_seconds() if isinstance(value, timedelta) else 0
    if (lowest <= seconds <= highest) == spec.excluded:
        raise ValueError(
            f"Timespan value must {'not ' * spec.excluded}be between {timedelta(seconds=lowest)} and "
            f"{timedelta(seconds=highest)} inclusive"
        )
    if step and step[0] and seconds % step[0]:
        raise ValueError(f"Timespan value must be a multiple of {step[0]} seconds")


def _not_empty(_spec: Attribute, value: Value) -> None:
    if value == "":
        raise ValueError("String must not be empty")


def _trimmed(_spec: Attribute, value: Value) -> None:
    if isinstance(value, str) and value != value.strip():
        raise ValueError("String must not have whitespace at its start or end")


def _pool_name(_spec: Attribute, value: Value) -> None:
    if not value or set(str(value)) & set(_POOL_NAME):
        raise ValueError("Invalid application pool name")


def _site_name(_spec: Attribute, value: Value) -> None:
    if not value or set(str(value)) & set(_SITE_NAME):
        raise ValueError("Invalid site name")


def _application_path(_spec: Attribute, value: Value) -> None:
    if not _is_path(str(value)):
        raise ValueError("Invalid application path")


def _directory_path(_spec: Attribute, value: Value) -> None:
    if not _is_path(str(value)):
        raise ValueError("Invalid virtual directory path")


def _is_path(text: str) -> bool:
    steps = text.split("/")
    return text == "/" or (text[:1] == "/" and text[-1] != "/" and not {".", ".."} & set(steps))


_VALIDATORS: dict[str, Callable[[Attribute, Value], None]] = {
    "integerRange": _integer_range,
    "timeSpanRange": _span_range,
    "nonEmptyString": _not_empty,
    "requireTrimmedString": _trimmed,
    "applicationPoolName": _pool_name,
    "siteName": _site_name,
    "applicationPath": _application_path,
    "virtualDirectoryPath": _directory_path,
}
VALIDATORS = frozenset(_VALIDATORS)
