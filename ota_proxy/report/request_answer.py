"""The answer to one request, as JSON (`ota-proxy/effective/1`) and as text: each header with its file and line, then why."""

from __future__ import annotations

import os
from typing import Any, Final

from ota_proxy.printable import as_json, inert, printable
from ota_proxy.servers.answered import Answered, Step
from ota_proxy.servers.text import Span

SCHEMA: Final = "ota-proxy/effective/1"
_WIDE: Final = 48
"""Columns of `name: value` before the place."""


def effective_document(answer: Answered) -> str:
    """Return one JSON object; what is not known is null, and named in `unknown`."""
    tls = answer.tls
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "url": answer.url,
        "server": answer.server,
        "status": answer.status,
        "headers": [{"name": one.name, "value": one.value, **_place(one.span)} for one in answer.headers],
        "location": answer.location,
        "file_served": answer.file_served,
        "upstream": answer.upstream,
        "tls": tls and {"protocols": tls.protocols and list(tls.protocols), "certificate": tls.certificate},
        "trace": [{**_place(step.span), "text": step.text, "why": step.why} for step in answer.trace],
        "unknown": [{"what": one.what, **_place(one.span)} for one in answer.unknown],
    }
    return as_json(document, indent=2)


def _place(span: Span | None) -> dict[str, str | int | None]:
    return {"file": span.file if span else None, "line": span.line if span else None}


def effective_text(answer: Answered, method: str) -> str:
    """Return the answer for people: the request, the headers with their lines, why, and what is not known."""
    base = _common_folder(answer)
    status = "not known" if answer.status is None else str(answer.status)
    parts = [f"{method} {answer.url} → {status}", *_headers(answer, base), *_facts(answer)]
    if answer.trace:
        parts += ["", "Why", *(_step(step, base) for step in answer.trace)]
    if answer.unknown:
        parts += ["", "Not known", *(f"  {one.what}{_at(one.span, base)}" for one in answer.unknown)]
    if base:
        parts += ["", f"Files are below {base}"]
    return inert("\n".join(printable(part) for part in parts))


def _headers(answer: Answered, base: str) -> list[str]:
    rows = [(f"  {one.name}: {'(not known)' if one.value is None else one.value}", one.span) for one in answer.headers]
    return [f"{text:<{_WIDE}}{_at(span, base)}" if span else text for text, span in rows]


def _facts(answer: Answered) -> list[str]:
    tls = answer.tls
    pairs = [
        ("Block", answer.location),
        ("File", answer.file_served),
        ("Upstream", answer.upstream),
        ("TLS", ", ".join(tls.protocols) if tls and tls.protocols else None),
        ("Certificate", tls.certificate if tls else None),
    ]
    found = [f"{name}: {value}" for name, value in pairs if value]
    return ["", *found] if found else []


def _step(step: Step, base: str) -> str:
    text = f"`{step.text}`: {step.why}" if step.text else step.why
    return f"  {text}{_at(step.span, base)}"


def _at(span: Span | None, base: str) -> str:
    if span is None:
        return ""
    file = span.file[len(base) :].lstrip("/\\") if base else span.file
    return f"  [{file}:{span.line}]" if span.line else f"  [{file}]"


def _common_folder(answer: Answered) -> str:
    """Return the folder that all files lie in, empty if there is none or only one file."""
    spans = [one.span for group in (answer.headers, answer.trace, answer.unknown) for one in group]
    files = sorted({span.file for span in spans if span})
    if len(files) < 2:
        return ""
    try:
        folder = os.path.commonpath(files)
    except ValueError:
        return ""
    return folder if folder not in {"/", "\\"} else ""
