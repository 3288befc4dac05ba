"""One finding that somebody lives with, as the settings have it: rule, reason, and optionally what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from ota_proxy.errors import UsageError
from ota_proxy.site.answers import Part

FLAG = "--ignore"
WITH_HINT: Final = "with_hint"
"""Type of a validation error whose context has the way out as `hint`."""
_HINT = "for instance --ignore 'OTA213=renewed by hand until March'"


def _mistake(text: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError(WITH_HINT, "{text}", {"text": text, "hint": hint})


def _rule(word: str) -> str:
    """Return the id of a rule from its id or name, in any case; a mistake with what was meant."""
    from ota_proxy.rules.catalogue import rule_id, unknown_rule  # noqa: PLC0415 - most files ignore nothing

    found = rule_id(word)
    if found is None:
        raise _mistake(*unknown_rule(word))
    return found


def _reason(text: str) -> str:
    """Return a reason in one line; a mistake for one that says nothing."""
    words = " ".join(text.split())
    if not words:
        raise _mistake("must not be empty", "say why this finding may stay, and until when")
    return words


class Ignored(Part):
    """A finding that stays in every report, marked as suppressed with the reason, and counts for nothing."""

    rule: Annotated[str, AfterValidator(_rule)] = Field(
        description="Id or name of the rule: OTA213 or cert-expiring; `ota-proxy rules` lists them."
    )
    reason: Annotated[str, AfterValidator(_reason)] = Field(
        description="Why it may stay, in a sentence; it stands in every report."
    )
    subject: str = Field(
        "",
        description="Only findings whose subject, target or file is this, as the report shows it; * is any text (/ too), ? one character; default: all.",
    )
    _place: str = PrivateAttr("")

    @property
    def place(self) -> str:
        """Where it stands: `ota-proxy.toml:4`, `OTA_PROXY_IGNORE` or `--ignore`."""
        return self._place

    def at(self, place: str) -> Self:
        """Return the same, with the place where it stands."""
        copy = self.model_copy()
        copy._place = place  # noqa: SLF001 - our own, of a value that nobody has seen yet
        return copy


def ignore_flags(texts: Iterable[str]) -> list[dict[str, str]]:
    """Read the values of --ignore, `RULE=REASON`; UsageError for one without a reason."""
    rows = []
    for text in texts:
        rule, _, reason = text.partition("=")
        if not rule.strip() or not reason.strip():
            raise UsageError(f"'{text}' is not RULE=REASON", place=FLAG, hint=_HINT)
        rows.append({"rule": rule.strip(), "reason": reason})
    return rows
