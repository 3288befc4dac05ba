"""The comment at the top of a rendered file: who made it and for what, the command, and the notes under their titles."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ota_proxy import __version__
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import Profile
from ota_proxy.servers.base import server_named
from ota_proxy.servers.rendered import MARK, Note, Scope, comment_text

_TITLES = {
    "would-add": "What naming your version would add (--server-version {example}, debian12 or auto; --tls-library):",
    "cannot-enforce": "What this version cannot enforce:",
    "needs-parent": "What this file needs around it:",
    "warning": "Warnings:",
    "info": "Good to know:",
}


def header_lines(caps: Capabilities, profile: Profile, scope: Scope, command: str, notes: Sequence[Note]) -> list[str]:
    """Return the header without comment signs. Every line is plain ASCII or has passed `comment_text`."""
    lines = [
        f"{MARK} {__version__}; change the site and render it again instead of editing this file.",
        f"For {server_named(caps.server).described(caps)}, scope {scope}, TLS guideline {profile.version} {profile.name}.",
        "Command: " + comment_text(command),
    ]
    for kind, title in _TITLES.items():
        chosen = [note.text for note in notes if note.kind == kind]
        if chosen:
            lines += [
                "",
                title.format(example=server_named(caps.server).example_version),
                *(line for text in chosen for line in _bullet(comment_text(text))),
            ]
    return lines


def _bullet(text: str) -> list[str]:
    return textwrap.wrap(
        text, 100, initial_indent="  - ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
