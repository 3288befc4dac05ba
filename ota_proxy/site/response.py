"""What a site says on its answers, and to whom it answers: HSTS, cache rules, access by network; and what every part of a site has in common."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ota_proxy.policy.guideline import HSTS_MINIMUM_AGE
from ota_proxy.site.networks import Network
from ota_proxy.site.values import PartError


class Part(BaseModel):
    """A part of a site cannot be changed and takes no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


class Hsts(Part):
    """Strict-Transport-Security (RFC 6797), on https answers only."""

    enabled: bool = Field(True, description="Send the header; without it a first visit over http can be intercepted.")
    max_age: int = Field(
        HSTS_MINIMUM_AGE, ge=0, le=3_153_600_000, strict=True, description="Seconds; the guideline asks for two years."
    )
    include_subdomains: bool = Field(False, description="Bind every sub-domain too; only when all of them speak https.")
    preload: bool = Field(False, description="Ask browsers to ship the name as https-only; hard to take back.")

    @model_validator(mode="after")
    def _preload_terms(self) -> Self:
        year = 31_536_000
        if self.preload and not (self.enabled and self.include_subdomains and self.max_age >= year):
            raise PartError(
                "hsts.preload needs HSTS enabled, include_subdomains = true and a max_age of at least 31536000"
                " (hstspreload.org)",
                "preload",
            )
        return self

    @property
    def value(self) -> str:
        """The header's value."""
        return f"max-age={self.max_age}" + "; includeSubDomains" * self.include_subdomains + "; preload" * self.preload


class Cache(Part):
    """How long caches may keep what; a manifest is never stored."""

    packages: Literal["revalidate", "immutable"] = Field(
        "revalidate",
        description="immutable only when every build has a name of its own; revalidate when a name is used again.",
    )
    max_age: int = Field(
        31_536_000, ge=1, le=31_536_000, strict=True, description="Seconds an immutable package may be kept."
    )


class Access(Part):
    """Who may reach the content, by network; empty lists mean everyone. The http redirect and ACME stay open."""

    allow: tuple[Network, ...] = Field((), description="Networks that may; all others are refused.")
    deny: tuple[Network, ...] = Field((), description="Networks that may not, tried first.")
