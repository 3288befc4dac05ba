"""Several walks of one target as one list of outcomes: a finding once, and a rule passed where any walk could judge it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ota_proxy.rules.model import Outcome, Status

_RANK: dict[Status, int] = {"failed": 0, "no-verdict": 1, "passed": 2, "not-applicable": 3}


def merge(walks: Sequence[Iterable[Outcome]]) -> tuple[Outcome, ...]:
    """Return each finding once, and for every rule without one its strongest word.

    "No verdict" of the first walk (the whole one) stands; of a later, partial walk it gives way to what an earlier one said.
    """
    by_rule: dict[str, list[Outcome]] = {}
    for index, outcomes in enumerate(walks):
        for outcome in outcomes:
            known = by_rule.setdefault(outcome.rule.id, [])
            if index and known and outcome.status == "no-verdict":
                continue
            known.append(outcome)
    return tuple(outcome for _, known in sorted(by_rule.items()) for outcome in _strongest(known))


def _strongest(outcomes: list[Outcome]) -> list[Outcome]:
    failed = {(one.subject, one.message): one for one in reversed(outcomes) if one.status == "failed"}
    return list(reversed(failed.values())) or [min(outcomes, key=lambda one: _RANK[one.status])]
