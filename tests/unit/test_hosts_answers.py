from __future__ import annotations

import pytest

from ota_proxy.facts.host import Socket
from ota_proxy.hosts import readers as answers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("nginx version: nginx/1.22.1\n", "1.22.1"),
        ("nginx version: nginx/1.18.0 (Ubuntu)\n", "1.18.0"),
        ("nginx version: openresty/1.25.3.1\n", "1.25.3.1"),
        ("Server version: Apache/2.4.71 (Debian)\nServer built:   2026-11-12T08:58:41\n", "2.4.71"),
        ("sh: 1: nginx: not found\n", None),
        ("", None),
    ],
)
def test_the_version_is_read_from_the_servers_own_words(text: str, number: str | None) -> None:
    assert answers.version(text) == number


MAPS = """\
55d0c0a00000-55d0c0a2b000 r--p 00000000 fe:00 1 /usr/sbin/nginx
7f0000000000-7f00000b4000 r--p 00000000 fe:00 2                          {crypto}
7f0000100000-7f00001b4000 r-xp 000b4000 fe:00 2                          {crypto}
7f0000200000-7f0000220000 r--p 00000000 fe:00 3                          {ssl}
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
"""
LIBS = {"crypto": "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "ssl": "/usr/lib/x86_64-linux-gnu/libssl.so.3"}


def test_the_library_in_memory_is_found_with_its_range() -> None:
    found = answers.mapped_library(MAPS.format(**LIBS))
    assert found == answers.Mapped("7f0000000000-7f00000b4000", LIBS["crypto"], replaced=False)


def test_a_library_that_was_replaced_on_disk_is_told_from_the_one_in_use() -> None:
    found = answers.mapped_library(MAPS.format(crypto=LIBS["crypto"] + " (deleted)", ssl=LIBS["ssl"] + " (deleted)"))
    assert found is not None
    assert (found.path, found.replaced) == (LIBS["crypto"], True)


def test_a_path_with_blanks_is_one_path() -> None:
    found = answers.mapped_library(MAPS.format(crypto="/opt/my libs/libcrypto.so.1.1", ssl=LIBS["ssl"]))
    assert found is not None
    assert found.path == "/opt/my libs/libcrypto.so.1.1"


def test_libcrypto_without_libssl_is_not_tls() -> None:
    assert answers.mapped_library(MAPS.format(crypto=LIBS["crypto"], ssl="/usr/lib/libz.so.1")) is None


@pytest.mark.parametrize(
    ("strings", "name"),
    [
        ("OpenSSL 3.0.19 27 Jan 2026\n", "openssl-3.0.19"),
        ("OpenSSL 1.1.1w  11 Sep 2023\n", "openssl-1.1.1w"),
        ("OpenSSL 3.0.0\nOpenSSL 3.3.7 7 Apr 2026\n", "openssl-3.3.7"),
        ("LibreSSL 4.1.0\n", "libressl-4.1.0"),
        ("no library\n", None),
    ],
)
def test_the_library_is_named_by_its_dated_string(strings: str, name: str | None) -> None:
    assert answers.library(strings) == name


def test_a_passed_test_has_no_place_even_when_it_warns() -> None:
    output = (
        "nginx: [warn] conflicting server name in /etc/nginx/a.conf:3\nnginx: configuration file test is successful\n"
    )
    test = answers.config_test("nginx -t", 0, output)
    assert (test.passed, test.file, test.line) == (True, "", 0)
    assert "[warn]" in test.output


@pytest.mark.parametrize(
    ("output", "place"),
    [
        (
            'nginx: [emerg] unknown directive "http3x" in /etc/nginx/conf.d/a b.conf:12\n',
            ("/etc/nginx/conf.d/a b.conf", 12),
        ),
        (
            "nginx: [warn] duplicate MIME type in /etc/nginx/mime.types:9\nnginx: [emerg] invalid port in /etc/nginx/x:3\n",
            ("/etc/nginx/x", 3),
        ),
        ('nginx: [emerg] cannot load certificate "/c.pem": BIO_new_file() failed\n', ("", 0)),
        (
            "AH00526: Syntax error on line 3 of /etc/apache2/sites-enabled/o.conf:\nInvalid command 'Foo'\n",
            ("/etc/apache2/sites-enabled/o.conf", 3),
        ),
        (
            "apache2: Syntax error on line 225 of /etc/apache2/a.conf: Syntax error on line 7 of /etc/apache2/sites-enabled/o.conf: no\n",
            ("/etc/apache2/sites-enabled/o.conf", 7),
        ),
        ("AH00014: Configuration check failed\n", ("", 0)),
    ],
)
def test_the_place_of_the_error_is_the_innermost_file_and_line(output: str, place: tuple[str, int]) -> None:
    test = answers.config_test("-t", 1, output)
    assert not test.passed
    assert (test.file, test.line) == place


SS = """\
LISTEN 0      511          0.0.0.0:80         0.0.0.0:*
LISTEN 0      511    127.0.0.1%lo:8443       0.0.0.0:*
LISTEN 0      511             [::]:443           [::]:*
LISTEN 0      511                *:8080             *:*
"""
PROC = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 0100007F:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 0100007F:20FB 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000
   2: 000080FE00000000FF00000201000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
"""


def test_ss_and_proc_tell_the_same_sockets() -> None:
    both = (Socket("0.0.0.0", 80), Socket("::", 443), Socket("::", 8080), Socket("127.0.0.1", 8443))  # noqa: S104
    assert answers.sockets_of_ss(SS) == both
    assert set(answers.sockets_of_proc(PROC)) == {*both, Socket("fe80::200:ff:0:1", 443)}
