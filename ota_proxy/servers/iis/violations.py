"""What makes IIS refuse a configuration (500.19), worded as IIS words it, with the HRESULT and the place.

Sources: Microsoft support's page on HTTP 500.19 (codes), the IIS manual, and the messages that JexusManager's tests assert
against the genuine assembly. A sentence of our own stands in `hint`, never in `message`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ota_proxy.servers.text import Span

Kind = Literal["schema", "duplicate", "locked", "module-missing"]
INVALID = "0x8007000d"
LOCKED = "0x80070021"
DUPLICATE = "0x800700b7"
TOO_LARGE = "0x80070032"
UNREADABLE = "0x80070005"


class Violation(Exception):  # noqa: N818 - IIS's own word
    """One reason for 500.19. `section` is the full path such as `system.webServer/staticContent`, empty outside of sections."""

    def __init__(  # noqa: PLR0913 - the fields of IIS's error page
        self, kind: Kind, message: str, hresult: str, span: Span, section: str = "", *, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.hresult = hresult
        self.span = span
        self.section = section
        self.hint = hint

    def __str__(self) -> str:
        """Render as `web.config:7: message (0x8007000d)`."""
        return f"{self.span.file}:{self.span.line}: {self.message} ({self.hresult})"


def malformed(span: Span, hint: str = "") -> Violation:
    """Return the violation of a file that is not XML, or XML with a DTD."""
    return Violation("schema", "Configuration file is not well-formed XML", INVALID, span, hint=hint)


def too_large(span: Span, limit: int) -> Violation:
    """Return the violation of a file above the limit, in bytes."""
    message = "Cannot read configuration file because it exceeds the maximum file size"
    hint = f"the limit is {limit // 1024} KB unless the registry says otherwise (MaxWebConfigFileSizeInKB)"
    return Violation("schema", message, TOO_LARGE, span, hint=hint)


def unreadable(span: Span, reason: str) -> Violation:
    """Return the violation of a file that cannot be read."""
    message = "Cannot read configuration file due to insufficient permissions"
    return Violation("schema", message, UNREADABLE, span, hint=reason)


def unknown_attribute(name: str, span: Span, section: str, hint: str = "") -> Violation:
    """Return the violation of an attribute that the schema lacks."""
    return Violation("schema", f"Unrecognized attribute '{name}'", INVALID, span, section, hint=hint)


def unknown_element(name: str, span: Span, section: str, hint: str = "") -> Violation:
    """Return the violation of an element that the schema lacks."""
    return Violation("schema", f"Unrecognized element '{name}'", INVALID, span, section, hint=hint)


def missing_attribute(name: str, span: Span, section: str) -> Violation:
    """Return the violation of a required attribute that is not there."""
    return Violation("schema", f"Missing required attribute '{name}'", INVALID, span, section)


def invalid_value(name: str, reason: str, span: Span, section: str) -> Violation:
    """Return the violation of a value; `reason` is IIS's sentence about the type."""
    return Violation("schema", f"The '{name}' attribute is invalid. {reason}", INVALID, span, section)


def duplicate_entry(
    element: str, keys: Iterable[tuple[str, str]], span: Span, section: str, hint: str = ""
) -> Violation:
    """Return the violation of a collection entry that is there already; `keys` are (attribute, value)."""
    pairs = list(keys)
    if len(pairs) == 1:
        what = f"unique key attribute '{pairs[0][0]}' set to '{pairs[0][1]}'"
    else:
        names, values = ", ".join(name for name, _ in pairs), ", ".join(value for _, value in pairs)
        what = f"combined key attributes '{names}' respectively set to '{values}'"
    message = f"Cannot add duplicate collection entry of type '{element}' with {what}"
    return Violation("duplicate", message, DUPLICATE, span, section, hint=hint)


def section_twice(section: str, span: Span, hint: str = "") -> Violation:
    """Return the violation of a section that one file sets twice for one path."""
    message = (
        f"Config section '{section}' already defined. Sections must only appear once per config file. "
        "See the help topic <location> for exceptions."
    )
    return Violation("duplicate", message, DUPLICATE, span, section, hint=hint)


def defined_twice(section: str, span: Span) -> Violation:
    """Return the violation of a section that `configSections` registers again."""
    return Violation("duplicate", f"There is a duplicate '{section}' section defined", DUPLICATE, span, section)


def lock_violation(span: Span, section: str, hint: str = "") -> Violation:
    """Return the violation of naming an attribute, element or entry that a parent locks."""
    return Violation("locked", "Lock violation", LOCKED, span, section, hint=hint)


def locked_section(span: Span, section: str, hint: str = "") -> Violation:
    """Return the violation of a section that may not be set here."""
    message = (
        "This configuration section cannot be used at this path. This happens when the section is locked at a parent "
        'level. Locking is either by default (overrideModeDefault="Deny"), or set explicitly by a location tag with '
        'overrideMode="Deny" or the legacy allowOverride="false".'
    )
    return Violation("locked", message, LOCKED, span, section, hint=hint)


def no_declaration(span: Span, section: str, module: str) -> Violation:
    """Return the violation of a section whose module, and with it the schema, is not installed."""
    message = f"The configuration section '{section}' cannot be read because it is missing a section declaration"
    return Violation("module-missing", message, INVALID, span, section, hint=f"it comes with {module}")
