"""How much of what others send or write is accepted: bytes, objects, lengths and digits that decide over memory and time.

What only one reader has (the depth of a script, the characters of a log's line, the patterns of the IIS emulator) stands in that reader.

A limit is far above what honest servers and files have, and low enough that meeting it costs seconds and megabytes, never minutes or gigabytes.
What goes beyond is refused or cut, and that is said; nothing is left out in silence.
"""

from __future__ import annotations

from typing import Final

MIB: Final = 1 << 20

# -- text that is shown -----------------------------------------------------------------------------------------------

LINE: Final = 4_000
"""Characters of one line of foreign text in a report."""
TEXT: Final = 16_000
"""Characters of one foreign text (the evidence of a finding) in a report."""
FINDINGS: Final = 1_000
"""Findings of one rule on one target that are listed; the last one counts the rest."""

# -- numbers, names, URLs ---------------------------------------------------------------------------------------------

DIGITS: Final = 18
"""Digits of a number: it fits into 64 bits, as every size and age does (Python itself refuses 4,300)."""
URL: Final = 16_384
"""Characters of a URL that is asked for: servers take 8 KiB, the longest links with tokens have some 4 KiB."""

# -- an answer --------------------------------------------------------------------------------------------------------

HEADER: Final = 1 << 16
"""Bytes of status line and header fields, and of HPACK-decoded fields."""
INTERIM: Final = 32
"""Interim (1xx) answers before the final one."""
UNPACKED: Final = 4 * MIB
"""Bytes that a compressed answer may unpack to."""

FRAME: Final = 1 << 17
"""Bytes of an HTTP/2 frame."""
TLS_FLIGHT: Final = 1 << 18
"""Bytes of the first TLS flight."""
CHAIN: Final = 32
"""Certificates of a chain that are looked at."""

# -- pages and images -----------------------------------------------------------------------------------------------

PAGE: Final = MIB
"""Bytes of a page that are read."""
LINKS: Final = 200
"""Install links of a page, and links to packages."""
IMAGE_FILE: Final = 32 * MIB
PIXELS: Final = 40_000_000
"""Pixels of an image with a QR code: a photograph of a phone has half as many, a bomb has a thousand times more."""

# -- property lists, profiles, archives -------------------------------------------------------------------------------

PLIST: Final = MIB
"""Bytes of a property list."""
PLIST_LEVELS: Final = 64
PLIST_VALUES: Final = 50_000
"""Values that a property list may unfold into; one that is referred to twice counts twice."""
PLIST_UNFOLDED: Final = 4 * MIB
"""Bytes of texts, numbers and data that it may unfold into, likewise."""
ASSETS: Final = 1_000
"""Items, and assets of all items together, of a manifest; an install has one item and three assets."""
PROFILE: Final = 2 * MIB
PROFILE_CERTIFICATES: Final = 200
DEVICES: Final = 100_000
"""Devices of a profile."""
ENTRIES: Final = 200_000
"""Entries of an archive."""
DIRECTORY: Final = 32 * MIB
"""Bytes of an archive's central directory."""
COPIED: Final = 64 * MIB
"""Bytes of a package that is copied; of a larger one the app is read by ranges."""

# -- files of a person ------------------------------------------------------------------------------------------------

TARGET: Final = 1 << 16
"""Bytes of one line of --targets."""
PACKAGE_FILE: Final = 1 << 32
"""Bytes of an .ipa that a person gives; App Store packages may have 4 GB."""
SETTINGS_FILE: Final = 4 * MIB
"""Bytes of a settings or project file."""
KEY_PARTS: Final = 100
"""Parts of a dotted key in TOML."""
CONFIG_FILE: Final = 16 * MIB
"""Bytes of one configuration, settings or site file."""
TREE_FILES: Final = 100_000
"""Files and folders of a tree that is linted."""

# -- between our own processes ----------------------------------------------------------------------------------------

RESULT: Final = 8 * MIB
"""Bytes of one target's line of JSON."""
WIRE: Final = 4 * RESULT
"""Bytes of a line between the processes: more than a result can have there, with every sign escaped."""
