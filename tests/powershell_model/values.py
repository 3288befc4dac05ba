"""PowerShell's values in Python, and its conversions and comparisons: text ignores case, the left side decides how things compare.

Source: about_Comparison_Operators, about_Booleans and the language specification, chapter 6.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any


class PsError(Exception):
    """A terminating error of the script; `value` is what was thrown."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PsTable(MutableMapping[str, Any]):
    """A hashtable: its keys are text and ignore case."""

    def __init__(self, pairs: Sequence[tuple[str, Any]] = ()) -> None:
        self._rows: dict[str, tuple[str, Any]] = {}
        for key, value in pairs:
            self[key] = value

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - a PowerShell value
        return self._rows[key.lower()][1]

    def __setitem__(self, key: str, value: Any) -> None:  # noqa: ANN401 - a PowerShell value
        self._rows[key.lower()] = (self._rows.get(key.lower(), (key, None))[0], value)

    def __delitem__(self, key: str) -> None:
        del self._rows[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter([key for key, _ in self._rows.values()])

    def __len__(self) -> int:
        return len(self._rows)


class PsObject(PsTable):
    """What ConvertFrom-Json makes: note properties, no hashtable."""


class ArrayList(list[Any]):
    """System.Collections.ArrayList; a plain Python list is an array of fixed size."""


class _Void:
    """The result of a method that returns nothing, and of a cast to [void]."""


VOID = _Void()


class Thing:
    """An object with members; one that a class does not have is an error, as in strict mode."""

    def member(self, name: str) -> Any:  # noqa: ANN401 - a PowerShell value
        """Return a property."""
        raise PsError(f"The property '{name}' cannot be found on a {type(self).__name__}.")

    def call(self, name: str, arguments: list[Any]) -> Any:  # noqa: ANN401 - a PowerShell value
        """Call a method."""
        raise PsError(f"{type(self).__name__} has no method '{name}' for {len(arguments)} arguments.")


class TypeName(Thing):
    """A .NET type in brackets, by its full name without `System.`."""

    def __init__(self, name: str) -> None:
        self.name = name.removeprefix("System.")


def text(value: Any) -> str:  # noqa: ANN401 - a PowerShell value
    """Convert to [string]."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(text, value))
    if isinstance(value, PsTable):
        return "System.Collections.Hashtable"
    return str(value)


def truth(value: Any) -> bool:  # noqa: ANN401 - a PowerShell value
    """Convert to [bool]: empty text, zero, null and an empty array are false, one element decides for its array."""
    if isinstance(value, list):
        return truth(value[0]) if len(value) == 1 else bool(value)
    return value is not None and value != "" and value is not False and value != 0


def number(value: Any) -> int:  # noqa: ANN401 - a PowerShell value
    """Convert to [int]; PsError for what is no number."""
    if isinstance(value, str):
        try:
            return int(value.strip() or "0")
        except ValueError:
            raise PsError(f'Cannot convert value "{value}" to type "System.Int32".') from None
    if value is None or isinstance(value, int):
        return int(value or 0)
    raise PsError(f"Cannot convert a {type(value).__name__} to System.Int32.")


def equal(left: Any, right: Any, *, case: bool = False) -> bool:  # noqa: ANN401 - PowerShell values
    """Compare two scalars with -eq (or -ceq); the left one's type decides."""
    if left is None or right is None:
        return left is right
    if isinstance(left, bool):
        return left == truth(right)
    if isinstance(left, str):
        return left == text(right) if case else left.casefold() == text(right).casefold()
    if isinstance(left, int):
        try:
            return left == number(right)
        except PsError:
            return False
    return bool(left is right)


def listed(value: Any) -> list[Any]:  # noqa: ANN401 - a PowerShell value
    """Return an array of a value: null becomes empty, a scalar one element."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def collected(outputs: list[Any]) -> Any:  # noqa: ANN401 - a PowerShell value
    """Return what an assignment gets from a pipeline: null, the one output, or an array."""
    if not outputs:
        return None
    return outputs[0] if len(outputs) == 1 else list(outputs)


def enumerated(value: Any) -> list[Any]:  # noqa: ANN401 - a PowerShell value
    """Return what goes down a pipeline for the value of an expression: collections one by one, null as itself."""
    if value is VOID:
        return []
    if isinstance(value, list):
        return list(value)
    if isinstance(value, Thing) and hasattr(value, "entries"):
        return list(value.entries())
    return [value]
