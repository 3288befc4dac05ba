"""`ota-proxy effective`: what one request would get from a configuration, and which line each part of the answer comes from."""

from __future__ import annotations

import argparse

from ota_proxy.cli.streams import emit, say
from ota_proxy.commands.effective import Question, answer
from ota_proxy.errors import EXIT_CLEAN, EXIT_NO_VERDICT
from ota_proxy.report.request_answer import effective_document, effective_text


def run(args: argparse.Namespace) -> int:
    """Print the answer; exit 0 if anything of it is known, 3 where nothing is."""
    found = answer(Question(args.path, args.url, args.method, tuple(args.header), args.server, tuple(args.path_map)))
    for note in found.notes:
        say(f"note: {note}")
    text = (
        effective_document(found.effective) if args.format == "json" else effective_text(found.effective, args.method)
    )
    emit(text + "\n")
    return EXIT_CLEAN if found.known else EXIT_NO_VERDICT
