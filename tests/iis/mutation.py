"""Changes expectations so that they are false: a checker that still agrees checks nothing.

A tenth of the cases is drawn for each run from a seed: `OTA_IIS_SEED`, else one of the run, the same in every worker.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

_NEVER = "(?!)"
_OTHER = {
    "closes": False,
    "tls": "works",
    "hresult": "0x80070005",
    "serves": "never.txt",
    "certificate": "never.example.net",
}


def seed() -> int:
    """Return this run's seed."""
    given = os.environ.get("OTA_IIS_SEED")
    if given is None:
        given = str(zlib.crc32(os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getppid())).encode()))
    return int(given)


def drawn(case_id: str) -> bool:
    """Say whether a case is one of the tenth."""
    return zlib.crc32(f"{seed()} {case_id}".encode()) % 10 == 0


def mutants(expected: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each expectation changed alone, with the name of what was changed."""
    for key, want in expected.items():
        if key in {"headers", "upstream"}:
            for name, value in want.items():
                yield f"{key} {name}", {**expected, key: {**want, name: _changed(value)}}
        elif key in _OTHER:
            yield key, {**expected, key: _OTHER[key]}
        elif key == "answer":
            yield key, {**expected, key: _status(want)}
        elif key == "contains":
            yield key, {**expected, key: "never there"}
        else:
            yield key, {**expected, key: _changed(want)}


def _changed(want: Any) -> Any:  # noqa: ANN401 - any TOML value
    if isinstance(want, bool):
        return "never" if want is False else False
    if isinstance(want, str):
        return f"{want}!"
    return {"like": _NEVER} if "like" in want else {**want, "tokens": [*want["tokens"], "never"]}


def _status(want: Any) -> Any:  # noqa: ANN401 - any TOML value
    """Another status, or another sub-status where one is expected."""
    if not isinstance(want, str):
        return ["299"]
    status, dot, _ = want.partition(".")
    return f"{status}.77" if dot else "299"


def validity_mutants(expected: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each part of an expected verdict changed alone, with the name of what was changed."""
    for key, want in expected.items():
        if key in {"valid", "refused"}:
            yield key, {"valid": key == "refused"}
        elif key in {"line", "column"}:
            yield key, {**expected, key: want + 1}
        else:
            yield key, {**expected, key: "0x80070005" if key == "hresult" else "never said"}
