"""How commands behave, as opposed to what is hosted: the `[options]` table of the same file, and the findings that it suppresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from ota_proxy.errors import UsageError
from ota_proxy.late import late
from ota_proxy.site.response import Part
from ota_proxy.site.site import Site

FLAG = "--ignore"
WITH_HINT: Final = "with_hint"
"""Type of a validation error whose context has the way out as `hint`."""
_HINT = "for instance --ignore 'OTA213=renewed by hand until March'"


def _mistake(text: str, hint: str) -> PydanticCustomError:
    return PydanticCustomError(WITH_HINT, "{text}", {"text": text, "hint": hint})


def _rule(word: str) -> str:
    """Return the id of a rule from its id or name, in any case; a mistake with what was meant."""
    catalogue = late("ota_proxy.rules.catalogue")  # most files ignore nothing
    found: str | None = catalogue.rule_id(word)
    if found is None:
        raise _mistake(*catalogue.unknown_rule(word))
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


class Options(Part):
    """Defaults of flags that several commands share."""

    server_version: str = Field(
        "portable",
        description="Version to render for: portable (what every supported one accepts), auto (the server of this machine), 1.26.3, 2.4.62, "
        "2022, latest, or a preset such as debian12.",
    )
    tls_library: str = Field(
        "",
        description="TLS library to render for, such as openssl-3.0.19; default: the preset's, else the oldest that is supported.",
    )
    with_modules: tuple[Literal["brotli", "zstd"], ...] = Field(
        (),
        description="Modules that nginx does not have itself and that its configuration loads: packages and manifests are kept away from them.",
    )
    scope: Literal["snippet", "site", "full"] = Field(
        "site", description="How much of the server's configuration to write."
    )
    engine: Literal["auto", "docker", "local", "embedded", "emulator"] = Field(
        "auto", description="What starts servers for verify and up."
    )
    image: str = Field("", description="Container image to use instead of the engine's choice.")
    format: Literal["text", "json", "sarif", "junit", "github", "gitlab", "html"] = Field(
        "text", description="Report format."
    )
    fail_on: Literal["error", "warning", "note", "never"] = Field(
        "error", description="Least severity that makes the exit code 1."
    )
    ignore: tuple[Ignored, ...] = Field(
        (),
        description="Findings to suppress: reported as such, with the reason, and counted nowhere. The flag --ignore adds to them.",
    )


class SiteFile(Site):
    """A whole `ota-proxy.toml`: the site's keys at the top, and `[options]`."""

    options: Options = Field(Options(), description="How commands behave.")


class SitesFile(SiteFile):
    """The same with several sites in it; each is a `SiteFile` of its own once what stands above them is added."""

    sites: tuple[Site, ...] = Field(
        (),
        description="Several sites on one server, each a table [[sites]] with all keys of a site; keys above them are for those that do not have them.",
    )
