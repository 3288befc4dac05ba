"""What Apple's devices ask of TLS, as data: App Transport Security (`ats.toml`) and how long certificates may live (`certificates.toml`).

Suites, keys and hashes that are accepted, the announced stricter rules, words for weak suites; allowed lives by CA kind and issue date.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from ota_proxy.policy.tables import table

TLS13 = "TLSv1.3"


def accepted_suites(version: str) -> frozenset[str]:
    """Return the IANA names that ATS accepts under `TLSv1.2` or `TLSv1.3`; empty for older versions."""
    chosen = table("ats")["accepted"]
    if version == TLS13:
        return frozenset(chosen["suites_tls13"])
    return frozenset(chosen["suites"]) if version == chosen["oldest"] else frozenset()


def next_generation_suites(version: str) -> frozenset[str]:
    """Return the IANA names that the announced stricter rules accept: all of TLS 1.3, ECDHE with AES-GCM under TLS 1.2."""
    if version == table("ats")["accepted"]["oldest"]:
        return frozenset(table("ats")["next_generation"]["suites"])
    return accepted_suites(version)


def next_generation_wants_extended_master_secret() -> bool:
    """Say whether the announced rules want RFC 7627 under TLS 1.2 (second-hand knowledge)."""
    return bool(table("ats")["next_generation"]["extended_master_secret"])


def weakness(suite: str) -> str:
    """Return in words why a suite (IANA name) should no longer be offered, or an empty string."""
    return next((str(row["word"]) for row in table("ats")["weak"] if row["part"] in suite), "")


def openssl_ciphers() -> str:
    """Return the accepted TLS 1.2 suites as an OpenSSL cipher string."""
    return str(table("ats")["accepted"]["openssl"])


def minimum_bits(key_kind: str) -> int:
    """Return the least key size in bits for `rsa` and `ec`; 0 for a kind without a rule."""
    return int(table("ats")["certificate"].get(f"{key_kind}_bits", 0))


def key_accepted(key_kind: str, curve: str) -> bool:
    """Say whether iOS takes this kind of key for TLS at all; a curve that is not known (empty) is not an objection."""
    rules = table("ats")["certificate"]
    return key_kind in rules["kinds"] and (not curve or curve in rules["curves"])


def accepted_hashes() -> frozenset[str]:
    """Return the names of the signature hashes that are strong enough."""
    return frozenset(table("ats")["certificate"]["hashes"])


def next_generation_problems(
    versions: Collection[str], suites: Collection[str], *, master_secret: bool | None
) -> tuple[str, ...]:
    """Return what the announced stricter rules would miss, empty where they let a server pass.

    `versions` that a server accepts, `suites` its TLS 1.2 suites by IANA name, `master_secret` whether it speaks Extended
    Master Secret (None: not known, which is no miss).
    """
    if TLS13 in versions:
        return ()
    gcm = next_generation_suites(table("ats")["accepted"]["oldest"]) & set(suites)
    lacks = () if gcm else ("no TLS 1.3 and no ECDHE suite with AES-GCM",)
    wanted = next_generation_wants_extended_master_secret() and master_secret is False
    return (*lacks, "no Extended Master Secret") if wanted else lacks


def exception_versions() -> tuple[str, ...]:
    """Return the versions that an app may name as its least in an exception, newest first."""
    return tuple(table("ats")["exceptions"]["versions"])


def exception_suites(version: str, *, forward_secrecy: bool) -> frozenset[str]:
    """Return what is accepted under a version that an exception allows; without forward secrecy RSA key exchange too."""
    if version == TLS13:
        return accepted_suites(version)
    chosen = frozenset(table("ats")["accepted"]["suites"])
    return (
        chosen if forward_secrecy else chosen | frozenset(table("ats")["exceptions"]["suites_without_forward_secrecy"])
    )


_FIRST = datetime.min.replace(tzinfo=UTC)
_INCLUSIVE = timedelta(seconds=1)
"""notAfter is the last valid second (RFC 5280 §4.1.2.5), so a life is one second longer than the difference."""


def allowed_days(issued: datetime, *, public: bool) -> int | None:
    """Return the longest life in days for a certificate issued at `issued` (UTC), or None when it is older than every rule."""
    rows = table("certificates")["private"] + (table("certificates")["public"] if public else [])
    steps = sorted((row for row in rows if row["from"] <= issued.date()), key=lambda row: row["from"])
    return int(steps[-1]["days"]) if steps else None


def lifetime(not_before: datetime, not_after: datetime) -> timedelta:
    """Return the life of a certificate, both ends included."""
    return not_after - not_before + _INCLUSIVE


def too_long(not_before: datetime, not_after: datetime, *, public: bool) -> bool:
    """Say whether the life exceeds what devices accept for this kind of CA and day of issue."""
    allowed = allowed_days(not_before, public=public)
    return allowed is not None and lifetime(not_before, not_after) > timedelta(days=allowed)


def warn_from(not_before: datetime, not_after: datetime) -> datetime:
    """Return the moment from which the end of a certificate is worth a warning."""
    rule = table("certificates")["expiring"]
    share = lifetime(not_before, not_after) * float(rule["share"])
    return not_after - min(share, timedelta(days=rule["days"]), not_after - _FIRST)
