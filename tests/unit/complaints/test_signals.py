"""Codes and log lines with a known meaning: one line of each kind and the rule that must come first; the data held against the catalogue."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import ota_proxy.rules.complaints
from ota_proxy.rules.catalogue import catalogue
from ota_proxy.rules.complaints.index import phrases
from ota_proxy.rules.complaints.signals import KINDS, heard

FOLDER = Path(ota_proxy.rules.complaints.__file__).with_name("signals")
ROWS = [
    row for path in sorted(FOLDER.glob("*.toml")) for row in tomllib.loads(path.read_text(encoding="utf-8"))["signal"]
]
LINES = [
    ('Error Domain=NSPOSIXErrorDomain Code=100 "Protocol error"', "OTA222"),
    ("NSPOSIXErrorDomain:100", "OTA222"),
    ("NSURLErrorDomain Code=-1001", "OTA206"),
    ("NSURLErrorDomain Code=-1004", "OTA206"),
    ("NSURLErrorDomain Code=-1007", "OTA204"),
    ("NSURLErrorDomain Code=-1013", "OTA303"),
    ("NSURLErrorDomain Code=-1022", "OTA106"),
    ("NSURLErrorDomain Code=-1100 for https://h.example/app.ipa", "OTA401"),
    ("NSURLErrorDomain Code=-1200", "OTA216"),
    ("NSURLErrorDomain Code=-1201", "OTA208"),
    ("-1200", "OTA216"),
    (" -1012 ", "OTA303"),
    ("NSURLErrorDomain Code=-1202", "OTA207"),
    ("NSURLErrorDomain Code=-1203", "OTA207"),
    ("NSURLErrorDomain Code=-1204", "OTA208"),
    ("OSStatus error: -9801", "OTA216"),
    ("_kCFStreamErrorCodeKey=-9843", "OTA209"),
    ("HTTP load failed (error code: -1200 [3:-9814])", "OTA208"),
    ("errSSLATSCiphersuiteViolation", "OTA216"),
    ("errSSLATSLeafCertificateHashAlgorithmViolation", "OTA211"),
    ("-9881", "OTA214"),
    ("DeviceManagement.error 2604 Could not validate manifest.", "OTA301"),
    ("ErrorDomain ASDErrorDomain ErrorCode 852", "OTA106"),
    ("ASDErrorDomain 752 not compatible", "OTA309"),
    ('SZExtractorErrorDomain Code=3 "Finishing an incomplete stream!"', "OTA412"),
    ("MIInstallerErrorDomain Code=13", "OTA507"),
    ("0xe8008015 (A valid provisioning profile for this executable was not found.)", "OTA507"),
    ("profile not valid: 0xe8008011", "OTA505"),
    ("not valid: 0xe800801a", "OTA511"),
    ("0xe800801c (No code signature found.)", "OTA510"),
    ("DeviceOSVersionTooLow: The app requires a newer version", "OTA509"),
    ("Not allowed to launch 'itms-services://?action=x' because a user gesture is required.", "OTA114"),
    ("Blocked a frame from opening itms-services: because the frame is sandboxed", "OTA107"),
    ("Refused to frame 'itms-services:' because it violates the following Content Security Policy directive", "OTA107"),
    ("Refused to display 'https://h.example/' in a frame because it set 'X-Frame-Options' to 'deny'.", "OTA107"),
    ("WARNING: sanitizing unsafe URL value unsafe:itms-services://?action=download-manifest", "OTA105"),
    (
        "Mixed Content: The page at 'https://h.example/' was loaded over HTTPS, but requested an insecure resource",
        "OTA205",
    ),
    (
        "Refused to apply style from 'https://h.example/a.css' because its MIME type ('text/plain') is not a supported stylesheet MIME type",
        "OTA110",
    ),
    ("Failed to load resource: the server responded with a status of 404 () app.plist", "OTA301"),
    ("net::ERR_CERT_COMMON_NAME_INVALID", "OTA209"),
    ("net::ERR_SSL_VERSION_OR_CIPHER_MISMATCH", "OTA216"),
    ("SEC_ERROR_UNKNOWN_ISSUER", "OTA207"),
    ("cf-mitigated: challenge", "OTA304"),
    ('open() "/srv/app.plist" failed (2: No such file or directory)', "OTA301"),
    ('open() "/srv/app.ipa" failed (2: No such file or directory)', "OTA401"),
    ('open() "/srv/app.ipa" failed (13: Permission denied)', "OTA402"),
    ('open() "/srv/app.ipa" failed (24: Too many open files)', "OTA625"),
    ("768 worker_connections are not enough", "OTA625"),
    ("SSL_do_handshake() failed (SSL: error:0A000415:SSL routines::sslv3 alert certificate expired)", "OTA208"),
    (
        "SSL_do_handshake() failed (SSL: error:0A000418:SSL routines::tlsv1 alert unknown ca:SSL alert number 48)",
        "OTA207",
    ),
    ("SSL_do_handshake() failed (SSL: error:0A0000C1:SSL routines::no shared cipher)", "OTA216"),
    ("SSL_do_handshake() failed (SSL: error:0A000102:SSL routines::unsupported protocol)", "OTA214"),
    ('no live upstreams while connecting to upstream, request: "GET /app.plist HTTP/1.1"', "OTA301"),
    ("an upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/1", "OTA609"),
    ("access forbidden by rule, client: 203.0.113.9", "OTA611"),
    ('no user/password was provided for basic authentication, request: "GET /app.ipa HTTP/1.1"', "OTA402"),
    ('"ssl_stapling" ignored, no OCSP responder URL in the certificate', "OTA224"),
    ('[emerg] unknown directive "http3" in /etc/nginx/nginx.conf:3', "OTA617"),
    ('[emerg] host not found in upstream "app" in /etc/nginx/nginx.conf:3', "OTA615"),
    ('conflicting server name "h.example" on 0.0.0.0:443, ignored', "OTA618"),
    ("AH00020: Configuration Failed, exiting", "OTA616"),
    ("AH00526: Syntax error on line 3 of /etc/apache2/apache2.conf:", "OTA615"),
    ("Invalid command 'Header', perhaps misspelled or defined by a module not included", "OTA617"),
    (
        "AH02032: Hostname a.example provided via SNI and hostname b.example provided via HTTP have no compatible SSL setup",
        "OTA607",
    ),
    ("AH01630: client denied by server configuration: /srv/app.plist", "OTA611"),
    ("AH00161: server reached MaxRequestWorkers setting", "OTA625"),
    ("AH02565: Certificate and private key h.example:443:0 do not match", "OTA616"),
    ("AH01909: h.example:443:0 server certificate does NOT include an ID which matches the server name", "OTA209"),
    (
        "Cannot add duplicate collection entry of type 'mimeMap' with unique key attribute 'fileExtension' set to '.ipa'",
        "OTA620",
    ),
    ("0x80070021 This configuration section cannot be used at this path", "OTA621"),
    ("HTTP Error 404.3 - Not Found", "OTA601"),
    ("HTTP Error 404.8 - Not Found", "OTA611"),
    ("HTTP Error 404.15 - Not Found", "OTA611"),
    ("curl: (60) SSL certificate problem: unable to get local issuer certificate", "OTA210"),
    ("x509: certificate signed by unknown authority", "OTA210"),
    ("x509: certificate has expired or is not yet valid", "OTA208"),
    ("http: TLS handshake error from 203.0.113.9:1: remote error: tls: unknown certificate authority", "OTA207"),
    ("curl: (92) HTTP/2 stream 0 was not closed cleanly: PROTOCOL_ERROR (err 1)", "OTA222"),
    ("curl: (33) HTTP server doesn't seem to support byte ranges. Cannot resume.", "OTA406"),
    ("NSURLErrorDomain Code=-1206", "OTA225"),
    ("client sent no required SSL certificate: 400 No required SSL certificate was sent", "OTA225"),
    ("tlsv13 alert certificate required", "OTA225"),
    ("ASDErrorDomain 850", "OTA226"),
    ("NSURLErrorDomain Code=-1003", "OTA226"),
]


@pytest.mark.parametrize(("line", "rule"), LINES, ids=[line[:60] for line, _ in LINES])
def test_a_line_leads_to_its_rule_first(line: str, rule: str) -> None:
    found = heard(line)
    assert found, "nothing heard"
    first = max(found, key=lambda one: one.weight).rules[:1]
    assert first == (rule,), found


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1202",
        "version -12020",
        "0x800700210",
        "took 404.35 ms",
        "size 1404.3",
        "NSPOSIXErrorDomain 1000",
        "GET / HTTP/1.1 200",
        "it is 12:08:50",
    ],
)
def test_a_line_that_only_looks_alike_says_nothing(line: str) -> None:
    assert heard(line, spoken=False) == ()


@pytest.mark.parametrize(
    "line",
    [
        "client intended to send too large body",
        "already have bundleID: com.example.app",
        "ASDErrorDomain 855",
        "HTTP 413",
    ],
)
def test_what_no_rule_is_behind_is_known_all_the_same(line: str) -> None:
    assert [one.rules for one in heard(line)] == [()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["says"][:50])
def test_every_signal_is_whole(row: dict[str, object]) -> None:
    assert set(row) <= {"words", "find", "says", "rules", "weight", "spoken", *KINDS}
    words, says = row["words"], row["says"]
    assert isinstance(words, list)
    assert words
    assert all(word == word.lower() for word in words)
    assert isinstance(says, str)
    assert not says.endswith(".")
    re.compile(str(row.get("find", "")))


def test_no_data_names_a_rule_that_there_is_not() -> None:
    named = {rule for row in ROWS for key in ("rules", *KINDS) for rule in row.get(key, ())} | set(phrases())
    assert named - set(catalogue()) == set()


def test_every_rule_has_words_of_people_and_a_way_to_recognise_it() -> None:
    for rule in catalogue():
        assert phrases()[rule]["look"], rule
        assert not phrases()[rule]["look"].endswith("."), rule
        assert len(phrases()[rule]["phrases"]) > 1, rule


def test_nobody_says_the_same_of_two_rules() -> None:
    said = [phrase for row in phrases().values() for phrase in row["phrases"]]
    assert sorted({phrase for phrase in said if said.count(phrase) > 1}) == []


@pytest.mark.parametrize(
    "line",
    ["a" * 10**6, "itms-services" * 10**5, "open() " * 10**5, "{" * 10**6, "itms-services " + "&amp;" * 10**5],
    ids=lambda line: line[:12],
)
def test_a_long_line_is_cut(line: str) -> None:
    heard(line)
