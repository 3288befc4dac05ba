"""Reads and writes iis-recorded.json: what IIS answered to the behaviour cases, by case id and step, on a named Windows build.

The file lies beside this module and only a run of the Windows lane may write it; where it is not there, nothing was recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from ota_proxy.facts.levels import level_line
from tests.iis.wire import Request, Seen

FILE = Path(__file__).with_name("iis-recorded.json")
_SCHEMA = Path(__file__).with_name("recorded.schema.json")
NOT_RUN = "L3 not run: nobody has recorded answers of a Windows build yet (tests/windows/README.md says how)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one step."""

    case: str
    step: int
    outcome: str
    status: int = 0
    substatus: int | None = None
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """The answers of one Windows build; `server` is `iis` or `iis-express`."""

    server: str
    build: str
    product: str
    modules: Mapping[str, str]
    answers: tuple[Answer, ...]

    @property
    def name(self) -> str:
        """The build as reports name it."""
        return f"{'IIS Express' if self.server == 'iis-express' else 'IIS'} on {self.product} {self.build}"


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return schema


def load(path: Path = FILE) -> tuple[Recording, ...]:
    """Return all recordings, none where the file is absent; jsonschema.ValidationError for a file out of form."""
    if not path.is_file():
        return ()
    content = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(content, _schema())
    return tuple(_recording(raw) for raw in content["recordings"])


def _recording(raw: Mapping[str, Any]) -> Recording:
    answers = tuple(Answer(**(one | {"names": tuple(one.get("names", ()))})) for one in raw["answers"])
    return Recording(raw["server"], raw["build"], raw["product"], raw["modules"], answers)


def save(path: Path, new: Recording) -> None:
    """Write a recording into the file, in place of an earlier one of the same server and build."""
    kept = [one for one in load(path) if (one.server, one.build) != (new.server, new.build)]
    rows = sorted([*kept, new], key=lambda one: (one.server, one.build))
    content = {"schema": "ota-proxy/iis-recorded/1", "recordings": [_raw(one) for one in rows]}
    jsonschema.validate(content, _schema())
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True) + "\n", encoding="utf-8")


def _raw(one: Recording) -> dict[str, Any]:
    answers = [_raw_answer(answer) for answer in sorted(one.answers, key=lambda row: (row.case, row.step))]
    return {
        "server": one.server,
        "build": one.build,
        "product": one.product,
        "modules": dict(one.modules),
        "answers": answers,
    }


def _raw_answer(one: Answer) -> dict[str, Any]:
    raw: dict[str, Any] = {"case": one.case, "step": one.step, "outcome": one.outcome}
    if one.outcome == "answered":
        raw |= {"status": one.status, "substatus": one.substatus, "headers": dict(one.headers), "body": one.body}
        raw |= {"reason": one.reason} if one.reason else {}
    return raw | ({"names": list(one.names)} if one.names else {})


def answer_of(case: str, step: int, seen: Seen, substatus: int | None) -> Answer:
    """Return an observation as it is recorded."""
    if seen.tls_failed or seen.closed:
        return Answer(case, step, "tls-failed" if seen.tls_failed else "closed", names=seen.names)
    headers = {name: value for name, value in seen.headers.items() if name != "date"}
    digest = hashlib.sha256(seen.text).hexdigest()
    return Answer(case, step, "answered", seen.status, substatus, seen.reason, headers, digest, seen.names)


def seen_of(answer: Answer, request: Request) -> Seen:
    """Return a recorded answer as if it had just come, for the checks of the cases; its body is not kept."""
    seen = Seen(request, status=answer.status, reason=answer.reason, headers=dict(answer.headers), names=answer.names)
    seen.closed, seen.tls_failed = answer.outcome == "closed", answer.outcome == "tls-failed"
    seen.headers.pop("content-encoding", None)
    return seen


def differences(recorded: Answer, emulated: Answer, compared: frozenset[str]) -> Iterator[str]:
    """Yield in which an emulated answer is not the recorded one: outcome, status, sub-status, body and the headers to compare.

    Headers to compare are those a case speaks of: the others (Server, ETag of a change time, …) are a machine's own.
    """
    rows: list[tuple[str, object, object]] = [("outcome", recorded.outcome, emulated.outcome)]
    if recorded.outcome == emulated.outcome == "answered":
        rows.append(("status", recorded.status, emulated.status))
        if recorded.substatus is not None:
            rows.append(("substatus", recorded.substatus, emulated.substatus))
        if recorded.status == emulated.status == 200:
            rows.append(("body", recorded.body, emulated.body))
        rows += [(name, recorded.headers.get(name), emulated.headers.get(name)) for name in sorted(compared)]
    for what, theirs, ours in rows:
        if theirs != ours:
            yield f"{recorded.case} step {recorded.step}: {what} was {theirs!r} on Windows, the emulator has {ours!r}"


def standing(recordings: tuple[Recording, ...]) -> str:
    """Say in one line what level 3 stands for today; the level is only named where there are answers."""
    known = [one for one in recordings if one.answers]
    if not known:
        return NOT_RUN
    return f"{level_line('L3')} ({'; '.join(f'{len(one.answers)} answers of {one.name}' for one in known)})"
