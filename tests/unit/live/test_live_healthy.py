"""Set-ups that are unusual and healthy: nothing is found in them, and the walk is clean."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ota_proxy.apps.install_link import install_link
from ota_proxy.apps.landing_page import landing_page
from ota_proxy.apps.manifest import build_manifest
from ota_proxy.apps.package import EXAMPLE_APP, build_package, png
from ota_proxy.commands.check import CheckOptions, check
from ota_proxy.report.report import Report, TargetReport, exit_code
from tests.support.certificate_paths import again
from tests.support.device_servers import HOST, NOW, Issued, issue, server_context
from tests.support.reports import failed

ROOT, OTHER = issue("Root", ca=True, days=(-900, 900)), issue("Other Root", ca=True, days=(-900, 900))
MIDDLE = issue("Middle", ROOT, ca=True, days=(-30, 400))
PACKAGE = build_package(size=200_000)
_FIELDS = 'Strict-Transport-Security: max-age=63072000\r\nETag: "one"\r\nAccept-Ranges: bytes\r\n'
_TYPES = {"plist": "text/xml", "ipa": "application/octet-stream", "png": "image/png"}
Writer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def leaf(host: str) -> Issued:
    """A server's certificate for a name or an address."""
    made = issue(host, MIDDLE)
    try:
        name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
        .issuer_name(MIDDLE.certificate.subject)
        .public_key(made.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=80))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return Issued(builder.sign(MIDDLE.key, hashes.SHA256()), made.key)


def content(base: str, package: str = "/App-1.2.ipa") -> dict[str, bytes]:
    manifest = build_manifest(EXAMPLE_APP, f"{base}{package}", {"display-image": f"{base}/icon.png"})
    page = landing_page(EXAMPLE_APP, f"{base}/app.plist")
    assert install_link(f"{base}/app.plist", "html").encode() in page
    return {"/": page, "/app.plist": manifest, package.partition("?")[0]: PACKAGE, "/icon.png": png(57)}


def site(host: str, files: dict[str, bytes], *, version: str = "1.1", kept: str = "no-store") -> Writer:
    """Serve files under one name only, with ranges and conditions."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except (OSError, asyncio.IncompleteReadError):
            return  # a look at the certificates only
        method, path, _ = lines[0].split(" ")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines[1:]}
        own = headers["host"].rpartition(":")[0].strip("[]") or headers["host"]
        own = own if own == host else headers["host"].strip("[]")
        body = files.get(path.partition("?")[0]) if own == host else None
        status, fields = "200 OK" if body is not None else "404 Not Found", _FIELDS
        kind = _TYPES.get(path.partition("?")[0].rpartition(".")[2], "text/html")
        keep = kept if kind == _TYPES["ipa"] else "no-store"
        data = body or b"not here"
        if headers.get("if-none-match") == '"one"':
            status, data = "304 Not Modified", b""
        elif body is not None and "range" in headers:
            first, _, last = headers["range"].removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(body)), len(body) - 1)
            status, data = "206 Partial Content", body[start : end + 1]
            fields += f"Content-Range: bytes {start}-{end}/{len(body)}\r\n"
        head = f"HTTP/{version} {status}\r\n{fields}Cache-Control: {keep}\r\nContent-Type: {kind}\r\n"
        frame = ("X-Frame-Options: DENY\r\n" if kind == "text/html" else "") + f"Content-Length: {len(data)}\r\n\r\n"
        writer.write((head + frame).encode() + (b"" if method == "HEAD" else data))
        await writer.drain()
        writer.close()

    return handle


def checked(
    handler: Writer, context: ssl.SSLContext, target: str, host: str, address: str = "127.0.0.1"
) -> TargetReport:
    context.set_ciphers("ECDHE+AESGCM")

    async def scene() -> TargetReport:
        server = await asyncio.start_server(handler, address, 0, ssl=context)
        async with server:
            way = {(host, 443): (address, server.sockets[0].getsockname()[1])}
            return await check(target, CheckOptions(ca_pem=ROOT.pem, resolve=way))

    return asyncio.run(scene())


def clean(report: TargetReport) -> None:
    assert failed(report) == []
    assert report.why == ""
    assert exit_code(Report((report,))) == 0


def of(folder: Path, host: str = HOST, *chain: Issued) -> ssl.SSLContext:
    return server_context(folder, leaf(host), *(chain or (MIDDLE,)))


BASE = f"https://{HOST}"


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "beside", [again(MIDDLE, ROOT, (-900, -1)), again(MIDDLE, OTHER)], ids=["expired", "elsewhere"]
)
def test_a_cross_signed_certificate_beside_a_good_one(tmp_path: Path, beside: Issued, order: int) -> None:
    context = of(tmp_path, HOST, *(beside, MIDDLE)[::order])
    clean(checked(site(HOST, content(BASE)), context, f"{BASE}/", HOST))


@pytest.mark.parametrize("package", ["/r/2f9ac41be0d7/App.ipa", "/builds/142/App.ipa", "/App.ipa?v=1.2"])
def test_a_folder_or_query_of_its_own_under_which_a_package_is_kept_for_ever(tmp_path: Path, package: str) -> None:
    handler = site(HOST, content(BASE, package), kept="public, max-age=31536000, immutable")
    clean(checked(handler, of(tmp_path), f"{BASE}/app.plist", HOST))


def test_a_server_that_speaks_http_1_0(tmp_path: Path) -> None:
    clean(checked(site(HOST, content(BASE), version="1.0"), of(tmp_path), f"{BASE}/", HOST))


def test_a_host_that_has_ipv6_only(tmp_path: Path) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6, not even a loopback")
    clean(checked(site(HOST, content(BASE)), of(tmp_path), f"{BASE}/", HOST, "::1"))


@pytest.mark.parametrize("start", ["https://münchen.example.com/", "https://xn--mnchen-3ya.example.com/app.plist"])
def test_a_host_with_an_international_name(tmp_path: Path, start: str) -> None:
    host = "xn--mnchen-3ya.example.com"
    clean(checked(site(host, content(f"https://{host}")), of(tmp_path, host), start, host))


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7"])
def test_a_host_that_is_an_ip_address(tmp_path: Path, host: str) -> None:
    base = f"https://[{host}]" if ":" in host else f"https://{host}"
    clean(checked(site(host, content(base)), of(tmp_path, host), f"{base}/", host))


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
