"""What a report says and shows of a page that was opened in a real browser."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from ota_proxy.facts.install import ViewFacts
from ota_proxy.report.model import TargetReport
from ota_proxy.rules.evidence import safe
from ota_proxy.rules.model import Facts

MOST_PICTURES = 6


def views_of(facts: Facts | None) -> tuple[ViewFacts, ...]:
    """Return the views of a walk's landing page."""
    page = facts.install.page if facts and facts.install else None
    return page.views if page else ()


def views_told(facts: Facts) -> tuple[str, ...]:
    """Say in a sentence for each device what the browser did, and one for all about what was not loaded."""
    views = views_of(facts)
    told = [_told(view) for view in views]
    refused = list(dict.fromkeys(one for view in views for one in view.refused))
    if refused:
        told.append(f"the page did not get {len(refused)} of its requests: {refused[0]}")
    if any(view.engine and not view.sandboxed for view in views):
        told.append(
            "Chromium ran without its sandbox, because this is root: check pages that you do not trust as another user"
        )
    return tuple(map(safe, told))


def _told(view: ViewFacts) -> str:
    if not view.engine:
        return f"the page was not opened in a browser: {view.problem}"
    links, taps = len(view.links), len(view.taps)
    text = (
        f"opened in {view.engine} as {view.device}: {links} install link{'s' * (links != 1)}, "
        f"{taps} tap{'s' * (taps != 1)}, {view.requests} request{'s' * (view.requests != 1)}"
    )
    return f"{text}; {view.problem}" if view.problem else text


def as_html(target: TargetReport, text: Callable[[str], str]) -> Iterator[str]:
    """Yield the pictures, which stand in the document itself."""
    pictures = [picture for view in views_of(target.facts) for picture in view.pictures][:MOST_PICTURES]
    if pictures:
        yield '<div class="views">'
        for caption, data in pictures:
            source = f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
            yield f'<figure><img src="{source}" alt="{text(caption)}"><figcaption>{text(caption)}</figcaption></figure>'
        yield "</div>"
