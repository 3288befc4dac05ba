"""The TLS probe and the walk against an nginx found on the PATH, whose configuration we know."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ota_proxy.apps.install_link import install_link
from ota_proxy.device.handshake import probe
from ota_proxy.device.network import Network
from ota_proxy.device.walk import WalkOptions, walk_sync
from ota_proxy.facts.install import TlsFacts
from tests.support.device_servers import HOST, NOW, chain
from tests.support.walked_site import PACKAGE, manifest, page

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = [pytest.mark.local, pytest.mark.skipif(NGINX is None, reason="no nginx on the PATH")]
FULL = chain()
KNOWN = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES256-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    "ECDHE-ECDSA-AES128-SHA": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
}


def free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        port: int = probe_socket.getsockname()[1]
        return port


@contextlib.contextmanager
def nginx(folder: Path, tls: str, more: str = "", default: str = "") -> Iterator[tuple[int, int]]:
    """Start nginx with the TLS directives given and yield its https and http port."""
    assert NGINX is not None
    secure, plain = free_port(), free_port()
    (folder / "chain.pem").write_text("".join(one.pem for one in (FULL.leaf, FULL.lower, FULL.upper)))
    (folder / "key.pem").write_bytes(FULL.leaf.key_pem)
    temp = " ".join(f"{name}_temp_path t;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    other = f"server {{ listen 127.0.0.1:{secure} ssl http2 default_server; {default} }}" if default else ""
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; {temp}
  types {{ text/html html; text/xml plist; application/octet-stream ipa; image/png png; }}
  server {{
    listen 127.0.0.1:{secure} ssl http2; server_name {HOST};
    ssl_certificate chain.pem; ssl_certificate_key key.pem; {tls}
    root {folder}/www; {more}
  }}
  {other}
  server {{ listen 127.0.0.1:{plain}; return 308 https://{HOST}$request_uri; }}
}}
""")
    with subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL
    ) as process:
        try:
            _await_port(secure, process)
            yield secure, plain
        finally:
            process.terminate()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    pytest.fail("nginx did not start")


def looked(port: int) -> TlsFacts:
    return asyncio.run(probe(HOST, 443, Network({(HOST, 443): ("127.0.0.1", port)}, FULL.root.pem), NOW))


def test_the_suites_and_their_order_are_those_of_the_configuration(tmp_path: Path) -> None:
    tls = f"ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers {':'.join(KNOWN)}; ssl_prefer_server_ciphers on; ssl_ecdh_curve X25519:secp384r1;"
    with nginx(tmp_path, tls) as (port, _):
        facts = looked(port)
    assert facts.suites["TLSv1.2"] == tuple(KNOWN.values())
    assert facts.versions == ("TLSv1.2", "TLSv1.3")
    assert set(facts.groups) == {"x25519", "secp384r1"}
    assert facts.alpn == ("h2", "http/1.1")
    assert facts.extended_master_secret is True
    assert (facts.trust, facts.private_root, facts.name_matches) == ("trusted", True, True)


def test_legacy_versions_are_found_beside_the_new_ones(tmp_path: Path) -> None:
    with nginx(tmp_path, "ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;") as (port, _):
        facts = looked(port)
    assert facts.versions == ("TLSv1", "TLSv1.1", "TLSv1.2")
    assert "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA" in facts.suites["TLSv1"]
    assert len(facts.suites["TLSv1.2"]) > len(facts.suites["TLSv1.1"])
    assert not facts.partial


def test_a_server_that_refuses_other_names_refuses_the_unknown_host(tmp_path: Path) -> None:
    with nginx(tmp_path, "", default="ssl_reject_handshake on;") as (port, _):
        facts = looked(port)
    assert facts.unknown_host == "refused"
    assert facts.trust == "trusted"


def test_a_walk_over_nginx_is_healthy_over_h2_and_http1(tmp_path: Path) -> None:
    folder = tmp_path / "www" / "ota"
    folder.mkdir(parents=True)
    (folder / "manifest.plist").write_bytes(manifest())
    (folder / "app.ipa").write_bytes(PACKAGE)
    (folder / "icon.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "index.html").write_bytes(page(install_link(f"https://{HOST}/ota/manifest.plist")))
    with nginx(tmp_path, "ssl_protocols TLSv1.2 TLSv1.3;", "gzip on; gzip_types text/xml;") as (port, plain):
        route = {(HOST, 443): ("127.0.0.1", port), (HOST, 80): ("127.0.0.1", plain)}
        facts = walk_sync(f"https://{HOST}/ota/", WalkOptions(ca_pem=FULL.root.pem, resolve=route))
    package = facts.packages[0]
    visits = (package.head, package.get, package.ranged, package.tail, package.resumed, package.conditional)
    assert [visit.status if visit else 0 for visit in visits] == [200, 200, 206, 206, 206, 304]
    assert package.ranged.response is not None
    assert package.ranged.response.body == package.reference
    assert facts.manifest is not None
    assert facts.manifest.visit.response is not None
    assert facts.manifest.visit.response.http_version == "2"
    assert facts.manifest.h1 is not None
    assert facts.manifest.h1.response is not None
    assert facts.manifest.h1.response.http_version == "1.1"
    assert facts.manifest.compressed is not None
    assert facts.manifest.compressed.response is not None
    assert facts.manifest.compressed.response.header("content-encoding") == "gzip"
    assert facts.plain is not None
    assert facts.plain.probe.last.response is not None
    location = facts.plain.probe.last.response.header("location")
    assert location == f"https://{HOST}/ota/manifest.plist?ota-proxy=probe%2Fx"
