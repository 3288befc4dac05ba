"""Which line of a configuration a finding points to."""

from __future__ import annotations

import pytest

from ota_proxy.rules.catalogue import catalogue, remedy
from ota_proxy.rules.rule import Outcome
from ota_proxy.testing.lines import lines_of

NGINX = """\
# max_ranges 0; is only spoken of here
server {
    listen 80;
    location / { return 308 https://ota.example.com$request_uri; }
}
server {
    listen 443 ssl;
    server_tokens on;
    add_header X-Frame-Options DENY;
    location /ota/ {
        gzip on;
        location ~* "\\.ipa$" {
            max_ranges 0;
        }
    }
    location = /ota/exact.plist {
    }
    location ~ (?<broken {
    }
}
"""
APACHE = """\
<VirtualHost *:443>
  ServerTokens Full
  <Location "/ota/">
    Header always set X-Frame-Options DENY
  </Location>
  <FilesMatch "\\.ipa$">
    MaxRanges none
  </FilesMatch>
  MaxRanges 1
</VirtualHost>
"""


def outcome(rule: str, server: str, subject: str = "") -> Outcome:
    known = catalogue()[rule]
    return Outcome(known, "failed", known.severity, "https://x/", subject, remedy=remedy(rule, server))


@pytest.mark.parametrize(
    ("rule", "path", "line"),
    [
        ("OTA406", "/ota/App.ipa", 13),
        ("OTA406", "/elsewhere/App.ipa", 13),
        ("OTA612", "/", 8),
        ("OTA219", "/ota/x", 10),
        ("OTA314", "/ota/exact.plist", 16),
        ("OTA408", "/ota/App.plist", 11),
        ("OTA303", "/other", 4),
    ],
)
def test_nginx_the_directive_of_the_remedy_counts_then_the_block_of_the_path(rule: str, path: str, line: int) -> None:
    found = lines_of(outcome(rule, "nginx", f"https://ota.example.com{path}"), {"a.conf": "", "b.conf": NGINX})
    assert found == ("b.conf", line)


@pytest.mark.parametrize(
    ("rule", "path", "line"),
    [("OTA406", "/ota/App.ipa", 7), ("OTA612", "/x", 2), ("OTA219", "/ota/x", 3), ("OTA219", "/ota/App.ipa", 6)],
)
def test_apache_a_header_directive_counts_only_with_the_header(rule: str, path: str, line: int) -> None:
    found = lines_of(outcome(rule, "apache", f"https://ota.example.com{path}"), {"site.conf": APACHE})
    assert found == ("site.conf", line)


def test_nothing_is_pointed_to_where_nothing_fits() -> None:
    assert lines_of(outcome("OTA219", "nginx", "ota.example.com:443"), {"b.conf": "events {\n}\n"}) is None
    assert lines_of(outcome("OTA219", "nginx", "https://["), {"b.conf": NGINX}) is None
    assert lines_of(outcome("OTA406", "nginx", "https://ota.example.com/App.ipa"), {}) is None
