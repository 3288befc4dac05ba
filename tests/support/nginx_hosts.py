"""Generated sets of servers on a few ports, what a real nginx answers there by address, Host and TLS name, and our answer beside it."""

from __future__ import annotations

import random
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ota_proxy.harness.authority import Authority
from ota_proxy.servers.nginx.answering.request import asked
from ota_proxy.servers.nginx.effective import effective
from ota_proxy.servers.nginx.tree import Tree, load
from tests.support.nginx_answers import TYPES, Real, Score, compare, free_port, make_files

NAMES = (
    *("example.com", "*.example.com", ".example.com", "www.*", "www.example.*", "a.example.com", "*.a.example.com"),
    *(".com", "mail.*", r"~^(?<sub>[a-z]+)\.example\.com$", r"~^www\d+\.", "~.", "EXAMPLE.org", "_", '""', "*.org"),
    *(r"~^(.+)\.re$", "127.0.0.1", "www.example.com", ".a.example.com", "localhost", "~(?<name>x+)"),
)
HOSTS = (
    *("example.com", "a.example.com", "b.example.com", "x.a.example.com", "www.example.com", "www.foo", "EXAMPLE.com"),
    *("www.example.net", "Example.Org", "x.org", "example.com.", "a.example.com.:80", "b.example.com:8080", "www1.x"),
    *("q.re", "127.0.0.1", "_", "xxx", "", "mail", "mail.", "mail.x", "a..b", "a/b", "[::1]", "[::1]:80", "exam_ple"),
    *("-", "localhost", ".example.com", "*.example.com", "com", "www", "a b", "ex%41mple.com", "e,x"),
)
TLS_NAMES = ("example.com", "a.example.com", "x.a.example.com", "www.foo", "example.org", "q.re", "127.0.0.1", "mail.x")
TARGETS = ("/", "/ota", "/a//b", "/ota/app.ipa", "/..", "/none?x=1")
HEAD = """daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 100; }}
http {{ access_log off; server_names_hash_bucket_size 128;
client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
{types}
server {{ listen unix:{folder}/v.sock; server_name "~(?<sub>zq)(?<name>q)"; return 204; }}
"""
"""The first server is there for the variables that some of the others make."""


@dataclass
class Hosts:
    """What the generated servers stand on: a folder, four ports (the last one speaks TLS) and two certificates."""

    folder: Path
    binary: str
    version: str
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(4)])
    certificates: dict[str, bytes] = field(default_factory=dict)
    """Path → the certificate as it is sent."""

    def __post_init__(self) -> None:
        make_files(self.folder / "www")
        authority = Authority()
        for name in ("one", "two"):
            issued = authority.issue((f"{name}.test",))
            path = self.folder / f"{name}.pem"
            path.write_bytes(issued.cert_chain_pem)
            (self.folder / f"{name}.key").write_bytes(issued.key_pem)
            first = issued.cert_chain_pem.decode().partition("-----END CERTIFICATE-----")
            self.certificates[str(path)] = ssl.PEM_cert_to_DER_cert(f"{first[0]}{first[1]}\n")


def servers(hosts: Hosts, chance: random.Random) -> list[str]:
    """Write one to six servers."""
    defaults: set[str] = set()
    return [_server(hosts, chance, number, defaults) for number in range(chance.randint(1, 6))]


def _listens(hosts: Hosts, chance: random.Random, defaults: set[str]) -> list[str]:
    found: dict[str, str] = {}
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        port = chance.choice(hosts.ports)
        place = chance.choice(["127.0.0.1:", "127.0.0.1:", "", "*:", "[::]:", "127.0.0.2:", "0.0.0.0:", "[::1]:"])
        key = f"{place.replace('*:', '').replace('0.0.0.0:', '')}{port}"
        if key in found:
            continue
        words = " ssl" if port == hosts.ports[-1] else ""
        if key not in defaults and chance.random() < 0.2:
            defaults.add(key)
            words += chance.choice([" default_server", " default"])
        found[key] = f"listen {place}{port}{words};"
    return list(found.values())


def _server(hosts: Hosts, chance: random.Random, number: int, defaults: set[str]) -> str:
    lines = _listens(hosts, chance, defaults)
    speaks_tls = any(" ssl" in line for line in lines)
    lines += [f"server_name {name};" for name in chance.sample(NAMES, k=chance.choice([0, 1, 1, 1, 2, 3]))]
    lines.append(f"add_header X-Server {number} always;")
    lines.append(
        'add_header X-Said "$host|$server_name|$server_port|$scheme|$https|$ssl_server_name|$sub|$name|$1" always;'
    )
    if speaks_tls:
        name = chance.choice(["one", "two"])
        lines.append(f"ssl_certificate {hosts.folder}/{name}.pem; ssl_certificate_key {hosts.folder}/{name}.key;")
        lines.append(f"ssl_protocols {chance.choice(['TLSv1.2', 'TLSv1.3', 'TLSv1.2 TLSv1.3'])};")
        lines += ["ssl_reject_handshake on;"] if chance.random() < 0.1 else []
        lines += [f"error_page 497 {chance.choice(_PLAIN)};"] if chance.random() < 0.3 else []
    for line in ("merge_slashes off;", "server_name_in_redirect on;", "port_in_redirect off;"):
        lines += [line] if chance.random() < 0.2 else []
    lines.append(chance.choice(_ENDS))
    return f"server {{ {' '.join(lines)} root {hosts.folder}/www; }}"


_PLAIN = (
    "https://$host$request_uri",
    "=301 https://$host:$server_port$request_uri",
    "/errors/e.txt",
    "=200 /errors/e.txt",
)
_ENDS = (
    *('return 200 "$uri";', "return 301 https://$host$request_uri;", "return 302 /x;", "return 404;", ""),
    "try_files $uri =404;",
)


def configured(hosts: Hosts, blocks: list[str]) -> Tree | None:
    """Write the configuration; None where nginx does not take it."""
    conf = hosts.folder / "nginx.conf"
    conf.write_text(HEAD.format(folder=hosts.folder, types=TYPES) + "\n".join(blocks) + "\n}\n")
    command = [hosts.binary, "-t", "-q", "-p", f"{hosts.folder}/", "-c", str(conf)]
    taken = subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    return load(conf) if taken else None


@contextmanager
def served(hosts: Hosts) -> Iterator[None]:
    """Run the configuration that was written."""
    (hosts.folder / "v.sock").unlink(missing_ok=True)
    command = [hosts.binary, "-p", f"{hosts.folder}/", "-c", str(hosts.folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with suppress(OSError), socket.socket(socket.AF_UNIX) as one:
                one.connect(str(hosts.folder / "v.sock"))
                break
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)


@dataclass(frozen=True)
class Got:
    """What came back: nothing where the handshake was refused or nginx closed the connection."""

    real: Real | None
    protocol: str | None = None
    certificate: bytes | None = None


def ask(address: str, port: int, request: bytes, tls_name: str | None) -> Got | None:
    """Send a request as it is; None where nothing listens, or where nothing came in time."""
    try:
        plain = socket.create_connection((address, port), timeout=20)
    except OSError:
        return None
    with plain, suppress(TimeoutError):  # a busy machine is no answer of nginx
        if tls_name is None:
            return Got(_read(plain, request))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with context.wrap_socket(plain, server_hostname=tls_name) as secure:
                protocol, certificate = secure.version(), secure.getpeercert(binary_form=True)
                return Got(_read(secure, request), protocol, certificate)
        except TimeoutError:
            return None
        except OSError:
            return Got(None)
    return None


def _read(connection: socket.socket, request: bytes) -> Real | None:
    connection.sendall(request)
    data = b""
    with suppress(ConnectionError, ssl.SSLError):
        while more := connection.recv(65536):
            data += more
    if not data.startswith(b"HTTP/"):
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in rest)
    return Real(int(first.split()[1]), tuple((name.lower(), value.strip()) for name, _, value in fields), body)


def judged(hosts: Hosts, tree: Tree, chance: random.Random, times: int) -> tuple[Score, list[str]]:
    """Ask both; return the score, and each wrong answer with its request."""
    score, wrong = Score(), []
    for _ in range(times):
        port, host, target = chance.choice(hosts.ports), chance.choice(HOSTS), chance.choice(TARGETS)
        method, address = chance.choice(["GET", "GET", "HEAD"]), chance.choice(["127.0.0.1", "127.0.0.2", "::1"])
        tls_name = None
        if port == hosts.ports[-1] and address != "::1" and chance.random() < 0.75:
            tls_name = chance.choice(TLS_NAMES)
            host = tls_name if chance.random() < 0.6 else host
            address = tls_name if tls_name == "127.0.0.1" else address
        request = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        got = ask(address, port, request.encode(), tls_name)
        if got is None:
            continue
        place = tls_name or (f"[{address}]" if ":" in address else address)
        url = f"http{'s' if tls_name else ''}://{place}:{port}{target}"
        found = _compared(hosts, tree, got, (url, method, host))
        score.add(found)
        wrong += [f"{method} {url} at {address} with Host '{host}': {one}" for one in found.wrong]
    return score, wrong


def _compared(hosts: Hosts, tree: Tree, got: Got, question: tuple[str, str, str]) -> Score:
    url, method, host = question
    ours = effective(tree, asked(url, method, [f"Host: {host}"]), version=hosts.version)
    if got.real is None:
        return Score(1, 0, [] if ours.status is None else [f"status: {ours.status}, really nothing"])
    score = compare(ours, got.real)
    if ours.tls and ours.tls.protocols and got.protocol != ours.tls.protocols[-1]:
        score.wrong.append(f"protocols: {ours.tls.protocols}, really {got.protocol}")
    if ours.tls and ours.tls.certificate and hosts.certificates[ours.tls.certificate] != got.certificate:
        score.wrong.append(f"certificate: {ours.tls.certificate}, really another one")
    if re.search(r"connection comes to", str(ours.unknown)):
        score.unknown = 0  # which address a name has is not in the files
    return score
