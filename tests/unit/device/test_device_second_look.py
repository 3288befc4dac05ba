"""What a failed TLS connection was about: a client certificate that is wanted, or a good way that OpenSSL does not find."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ota_proxy.device.session import Session, WalkOptions
from ota_proxy.facts.install import Exchange
from tests.support.certificate_paths import again
from tests.support.device_servers import HOST, Issued, issue, server_context

ROOT = issue("Root", ca=True, days=(-900, 900))
OTHER = issue("Other Root", ca=True, days=(-900, 900))
MIDDLE = issue("Middle", ROOT, ca=True)
LEAF = issue(HOST, MIDDLE, hosts=(HOST,))
TWELVE, THIRTEEN = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[ssl.SSLSocket], None]


def answers(channel: ssl.SSLSocket) -> None:
    channel.recv(4096)
    channel.sendall(ANSWER)


def hangs_up(channel: ssl.SSLSocket) -> None:
    """Close before any request, as a load balancer does that has no words for it."""
    channel.unwrap()


@contextmanager
def served(context: ssl.SSLContext, talk: Talk = answers) -> Iterator[int]:
    """Handshakes in threads, which let OpenSSL send its alerts; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def one(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(5)
            with context.wrap_socket(connection, server_side=True) as channel:
                talk(channel)

    def loop() -> None:
        while True:
            connection, _ = listener.accept()
            if over.is_set():
                connection.close()
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join(5)
        listener.close()


def asked(port: int, times: int = 1) -> list[Exchange]:
    options = WalkOptions(ca_pem=ROOT.pem, resolve={(HOST, 443): ("127.0.0.1", port)}, allow_private=True)

    async def scene() -> list[Exchange]:
        session = Session(options)
        requests = [session.request("manifest", f"https://{HOST}/", "manifest") for _ in range(times)]
        return [await session.send(request) for request in requests]

    return asyncio.run(scene())


def wanting(folder: Path, version: ssl.TLSVersion, mode: ssl.VerifyMode = ssl.CERT_REQUIRED) -> ssl.SSLContext:
    context = server_context(folder, LEAF, MIDDLE)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = mode
    context.load_verify_locations(cadata=OTHER.pem)
    return context


@pytest.mark.parametrize("version", [TWELVE, THIRTEEN])
def test_a_certificate_that_is_wanted_is_told_under_both_versions(tmp_path: Path, version: ssl.TLSVersion) -> None:
    with served(wanting(tmp_path, version)) as port:
        first, second = asked(port, 2)
    assert first.error is not None
    assert first.error.kind == "client-certificate"
    assert second.error == first.error  # the origin is not asked again


def test_a_server_that_hangs_up_without_a_word_is_seen_through_its_question(tmp_path: Path) -> None:
    with served(wanting(tmp_path, TWELVE, ssl.CERT_OPTIONAL), hangs_up) as port:
        (only,) = asked(port)
    assert only.error is not None
    assert only.error.kind == "client-certificate"


@pytest.mark.parametrize("version", [TWELVE, THIRTEEN])
def test_a_certificate_that_is_only_welcome_changes_nothing(tmp_path: Path, version: ssl.TLSVersion) -> None:
    with served(wanting(tmp_path, version, ssl.CERT_OPTIONAL)) as port:
        (only,) = asked(port)
    assert only.status == 200


def test_a_server_that_hangs_up_and_asked_nothing_just_hung_up(tmp_path: Path) -> None:
    with served(server_context(tmp_path, LEAF, MIDDLE), hangs_up) as port:
        (only,) = asked(port)
    assert only.error is not None
    assert only.error.kind != "client-certificate"


@pytest.mark.parametrize("turned", [False, True])
def test_the_good_way_of_two_is_taken_as_a_device_does(tmp_path: Path, *, turned: bool) -> None:
    crossed: tuple[Issued, ...] = (again(MIDDLE, OTHER), MIDDLE)
    with served(server_context(tmp_path, LEAF, *(reversed(crossed) if turned else crossed))) as port:
        found = asked(port, 2)
    assert [one.status for one in found] == [200, 200]


def test_a_way_that_is_out_of_date_or_leads_to_no_root_is_not_helped(tmp_path: Path) -> None:
    for number, sent in enumerate([again(MIDDLE, OTHER), again(MIDDLE, ROOT, (-900, -1))]):
        (tmp_path / f"{number}").mkdir()
        with served(server_context(tmp_path / f"{number}", LEAF, sent)) as port:
            (only,) = asked(port)
        assert only.error is not None
        assert only.error.code == "CERTIFICATE_VERIFY_FAILED"


def test_a_good_way_does_not_help_a_name_that_is_not_the_hosts(tmp_path: Path) -> None:
    leaf = issue("elsewhere", MIDDLE, hosts=("elsewhere.example.com",))
    with served(server_context(tmp_path, leaf, again(MIDDLE, OTHER), MIDDLE)) as port:
        (only,) = asked(port)
    assert only.error is not None
    assert "certificate" in only.error.message
