"""What a site may have beside serving builds: a password on its pages, limits, CORS, client certificates, error pages.

Each is off until its first key is given. What belongs together is checked here, what a server cannot do by its renderer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ota_proxy.errors import did_you_mean
from ota_proxy.site.networks import Origin
from ota_proxy.site.response import Part
from ota_proxy.site.values import FilePath, PartError, UrlPrefix, refuse_control

if TYPE_CHECKING:
    from ota_proxy.site.site import Site

_REALM = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._,:()/+-]{0,78}[A-Za-z0-9.)])?", re.ASCII)


def _realm(text: str) -> str:
    """Accept words that mean nothing to any server: nginx takes the realm `off` for a switch, a quote would end the header's text."""
    refuse_control(text, "the realm")
    if not _REALM.fullmatch(text) or text == "off":
        raise ValueError(
            f"the realm '{text}' must be a few plain words: letters, digits, blanks and ._,:()/+- (and not the word off)"
        )
    return text


class Auth(Part):
    """A password on the pages of folders. Manifest, package, profiles and images stay open: the installer has no password."""

    htpasswd: FilePath | None = Field(
        None, description="File of names and hashed passwords (htpasswd -B), which the server's workers can read."
    )
    realm: Annotated[str, AfterValidator(_realm)] = Field(
        "Builds", description="Text that the browser shows when it asks for the password."
    )

    @model_validator(mode="after")
    def _with_a_file(self) -> Self:
        if self.htpasswd is None and self.realm != "Builds":
            raise PartError("auth.realm without auth.htpasswd asks nobody; name the file with the passwords", "realm")
        return self


class Limits(Part):
    """How often one address may ask for pages. What an installer asks for is never counted."""

    requests_per_second: int | None = Field(
        None, ge=1, le=10_000, strict=True, description="Pages and their parts for each address; default: no limit."
    )
    burst: int = Field(
        500,
        ge=0,
        le=100_000,
        strict=True,
        description="Requests beyond the rate before 429: fifty phones of one office, with ten files a page.",
    )

    @model_validator(mode="after")
    def _with_a_rate(self) -> Self:
        if self.requests_per_second is None and self.burst != Limits.model_fields["burst"].default:
            raise PartError(
                "limits.burst without limits.requests_per_second limits nothing; give the rate too", "burst"
            )
        return self


class Cors(Part):
    """Other sites whose scripts may read the files of folders (never with credentials)."""

    origins: tuple[Origin, ...] = Field(
        (),
        max_length=50,
        description="Origins whose scripts may read the files, such as https://portal.example.com; no pattern and no *.",
    )
    max_age: int = Field(
        600, ge=0, le=86_400, strict=True, description="Seconds a browser may remember the answer to its preflight."
    )

    @model_validator(mode="after")
    def _with_origins(self) -> Self:
        _once("cors.origins", self.origins, "origins")
        if not self.origins and self.max_age != Cors.model_fields["max_age"].default:
            raise PartError("cors.max_age without cors.origins allows nobody; name the origins", "max_age")
        return self


class ClientCertificates(Part):
    """Locations that answer only who has a client certificate. The installer has none: nothing can be installed from there."""

    ca: FilePath | None = Field(None, description="PEM file of the authorities whose client certificates count.")
    locations: tuple[UrlPrefix, ...] = Field(
        (), description="Paths of the locations that require one, each as written in [[locations]]."
    )
    depth: int = Field(2, ge=1, le=10, strict=True, description="Certificates between client and authority, at most.")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.ca is None) == bool(self.locations):
            there, lacking = ("locations", "ca") if self.locations else ("ca", "locations")
            raise PartError(f"client_certificates.{there} needs client_certificates.{lacking} too", there)
        return self


def _number(value: object) -> object:
    """Read digits as a number: a variable or a flag is text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3 else value


ErrorStatus = Literal[401, 403, 404, 405, 429, 500, 502, 503, 504]


class ErrorPages(Part):
    """Own pages for errors; the status stays what it is, and no cache keeps them."""

    folder: FilePath | None = Field(
        None, description="Folder with a page for each status, named 404.html; not one that is served."
    )
    statuses: tuple[Annotated[ErrorStatus, BeforeValidator(_number)], ...] = Field(
        (404,), min_length=1, description="Statuses that have a page: 401, 403, 404, 405, 429, 500, 502, 503, 504."
    )

    @model_validator(mode="after")
    def _with_a_folder(self) -> Self:
        if self.folder is None and self.statuses != (404,):
            raise PartError("error_pages.statuses without error_pages.folder has no pages; name the folder", "statuses")
        _once("error_pages.statuses", self.statuses, "statuses")
        return self


def _http3(site: Site) -> None:
    if site.http3 and site.tls.offloaded:
        raise PartError(
            "http3 and tls.offloaded exclude each other: offer HTTP/3 on the proxy that speaks TLS", "http3"
        )
    if site.http3 and site.listen.proxy_protocol:
        raise PartError(
            "http3 and listen.proxy_protocol exclude each other: PROXY headers come at the beginning of TCP connections only,"
            " and HTTP/3 is UDP; leave one out",
            "http3",
        )


def _proxy_protocol(site: Site) -> None:
    if site.listen.proxy_protocol and not site.trusted_proxies:
        raise PartError(
            "listen.proxy_protocol needs trusted_proxies: the addresses whose PROXY header is trusted; otherwise anybody"
            " could claim any address",
            *("listen", "proxy_protocol"),
        )


def _auth(site: Site) -> None:
    file = site.auth.htpasswd
    if file is None:
        return
    if not site.static:
        raise PartError(
            "auth puts a password on the pages of folders, and every location here is an application: let the application ask for it",
            *("auth", "htpasswd"),
        )
    for location in site.static:
        if _below(file, location.root or ""):
            raise PartError(
                f"auth.htpasswd is {file}, in the folder of the location {location.path}, from where anybody could"
                " fetch it; move it to a folder that is not served",
                *("auth", "htpasswd"),
            )


def _client_certificates(site: Site) -> None:
    wanted = site.client_certificates
    if not wanted.locations:
        return
    if site.tls.offloaded:
        raise PartError(
            "client_certificates and tls.offloaded exclude each other: ask for them on the proxy that speaks TLS",
            *("client_certificates", "ca"),
        )
    paths = [location.path for location in site.locations]
    for index, path in enumerate(wanted.locations):
        if path not in paths:
            hint = did_you_mean(path, paths) or f"the locations are {', '.join(paths)}"
            raise PartError(
                f"client_certificates.locations has {path}, which is not the path of a location; {hint}",
                *("client_certificates", "locations", index),
            )
    _once("client_certificates.locations", wanted.locations, "client_certificates", "locations")
    _no_way_around(site)


def _no_way_around(site: Site) -> None:
    """Refuse a folder that another location serves without a certificate."""
    guarded = [location for location in site.static if location.path in site.client_certificates.locations]
    open_ones = [location for location in site.static if location not in guarded]
    for inner in guarded:
        for outer in open_ones:
            if not _below(inner.root or "", outer.root or ""):
                continue
            rest = (inner.root or "")[len((outer.root or "").rstrip("/\\")) :].replace("\\", "/").strip("/")
            url = outer.path + (f"{rest}/" if rest else "")
            if not url.startswith(inner.path):
                raise PartError(
                    f"client_certificates guards {inner.path}, but its folder {inner.root} is also served, without"
                    f" a certificate, as {url}; move the folder out of {outer.root}",
                    *site.key_of(inner, "root"),
                )


def _error_folder(site: Site) -> None:
    """Refuse a folder with a location's folder in it: what Apache says about error pages would hold for builds, too."""
    folder = site.error_pages.folder
    inside = next((place for place in site.static if folder and _below(place.root or "", folder)), None)
    if inside is not None:
        raise PartError(
            f"error_pages.folder {folder} has the folder {inside.root} of the location {inside.path} in it; put the"
            " pages into a folder of their own",
            *("error_pages", "folder"),
        )


def _headers(site: Site) -> None:
    """Refuse headers that one of the keys writes."""
    for name in site.headers:
        word = name.lower()
        key = "cors" if word.startswith("access-control-") and site.cors.origins else ""
        key = "http3" if word == "alt-svc" and site.http3 else key
        if key:
            raise PartError(f"headers has {name}, which {key} writes; leave one of the two out", "headers", name)


def _once(what: str, values: Sequence[object], *key: str) -> None:
    """Refuse a list with the same value twice."""
    twice = next((index for index, value in enumerate(values) if value in values[:index]), None)
    if twice is not None:
        raise PartError(f"{what} has {values[twice]} twice", *key, twice)


def _below(path: str, folder: str) -> bool:
    """Say whether `path` is `folder` or lies in it; Windows compares without case."""
    left, right = (text.replace("\\", "/").rstrip("/") + "/" for text in (path, folder))
    if not folder.startswith("/"):
        left, right = left.lower(), right.lower()
    return left.startswith(right)


CHECKS = (_http3, _proxy_protocol, _auth, _client_certificates, _error_folder, _headers)
"""Each raises PartError for keys that cannot be true together, with the way out."""
