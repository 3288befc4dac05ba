"""nginx text as a tree of directives, by a reader that shares no code with the product."""

from __future__ import annotations

import tempfile
from typing import Any

import crossplane
from crossplane import analyzer

from ota_proxy.servers.rendered import Scope

Tree = list[tuple[str, tuple[str, ...], "Tree | None"]]


_SERVER = analyzer.NGX_HTTP_MAIN_CONF | analyzer.NGX_HTTP_SRV_CONF


_YOUNGER: dict[str, list[int]] = {  # than crossplane 0.5.8: 1.25.1, 1.19.4 and 1.29.3 (nginx CHANGES)
    "http2": [_SERVER | analyzer.NGX_CONF_FLAG],
    "ssl_reject_handshake": [_SERVER | analyzer.NGX_CONF_FLAG],
    "add_header_inherit": [_SERVER | analyzer.NGX_HTTP_LOC_CONF | analyzer.NGX_CONF_TAKE1],
}


_AROUND = {"snippet": ("http {\nserver {\n", "}\n}\n"), "site": ("http {\n", "}\n"), "full": ("", "")}


def read(config: str, scope: Scope = "site") -> Tree:
    """Return directives, arguments and blocks as crossplane reads them; it must know each directive, in its context, with its arguments."""
    analyzer.DIRECTIVES.update(_YOUNGER)
    before, after = _AROUND[scope]
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(before + config + after)
        file.flush()
        payload = crossplane.parse(file.name, single=True)
    assert payload["status"] == "ok", payload["errors"]
    return _tree(payload["config"][0]["parsed"])


def _tree(block: list[dict[str, Any]], inside: str = "") -> Tree:
    # strict by hand: crossplane's own strict mode takes the keys of a map or of types for directives
    assert inside in ("map", "geo", "types") or all(
        directive["directive"] in analyzer.DIRECTIVES for directive in block
    )
    # crossplane takes the backslash from \" and leaves \\ as it stands; nginx takes it from both
    return [
        (
            directive["directive"],
            tuple(arg.replace("\\\\", "\\") for arg in directive["args"]),
            _tree(directive["block"], directive["directive"]) if "block" in directive else None,
        )
        for directive in block
    ]
