"""What was proved about an IIS configuration, in the only words this project uses for it.

Nothing that runs without Windows is IIS: only a level from L3 on may name a Windows build.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """One level: `id` stands in reports (`L1`), `name` in the text, `claim` is the one sentence that it allows to say."""

    id: str
    name: str
    claim: str

    @property
    def line(self) -> str:
        """What every report for people prints."""
        return f"{self.id} {self.name}: {self.claim}"


LEVELS = {
    level.id: level
    for level in (
        Level(
            "L0",
            "schema",
            "compared with IIS's published schema rules; says nothing about how IIS behaves, and no IIS has read it",
        ),
        Level("L1", "emulated", "behaves as documented, by our emulator; no IIS has run it"),
        Level(
            "L2",
            "cross-checked",
            "behaves as documented, by our emulator and, for inbound rewrite rules, by ASP.NET Core; no IIS has run it",
        ),
        Level("L3", "recorded", "our emulator answers as a named Windows build did when its answers were recorded"),
        Level("L4", "live", "a real IIS on Windows ran it and answered these requests"),
    )
}


def level_line(level: str | None) -> str:
    """Return `L1 emulated: …`, empty for None; KeyError for a level that does not exist."""
    return LEVELS[level].line if level else ""
