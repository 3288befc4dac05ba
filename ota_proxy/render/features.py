"""What is to be said about the optional keys of a site whichever server renders them."""

from __future__ import annotations

from collections.abc import Iterator

from ota_proxy.model import Site


def certificate_warnings(site: Site) -> Iterator[str]:
    """Yield a warning for locations that ask for client certificates: the installer has none (OTA225)."""
    guarded = site.client_certificates.locations
    if not guarded:
        return
    if len(guarded) == len(site.locations):
        yield (
            "every location asks for a client certificate, and the installer has none: no app can be installed from"
            " this site (OTA225); leave manifests, packages and icons in a location without it"
        )
        return
    yield (
        f"{' and '.join(guarded)} ask{'s' * (len(guarded) == 1)} for a client certificate, and the installer has none:"
        " no manifest, package or icon may lie there (OTA225)"
    )


def open_to_installers(site: Site) -> str:
    """Say what stays open beside the password of `auth`, and why."""
    apps = " and ".join(location.path for location in site.proxied)
    return (
        "auth asks for a password on pages only: manifests, packages, profiles and images stay open to whoever knows their"
        " address, because the installer has no password to give; choose names that nobody guesses"
        + (f"; the application of {apps} asks for itself" if apps else "")
    )


def plain_paths(site: Site) -> str:
    """Return the applications that `cors` does not speak for, joined; empty without cors."""
    return " and ".join(location.path for location in site.proxied) if site.cors.origins else ""
