"""What a package says about its app: the Info.plist, and what signs it. Facts only, as read from the archive.

Texts are untrusted. What could not be read says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ProfileKind = Literal["development", "ad-hoc", "in-house", "app-store", "unknown"]
ProfileState = Literal["read", "missing", "broken", "unseen"]


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """A certificate that may sign the app; times are UTC. `name` is its common name, empty if it has none."""

    name: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile in plain values, times UTC; texts are empty and times None if a key is missing or of another type."""

    kind: ProfileKind
    name: str = ""
    uuid: str = ""
    team: str = ""
    """The team's identifier, ten characters."""
    team_name: str = ""
    created: datetime | None = None
    expires: datetime | None = None
    devices: tuple[str, ...] = ()
    """Identifiers as written in ProvisionedDevices."""
    provisions_all: bool = False
    app_id: str = ""
    """application-identifier of the entitlements, prefix and all; ends in `*` for a wildcard."""
    platforms: tuple[str, ...] = ()
    certificates: tuple[SigningCertificate, ...] = ()
    """Those that can be read."""
    unread_certificates: int = 0

    def has_device(self, udid: str) -> bool:
        """Say whether the profile covers a device; hyphens and upper or lower case do not count."""
        return self.provisions_all or _plain(udid) in map(_plain, self.devices)


def _plain(udid: str) -> str:
    return udid.replace("-", "").strip().casefold()


@dataclass(frozen=True, slots=True)
class Bundle:
    """The app or one of its extensions: a folder with code, a signature and a profile of its own."""

    folder: str
    """As in the archive, without a slash at its end: `Payload/Demo.app/PlugIns/Share.appex`."""
    signed: bool
    """`_CodeSignature/CodeResources` is there."""
    profile: Profile | None = None
    """What embedded.mobileprovision says; None unless `profile_state` is `read`."""
    profile_state: ProfileState = "missing"
    """`broken`: the file is not a profile. `unseen`: it is there, and we could not read it."""
    profile_problem: str = ""

    @property
    def name(self) -> str:
        """The last part of the folder."""
        return self.folder.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class AppFacts:
    """An app as its package shows it; texts are empty if a key is missing."""

    odd: str = ""
    """A file that is compressed in a way that a device does not undo, in words."""
    cause: str = ""
    """What the archive is instead (`rules/remedy_causes.toml`), where it has no app in its place."""
    problem: str = ""
    """Why the archive holds no app that can be read: no Payload/NAME.app, no Info.plist in it, or one that is none."""
    bundle_id: str = ""
    version: str = ""
    """CFBundleShortVersionString."""
    build: str = ""
    """CFBundleVersion."""
    title: str = ""
    minimum_os: str = ""
    platforms: tuple[str, ...] = ()
    """CFBundleSupportedPlatforms, else DTPlatformName; empty if neither is there."""
    icons: tuple[str, ...] = ()
    """Image files of the app's folder that the Info.plist names."""
    app: Bundle | None = None
    """None if the archive has no Payload/NAME.app."""
    extensions: tuple[Bundle, ...] = ()
    unread_extensions: int = 0
    """Extensions beyond those that were looked at."""
    entries: int = 0
    """Files and folders in the archive."""

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """The app, then its extensions."""
        return (self.app, *self.extensions) if self.app else self.extensions


@dataclass(frozen=True, slots=True)
class HashFacts:
    """The hashes of a package's chunks, recomputed over all of its bytes.

    `found` has one more than `wanted` at most: what the manifest says is too few or too many then.
    """

    name: Literal["md5", "sha256"]
    chunk: int
    """Bytes of a chunk; 0 if one hash stands for the whole file (observed behaviour)."""
    wanted: tuple[str, ...]
    found: tuple[str, ...]
