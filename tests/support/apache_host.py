"""Starts the Apache of this machine on loopback ports in a folder of its own, and speaks HTTP to it byte by byte."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread
from typing import Any

from ota_proxy.harness.authority import Authority
from ota_proxy.policy.capabilities import Capabilities, resolve
from ota_proxy.servers.apache.render import render
from ota_proxy.site import Site

BINARY = shutil.which("apache2") or shutil.which("httpd") or ""
DOMAIN = "ota.example.com"
HSTS = "Strict-Transport-Security"
_MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/local/apache2/modules")
MODULES = next((place for place in _MODULES if Path(place, "mod_ssl.so").is_file()), "")
MISSING = "" if BINARY and MODULES else "no apache2 or httpd with its modules on this machine"
PACKAGE_MISMATCH = (
    "AH01882"  # mod_ssl was built with another OpenSSL than is installed: this machine's packages, no configuration
)


@dataclass(frozen=True)
class Reply:
    """One answer: status, header pairs as sent, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


@dataclass
class Host:
    """A running Apache; `site` is what it serves, `folder` holds its files."""

    site: Site
    folder: Path
    authority: Authority
    config: Path
    offered: str = ""

    @property
    def log(self) -> str:
        """The error log from warnings up, without the line about this machine's packages."""
        lines = (self.folder / "log" / "error.log").read_text().splitlines()
        return "\n".join(line for line in lines if PACKAGE_MISMATCH not in line and ":notice]" not in line)

    def get(  # noqa: PLR0913 - the ways in which a request may be odd, all by name
        self,
        target: str,
        *headers: str,
        tls: bool | None = None,
        method: str = "GET",
        host: str | None = None,
        sni: str = DOMAIN,
        before: bytes = b"",
        certificate: str = "",
        source: str = "127.0.0.1",
    ) -> Reply:
        """Ask over https (or `tls=False`) for a raw request target; `method`, `host`, `sni` override what a device says.

        `before` are bytes ahead of all, `certificate` is a client's PEM file, `source` the address to come from.
        """
        tls = not self.site.tls.offloaded if tls is None else tls
        port = self.site.https_port if tls else int(self.site.listen.http)
        default = DOMAIN if not tls or self.site.public_port == 443 else f"{DOMAIN}:{self.site.public_port}"
        lines = [f"{method} {target} HTTP/1.1", f"Host: {default if host is None else host}", *headers]
        data = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
        got = self._exchange(port, data, tls=tls, sni=sni, before=before, certificate=certificate, source=source)
        return _reply(got, method)

    def plain_on_tls_port(self, target: str) -> Reply:
        """Speak http to the TLS port."""
        data = f"GET {target} HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode()
        return _reply(self._exchange(self.site.https_port, data, tls=False, sni=""), "GET")

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.ca_pem.decode())
        context.check_hostname = False  # the tests that matter here send another name on purpose
        return context

    def _exchange(  # noqa: PLR0913 - as of get
        self,
        port: int,
        data: bytes,
        *,
        tls: bool,
        sni: str,
        before: bytes = b"",
        certificate: str = "",
        source: str = "127.0.0.1",
    ) -> bytes:
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
            )
            stream.sendall(before)
            if tls:
                context = self.context()
                if certificate:
                    context.load_cert_chain(certificate)
                stream = stack.enter_context(context.wrap_socket(stream, server_hostname=sni or None))
            stream.sendall(data)
            return b"".join(iter(lambda: stream.recv(65536), b""))


def _reply(data: bytes, method: str) -> Reply:
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    if any(name.lower() == "transfer-encoding" for name, _ in pairs):
        body = _unchunked(body)
    return Reply(int(status.split()[1]), pairs, b"" if method == "HEAD" else body)


def _unchunked(body: bytes) -> bytes:
    out = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        out, body = out + body[:length], body[length + 2 :]
    return out


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Make a folder the server's own account may read (pytest's are the tester's alone)."""
    place = Path(tempfile.mkdtemp(prefix="ota-proxy-apache-"))
    try:
        place.chmod(0o755)
        for name in ("run", "log", "tls", "www"):
            (place / name).mkdir()
        yield place
    finally:
        shutil.rmtree(place)


def capabilities(place: Path) -> Capabilities:
    """Return what this machine's Apache can do, with the layout inside the folder."""
    words = subprocess.run([BINARY, "-v"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"Apache/([0-9.]+)", words)
    library = "openssl-" + ssl.OPENSSL_VERSION.split()[1]
    caps = resolve("apache", match[1] if match else "latest", tls_library=library)
    moved = dataclasses.replace(
        caps.layout,
        folder=str(place),
        modules=MODULES,
        pid=str(place / "run" / "httpd.pid"),
        log=str(place / "log"),
    )
    return dataclasses.replace(caps, layout=moved)


Change = Callable[[dict[str, Any], Path], None]


@contextlib.contextmanager
def running(change: Change, *extra: str, before: Sequence[str] = ()) -> Iterator[Host]:
    """Render the site in full scope, start it, yield it, and end it. `extra` are server-wide lines of the enclosing configuration, `before` loads modules."""
    with folder() as place:
        authority = Authority()
        site = described(change, place, authority)
        config = place / "httpd.conf"
        config.write_text(render(site, capabilities(place), "full", "test").files[0].text)
        options = [part for line in before for part in ("-C", line)] + [part for line in extra for part in ("-c", line)]
        command = [BINARY, "-f", str(config), *options]
        words = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        host = Host(site, place, authority, config, words.stderr)
        assert words.returncode == 0, words.stderr
        with serving([*command, "-DFOREGROUND"], host):
            yield host


def described(change: Change, place: Path, authority: Authority) -> Site:
    pairs = []
    for kind in ("rsa", "ecdsa"):
        issued = authority.issue(
            [DOMAIN, "alias.example.com", "*.team.example.com"], "rsa" if kind == "rsa" else "ecdsa"
        )
        for name, data in (("pem", issued.cert_chain_pem), ("key", issued.key_pem)):
            (place / "tls" / f"{kind}.{name}").write_bytes(data)
        pairs.append({"cert": str(place / "tls" / f"{kind}.pem"), "key": str(place / "tls" / f"{kind}.key")})
    raw: dict[str, Any] = {
        "domains": [DOMAIN, "alias.example.com", "*.team.example.com"],
        "listen": {"http": free_port(), "https": free_port(), "addresses": ["127.0.0.1"]},
        "certificates": pairs,
        "locations": [{"path": "/ota/", "root": str(place / "www")}],
        "redirect": {"acme_root": str(place / "acme")},
        "expected_devices": 1,
    }
    change(raw, place)
    return Site.model_validate(raw)


@contextlib.contextmanager
def serving(command: list[str], host: Host) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            for port in {host.site.listen.http, None if host.site.tls.offloaded else host.site.https_port}:
                if port:
                    _await(int(port), process)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _await(port: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()[1]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError("Apache did not listen within 20 seconds")


class Echo(BaseHTTPRequestHandler):
    """An application that answers with what it was asked; `?name=value` pairs become headers of the answer, `?status=N` its status."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        pairs = [part.partition("=") for part in self.path.partition("?")[2].split("&") if part]
        status = next((int(value) for name, _, value in pairs if name == "status"), 200)
        body = "".join(
            [self.requestline + "\n", *(f"{name}: {value}\n" for name, value in self.headers.items())]
        ).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, _, value in pairs:
            if name != "status":
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_TRACE = _answer  # noqa: N815 - the names http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Stay quiet."""

    def address_string(self) -> str:
        return "device"


class _UnixServer(ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[Any, Any]:
        connection, _ = super().get_request()
        return connection, ("unix", 0)


@contextlib.contextmanager
def application(socket_path: str = "", context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run `Echo` on a free port (yielded), or on a unix socket that the server's account may use."""
    server: Any = _UnixServer(socket_path, Echo) if socket_path else ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    if socket_path:
        Path(socket_path).chmod(0o666)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield 0 if socket_path else server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
