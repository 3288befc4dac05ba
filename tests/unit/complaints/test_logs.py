"""Logs as they come: of a device, a browser, nginx, Apache, IIS, Caddy; any encoding, any size, any content."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_proxy.cli.parser import COMMANDS
from ota_proxy.report.answer import reading_text
from ota_proxy.report.paint import Paint
from ota_proxy.rules.complaints.access import Request, fields_of, meaning, request_of
from ota_proxy.rules.complaints.logs import MOST_BYTES, MOST_LINES, decoded, is_text, read

DEVICE = """\
Nov 28 09:14:02 iPhone appstored(CFNetwork)[112] <Notice>: Task <1A2B-0000>.<1> resuming, timeouts(120.0, 604800.0)
Nov 28 09:14:02 iPhone appstored(CFNetwork)[112] <Error>: Connection 3: strict TLS Trust evaluation failed(-9807)
Nov 28 09:14:02 iPhone appstored(CFNetwork)[112] <Error>: HTTP load failed, 0/0 bytes (error code: -1202 [3:-9807])
Nov 28 09:14:02 iPhone appstored[112] <Error>: Failed to load manifest: Error Domain=NSURLErrorDomain Code=-1202 "…"
Nov 28 09:20:11 iPhone installcoordinationd[118] <Error>: Canceled: Error Domain=SZExtractorErrorDomain Code=3 "Finishing an incomplete stream!"
"""
BROWSER = """\
[Log] app.js:10 hello
[Error] Did not parse stylesheet at 'https://ota.example.com/s.css' because non CSS MIME types are not allowed in strict mode.
[Error] Failed to load resource: the server responded with a status of 404 (Not Found) (app.plist, line 0)
[Error] Blocked a frame with origin "https://portal.example.com" from opening itms-services://?action=x because the frame is sandboxed
"""
NGINX = """\
2026/11/28 09:10:01 [notice] 1#1: nginx/1.26.3
2026/11/28 09:10:02 [error] 22#22: *1 open() "/srv/ota/App.plist" failed (2: No such file or directory), request: "GET /App.plist HTTP/2.0"
2026/11/28 09:10:03 [error] 22#22: *2 open() "/srv/ota/favicon.ico" failed (2: No such file or directory), request: "GET /favicon.ico HTTP/2.0"
2026/11/28 09:10:04 [info] 22#22: *3 SSL_do_handshake() failed (SSL: error:0A000416:SSL routines::ssl/tls alert certificate unknown)
2026/11/28 09:10:07 [error] 22#22: *6 client intended to send too large body: 524288000 bytes, request: "POST /upload HTTP/1.1"
"""
COMBINED = """\
203.0.113.9 - - [28/Nov/2026:09:10:08 +0000] "GET /app.plist HTTP/1.1" 200 512 "-" "com.apple.appstored/1.0 iOS/18.1"
203.0.113.9 - - [28/Nov/2026:09:10:08 +0000] "HEAD /app.ipa HTTP/1.1" 405 0 "-" "com.apple.appstored/1.0 iOS/18.1"
203.0.113.9 - - [28/Nov/2026:09:10:09 +0000] "GET /wp-login.php HTTP/1.1" 404 512 "-" "Mozilla/5.0"
"""
IIS = """\
#Software: Microsoft Internet Information Services 10.0
#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-substatus sc-win32-status
2026-11-28 09:10:08 10.0.0.4 GET /ota/app.plist - 443 - 203.0.113.9 com.apple.appstored/1.0 404 3 50
2026-11-28 09:10:09 10.0.0.4 GET /ota/App+1.ipa - 443 - 203.0.113.9 com.apple.appstored/1.0 404 11 0
2026-11-28 09:10:10 10.0.0.4 GET /x.txt - 443 - 203.0.113.9 Mozilla/5.0 404 0 2
"""


def first_rules(log: str) -> list[tuple[str, list[int]]]:
    return [(group.rules[0], [line.number for line in group.lines]) for group in read(log.encode()).groups]


@pytest.mark.parametrize(
    ("log", "found"),
    [
        (DEVICE, [("OTA207", [2, 3, 4]), ("OTA412", [5])]),
        (BROWSER, [("OTA110", [2]), ("OTA301", [3]), ("OTA107", [4])]),
        (NGINX, [("OTA301", [2]), ("OTA207", [4])]),
        (COMBINED, [("OTA403", [2])]),
        (IIS, [("OTA601", [3]), ("OTA611", [4])]),
    ],
    ids=["device", "browser", "nginx", "combined", "iis"],
)
def test_a_log_names_the_rules_with_their_lines(log: str, found: list[tuple[str, list[int]]]) -> None:
    assert first_rules(log) == found


def test_what_no_rule_is_behind_stands_beside() -> None:
    assert [group.lines[0].number for group in read(NGINX.encode()).asides] == [5]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_any_encoding_is_read(encoding: str) -> None:
    log = "première ligne\r\nError Domain=NSPOSIXErrorDomain Code=100\r\n"
    (group,) = read(log.encode(encoding)).groups
    assert (group.rules[0], group.lines[0].number) == ("OTA222", 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_end_of_line_counts_once(end: str) -> None:
    reading = read(end.join(["a", "-9807", "b", ""]).encode())
    assert (reading.lines, reading.groups[0].lines[0].number) == (3, 2)


def test_a_log_without_end_is_cut_and_that_is_said() -> None:
    assert not read(b"x" * (MOST_BYTES + 1)).whole
    many = read(b"-9807\n" * (MOST_LINES + 5))
    assert (many.whole, many.lines, many.groups[0].count) == (False, MOST_LINES, MOST_LINES)
    assert len(many.groups[0].lines) == 3
    assert "the rest was not read" in reading_text(many, Paint(80), ())


def test_excerpts_are_harmless_short_and_without_secrets() -> None:
    line = "-9807 \x1b]0;title\x07 \u202e https://h.example/?token=abcdefghijklmnop " + "x" * 10_000
    said = reading_text(read(line.encode()), Paint(80), ())
    assert not {"\x1b", "\x07", "\u202e"} & set(said)
    assert "abcdefghijklmnop" not in said
    assert max(map(len, said.splitlines())) < 300


def test_the_next_command_is_one_for_the_server_that_speaks() -> None:
    apache = b"AH01630: client denied by server configuration: /srv/app.ipa\n"
    assert "web.config" not in reading_text(read(apache), Paint(80), COMMANDS)
    assert "ota-proxy lint web.config" in reading_text(read(apache + b"500.19 0x800700b7\n"), Paint(80), COMMANDS)


@given(st.binary(max_size=400))
def test_any_bytes_are_read(data: bytes) -> None:
    reading = read(data)
    assert reading.whole
    assert reading_text(reading, Paint(80), ())
    assert isinstance(decoded(data), str)


def test_text_is_told_from_what_is_none() -> None:
    assert is_text(NGINX.encode())
    assert is_text("日本語\n".encode("utf-16"))
    assert is_text(b"")
    assert not is_text(bytes(range(32)) * 100)


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ('1.2.3.4 - u [x] "GET /a.ipa HTTP/1.1" 206 5 "-" "UA x"', Request("GET", "/a.ipa", 206, "UA x")),
        ('1.2.3.4 - - [x] "HEAD /a.plist HTTP/2.0" 404 -', Request("HEAD", "/a.plist", 404)),
        (
            json.dumps(
                {"request": {"method": "GET", "uri": "/a.plist", "headers": {"User-Agent": ["dmd/67"]}}, "status": 403}
            ),
            Request("GET", "/a.plist", 403, "dmd/67"),
        ),
        (
            json.dumps({"RequestMethod": "HEAD", "RequestPath": "/a.ipa", "DownstreamStatus": 405}),
            Request("HEAD", "/a.ipa", 405),
        ),
        ("no request at all", None),
        ("{" * 5000, None),
        ("[" * 5000, None),
        ('{"a":' * 3000 + "1" + "}" * 3000, None),
        ('{"method": 5, "uri": null, "status": []}', None),
    ],
    ids=range(9),
)
def test_a_request_is_read_from_any_form_of_log(line: str, asked: Request | None) -> None:
    assert request_of(line) == asked


@pytest.mark.parametrize(
    ("asked", "rules"),
    [
        (Request("GET", "/a.plist", 200), None),
        (Request("GET", "/a.ipa", 206), None),
        (Request("GET", "/index.html", 404), None),
        (Request("GET", "/a.plist", 404), ("OTA301",)),
        (Request("GET", "/a.plist?x=1", 401), ("OTA303",)),
        (Request("GET", "/a.plist", 302), ("OTA305", "OTA303")),
        (Request("GET", "/a.plist", 403, "com.apple.appstored/1.0"), ("OTA304", "OTA301")),
        (Request("GET", "/a.plist", 403, "Mozilla/5.0"), ("OTA301", "OTA304")),
        (Request("GET", "/A.IPA", 404), ("OTA401",)),
        (Request("GET", "/a.ipa", 403), ("OTA402", "OTA404")),
        (Request("GET", "/a.ipa", 416), ("OTA407",)),
        (Request("GET", "/a.ipa", 502), ("OTA401",)),
        (Request("HEAD", "/a.ipa", 403), ("OTA403", "OTA606")),
        (Request("HEAD", "/a.ipa", 404), ("OTA401", "OTA403")),
        (Request("GET", "/a.ipa", 404, "", 3), ("OTA601",)),
        (Request("GET", "/a.ipa", 404, "", 6), ("OTA606", "OTA403")),
        (Request("GET", "/a.ipa", 404, "", 2), ("OTA401",)),
        (Request("GET", "/", 500, "", 19), ("OTA620", "OTA622", "OTA621", "OTA619")),
    ],
    ids=str,
)
def test_an_answer_means_its_rules(asked: Request, rules: tuple[str, ...] | None) -> None:
    one = meaning(asked)
    assert (one.rules if one else None) == rules


def test_columns_are_those_that_the_log_announces() -> None:
    fields = fields_of("#Fields: time cs-method cs-uri-stem sc-status")
    assert request_of("09:10 GET /a.plist 404", fields) == Request("GET", "/a.plist", 404)
    assert request_of("09:10 GET /a.plist", fields) is None
    assert fields_of("# Fields: x") == ()
