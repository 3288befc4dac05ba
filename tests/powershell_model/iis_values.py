"""Values of configuration attributes as the file has them, and small objects that only have given members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.powershell_model.iis_schema import Attribute
from tests.powershell_model.values import VOID, PsError, Thing, text


class Rows(Thing):
    """An object that only has the given properties, and methods without arguments."""

    def __init__(self, rows: Mapping[str, Any], methods: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self.rows = {name.lower(): value for name, value in rows.items()}
        self.methods = {name.lower(): value for name, value in (methods or {}).items()}

    def member(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """Return a property."""
        return self.rows[name.lower()] if name.lower() in self.rows else super().member(name)

    def call(self, name: str, arguments: list[Any]) -> Any:  # noqa: ANN401 - a PowerShell value
        """Call a method; None is VOID."""
        if name.lower() not in self.methods:
            return super().call(name, arguments)
        result = self.methods[name.lower()](*arguments)
        return VOID if result is None else result


def certificate_key(information: str) -> str:
    """Return under what http.sys keeps the certificate of a binding with a name: name and port, whatever the address."""
    _, port, host = information.rsplit(":", 2)
    return f"{host.lower()}:{port}"


def formatted(name: str, schema: Attribute, value: Any) -> str:  # noqa: ANN401 - a PowerShell value
    """Return a value as the file has it; PsError for one that the type does not allow."""
    given = text(value)
    if schema.type == "bool" and given.lower() in ("true", "false"):
        return given.lower()
    if schema.type == "uint" and given.isdigit():
        return given
    if schema.type == "enum":
        for known, number in schema.enum.items():
            if given in (known, str(number)):
                return known
    if schema.type == "string":
        return given
    raise PsError(f"The '{name}' attribute is invalid: '{given}'.")
