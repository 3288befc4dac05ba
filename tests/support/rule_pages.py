"""The fenced blocks of the rule pages, and the servers of this machine that say whether they hold: `nginx -t`, `apache2 -t`, an XML parser.

A block's first line names its language, then `right`, `wrong` (valid, but what the rule finds) or `refused` (the server must refuse it), then where it
stands: nginx `http` or `main` (default: inside a server), Apache `server` (default: inside a virtual host), whose XML it is (`iis`, `manifest`, a whole `plist`), and `since=1.25.1`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

from ota_proxy.harness.authority import Authority
from ota_proxy.resources import folder
from ota_proxy.rules.catalogue import catalogue, page
from tests.support.apache_host import BINARY as APACHE
from tests.support.apache_host import MODULES

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
VERDICTS = ("right", "wrong", "refused")
LANGUAGES = ("nginx", "apache", "xml", "powershell", "html", "js", "text", "console")
CHECKED = ("nginx", "apache", "xml")
"""The languages whose blocks must say right, wrong or refused."""
_FENCE = re.compile(r"(?ms)^```(\S+)([^\n]*)\n(.*?)^```$")
_LISTEN = re.compile(r"(?m)^(\s*listen\s+)(\[::\]:)?(\d+)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    rule: str
    number: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def verdict(self) -> str:
        return next((word for word in self.words if word in VERDICTS), "")

    @property
    def since(self) -> tuple[int, ...]:
        """The version that the verdict counts from; before it, it is the other way round."""
        value = next((word.removeprefix("since=") for word in self.words if word.startswith("since=")), "0")
        return tuple(map(int, value.split(".")))

    @property
    def name(self) -> str:
        return f"{self.rule}-{self.number}-{self.language}-{self.verdict}"


def blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages, or of some languages."""
    found = []
    for rule in catalogue():
        matches = enumerate(_FENCE.finditer(page(rule)), 1)
        found += [Block(rule, n, m[1], tuple(m[2].split()), m[3]) for n, m in matches]
    return [block for block in found if not languages or block.language in languages]


def section(rule_id: str, title: str) -> str:
    """Return the text under a heading of a page; empty where the page lacks it."""
    return page(rule_id).partition(f"## {title}\n")[2].partition("\n## ")[0]


@cache
def nginx_version() -> tuple[int, ...]:
    """Return the version of the nginx on this machine; () without one."""
    if not Path(NGINX).is_file():
        return ()
    said = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True).stderr
    return tuple(int(part) for part in said.rpartition("/")[2].split()[0].split("."))


def certificates(place: Path) -> Path:
    """Write the files that the pages name into `place`/ssl, and return it."""
    made = place / "ssl"
    made.mkdir()
    leaf = Authority().issue(["ota.example.com"])
    for name in ("fullchain.pem", "cert.pem"):
        (made / name).write_bytes(leaf.cert_chain_pem)
    (made / "privkey.pem").write_bytes(leaf.key_pem)
    return made


def nginx_says(block: Block, ssl: Path, place: Path) -> tuple[bool, str]:
    """Put a block where it belongs and let `nginx -t` say whether it holds, with its words."""
    text = _LISTEN.sub(lambda m: f"{m[1]}127.0.0.1:{(30000 if m[2] else 20000) + int(m[3])}", block.text)
    text = text.replace("/etc/ssl/ota", str(ssl))
    config = place / "nginx.conf"
    config.write_text(_nginx(block, text, ssl, place), encoding="utf-8")
    done = subprocess.run(
        [NGINX, "-t", "-p", place, "-c", config, "-g", f"error_log {place}/error.log; pid {place}/pid;"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode == 0, done.stderr


def _nginx(block: Block, text: str, ssl: Path, place: Path) -> str:
    paths = "".join(
        f"{kind}_temp_path {place}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    server = f"listen 127.0.0.1:28443 ssl; server_name wrapped.example;\nssl_certificate {ssl}/fullchain.pem; ssl_certificate_key {ssl}/privkey.pem;\n"
    if "main" in block.words:
        return f"{text}\nhttp {{ {paths} }}\n"
    inner = text if "http" in block.words else f"server {{ {server}\n{text}\n}}"
    return f"events {{}}\nhttp {{\ndefault_type text/plain;\naccess_log off;\n{paths}\n{inner}\n}}\n"


def apache_says(block: Block, ssl: Path, place: Path) -> tuple[bool, str]:
    """Put a block where it belongs and let Apache's own test say whether it holds, with its words; it binds no port."""
    text = block.text.replace("/etc/ssl/ota", str(ssl))
    config = place / "httpd.conf"
    config.write_text(_apache(block, text, ssl, place), encoding="utf-8")
    done = subprocess.run([APACHE, "-t", "-f", config], capture_output=True, text=True, timeout=20, check=False)
    return done.returncode == 0, done.stderr


_LOADED = (
    *("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "authz_host", "auth_basic", "mime", "dir"),
    *(
        "alias",
        "rewrite",
        "headers",
        "setenvif",
        "allowmethods",
        "ssl",
        "socache_shmcb",
        "http2",
        "proxy",
        "proxy_http",
    ),
    *("filter", "deflate", "autoindex"),
)


def _apache(block: Block, text: str, ssl: Path, place: Path) -> str:
    loads = "".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
        for name in _LOADED
        if Path(MODULES, f"mod_{name}.so").is_file()
    )
    head = f"{loads}ServerName wrapped.example\nPidFile {place}/pid\nErrorLog {place}/error.log\nMutex file:{place}\n"
    if "server" in block.words:
        return head + text
    files = f"SSLEngine on\nSSLCertificateFile {ssl}/fullchain.pem\nSSLCertificateKeyFile {ssl}/privkey.pem\n"
    return f"{head}<VirtualHost 127.0.0.1:28443>\nServerName ota.example.com\n{files}{text}\n</VirtualHost>\n"


def xml_says(block: Block) -> tuple[bool, str]:
    """Parse a fragment of XML, which may hold several elements."""
    text = block.text if block.text.startswith("<!DOCTYPE") else f"<all>{block.text}</all>"
    try:
        ET.fromstring(text)  # noqa: S314 - our own pages
    except ET.ParseError as error:
        return False, str(error)
    return True, ""


def files() -> set[str]:
    """Return the names of the pages that are there."""
    return {path.name for path in folder("rules").iterdir()}
