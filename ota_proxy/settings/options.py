"""How commands behave, as opposed to what is hosted: the `[options]` table of the same file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ota_proxy.settings.ignored import Ignored
from ota_proxy.site.answers import Part
from ota_proxy.site.site import Site


class Options(Part):
    """Defaults of flags that several commands share."""

    server_version: str = Field(
        "portable",
        description="Version to render for: portable (what every supported one accepts), auto (the server of this machine), 1.26.3, 2.4.62, "
        "2022, latest, or a preset such as debian12.",
    )
    tls_library: str = Field(
        "",
        description="TLS library to render for, such as openssl-3.0.19; default: the preset's, else the oldest that is supported.",
    )
    with_modules: tuple[Literal["brotli", "zstd"], ...] = Field(
        (),
        description="Modules that nginx does not have itself and that its configuration loads: packages and manifests are kept away from them.",
    )
    scope: Literal["snippet", "site", "full"] = Field(
        "site", description="How much of the server's configuration to write."
    )
    engine: Literal["auto", "docker", "local", "embedded", "emulator"] = Field(
        "auto", description="What starts servers for verify and up."
    )
    image: str = Field("", description="Container image to use instead of the engine's choice.")
    format: Literal["text", "json", "sarif", "junit", "github", "gitlab", "html"] = Field(
        "text", description="Report format."
    )
    fail_on: Literal["error", "warning", "note", "never"] = Field(
        "error", description="Least severity that makes the exit code 1."
    )
    ignore: tuple[Ignored, ...] = Field(
        (),
        description="Findings to suppress: reported as such, with the reason, and counted nowhere. The flag --ignore adds to them.",
    )


class SiteFile(Site):
    """A whole `ota-proxy.toml`: the site's keys at the top, and `[options]`."""

    options: Options = Field(Options(), description="How commands behave.")


class SitesFile(SiteFile):
    """The same with several sites in it; each is a `SiteFile` of its own once what stands above them is added."""

    sites: tuple[Site, ...] = Field(
        (),
        description="Several sites on one server, each a table [[sites]] with all keys of a site; keys above them are for those that do not have them.",
    )
