"""A site that tests talk to: one that a fixture started on a real server, or one that already runs at `--ota-base-url`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

from ota_proxy.errors import UsageError
from ota_proxy.harness.engine import Endpoint
from ota_proxy.harness.scenario import Prepared
from ota_proxy.site import Site


@dataclass(frozen=True, slots=True, repr=False)
class TestSite:
    """One site. What only a server of ours has is empty (`log`, `config`, `content`, `resolve`) for one that already runs."""

    __test__: ClassVar[bool] = False  # pytest must not take it for a test class

    base_url: str
    """Where the landing page is; names of files are added to it: `https://ota.example.com/ota/`."""
    server: str = ""
    """`nginx`, `apache` or `iis`; empty for one that already runs."""
    version: str = ""
    engine: str = ""
    """`docker`, `local`, `embedded` or `emulator`; empty for one that already runs."""
    manifest_urls: tuple[str, ...] = ()
    """One for every location of the site, in its order."""
    package: bytes = b""
    """The package that is served, as bytes."""
    content: Mapping[str, bytes] = field(default_factory=dict)
    """Every file that is served, by its URL; an application's manifests too."""
    config_files: Mapping[str, str] = field(default_factory=dict)
    """The configuration that runs, by path on the server, or by your own path where it is yours."""
    resolve: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """(host, port) of public URLs → (address, port) to connect to."""
    ca_pem: bytes = b""
    """What a device (or `ssl`, `requests`, curl) has to trust."""
    ca_file: Path | None = None
    """The same as a file."""
    spec: str = ""
    """The server's host for testinfra: `testinfra.get_host(ota_site.spec)`."""
    by_hand: str = ""
    """How to look at it by hand, one command a line."""
    model: Site | None = None
    """The validated description; None for one that already runs."""
    read_log: Callable[[], str] = str
    is_alive: Callable[[], bool] = lambda: True
    before: str = ""
    """The log as it was when this test began."""

    def __repr__(self) -> str:
        about = f"{self.server} {self.version} ({self.engine})" if self.server else "what runs"
        return f"<{about} at {self.base_url}>"

    @property
    def log(self) -> str:
        """What the server wrote to its error log and streams since the test began."""
        known = Counter(self.before.splitlines())
        fresh = []
        for line in self.read_log().splitlines():  # by lines, for it is made of several files that all grow
            known[line] -= 1
            if known[line] < 0:
                fresh.append(f"{line}\n")
        return "".join(fresh)

    @property
    def config(self) -> str:
        """The configuration that runs, in one text: `assert "ssl_protocols" in ota_site.config`."""
        return "\n".join(self.config_files.values())

    @property
    def manifest_url(self) -> str:
        """The first location's manifest; UsageError for a site that already runs, whose manifest only its page knows."""
        return self._known(self.manifest_urls[:1], "manifest")

    @property
    def package_url(self) -> str:
        """The first location's package; UsageError for a site that already runs."""
        return self._known(tuple(url for url in self.content if url.endswith(".ipa"))[:1], "package")

    def url(self, name: str) -> str:
        """Return the URL of a file beside the landing page; blanks and the like are percent-encoded."""
        return self.base_url.rpartition("/")[0] + "/" + quote(name, safe="/+%")

    def serves(self, url: str) -> bool:
        """Say whether a URL's host and port are this site's."""
        return _place(url) in {_place(self.base_url), *self.resolve}

    def _known(self, urls: tuple[str, ...], what: str) -> str:
        if not urls:
            raise UsageError(f"the {what} of {self.base_url} is not known", hint="install from its landing page")
        return urls[0]


def _place(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return "", 0


def served(prepared: Prepared) -> dict[str, bytes]:
    """Return what a started site serves: URL → bytes, files of folders first, then the manifests of applications."""
    site, found = prepared.scenario.site, {}
    for location in site.static:
        folder = f"{(location.root or '').rstrip('/')}/"
        for file in prepared.scenario.files:
            if file.path.startswith(folder):
                found[f"{site.base_url}{location.url_path}{quote(file.path[len(folder) :], safe='/+')}"] = file.data
    return {**prepared.expected, **found}


def by_hand(endpoint: Endpoint, ca_file: Path, url: str) -> str:
    """Return the engine's commands with the real place of the CA file in them, and one that asks for `url` where they have none."""
    text = endpoint.by_hand.replace("CA.pem", str(ca_file))
    if "curl " in text:
        return text
    ways = " ".join(f"--connect-to {host}:{port}:{to}:{at}" for (host, port), (to, at) in endpoint.resolve.items())
    return f"curl --cacert {ca_file} {ways} {url}\n{text}"
