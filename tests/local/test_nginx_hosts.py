"""Which server answers: ours beside a real nginx with several servers on a port, by address, Host and TLS name; and the cases that were wrong once."""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.nginx_answers import Score
from tests.support.nginx_hosts import Hosts, configured, judged, served, servers

pytestmark = pytest.mark.local

SETS = int(os.environ.get("OTA_PROXY_GENERATED", "200")) // 10
"""Sets of up to six servers; OTA_PROXY_GENERATED=2000 is the nightly run."""

CASES = {
    "a leading dot in $server_name": [
        "listen 127.0.0.1:@A@; server_name .example.com; return 302 /x; server_name_in_redirect on;"
    ],
    "the match of a name is kept": ["listen 127.0.0.1:@A@; server_name ~^(a|x+)\\.?(?<sub>[a-z]+); return 200 $1;"],
    "a lone server asks for its last expression": ["listen 127.0.0.1:@A@; server_name ~(x+|a) ~.; return 200 $1;"],
    "a wildcard takes an empty label": [
        "listen 127.0.0.1:@A@; server_name _; return 200 one;",
        "listen 127.0.0.1:@A@; server_name *.example.com www.*; return 200 two;",
    ],
    "a bad URI comes before the Host": [
        "listen 127.0.0.1:@A@; server_name ~x(.); merge_slashes off;",
        "listen 127.0.0.1:@A@; server_name example.com;",
    ],
    "plain http on the port of TLS": [
        "listen 127.0.0.1:@T@ ssl; @ONE@ error_page 497 /errors/e.txt;",
        "listen 127.0.0.1:@T@ ssl; server_name example.com; @TWO@ error_page 497 https://$host$request_uri;",
    ],
    "the TLS name takes the request in": [
        "listen 127.0.0.1:@T@ ssl; @ONE@ return 200 one;",
        "listen 127.0.0.1:@T@ ssl; server_name example.com; @TWO@ merge_slashes off; return 200 $uri;",
        "listen 127.0.0.1:@T@ ssl; server_name q.re; @TWO@ ssl_reject_handshake on;",
    ],
    "a dot beside the exact name": [
        "listen 127.0.0.1:@A@; server_name .example.com; return 200 dot;",
        "listen 127.0.0.1:@A@; server_name example.com; return 200 exact;",
        "listen 127.0.0.1:@A@; server_name a.example.com; return 200 a;",
    ],
    "the exact name beside a dot": [
        "listen 127.0.0.1:@A@; server_name _; return 200 default;",
        "listen 127.0.0.1:@A@; server_name example.com; return 200 exact;",
        "listen 127.0.0.1:@A@; server_name .example.com; return 200 dot;",
    ],
    "the dot beside a star": [
        "listen 127.0.0.1:@A@; server_name _; return 200 default;",
        "listen 127.0.0.1:@A@; server_name *.example.com; return 200 star;",
        "listen 127.0.0.1:@A@; server_name .example.com; return 200 dot;",
    ],
    "the star beside a dot": [
        "listen 127.0.0.1:@A@; server_name _; return 200 default;",
        "listen 127.0.0.1:@A@; server_name .example.com; return 200 dot;",
        "listen 127.0.0.1:@A@; server_name *.example.com; return 200 star;",
    ],
}


@pytest.fixture
def hosts(binary: str, tmp_path: Path) -> Hosts:
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stderr
    return Hosts(tmp_path, binary, re.findall(r"nginx/([\d.]+)", said)[0])


def test_generated_servers_are_chosen_as_the_real_server_does(hosts: Hosts) -> None:
    total, wrong, taken = Score(), [], 0
    for seed in range(SETS):
        chance = random.Random(seed)  # noqa: S311  # nothing is kept secret by it
        blocks = servers(hosts, chance)
        tree = configured(hosts, blocks)
        if tree is None:
            continue
        taken += 1
        with served(hosts):
            score, reports = judged(hosts, tree, chance, 25)
        total.add(score)
        wrong += [f"seed {seed}: {report}\n" + "\n".join(blocks) for report in reports]
    assert wrong == []
    assert taken > SETS * 0.7
    assert total.fields > SETS * 20
    assert total.unknown <= total.fields * 0.03


@pytest.mark.parametrize("name", CASES)
def test_what_was_wrong_once_stays_right(hosts: Hosts, name: str) -> None:
    places = {"@A@": str(hosts.ports[0]), "@T@": str(hosts.ports[-1])}
    for word in ("one", "two"):
        pair = f"ssl_certificate {hosts.folder}/{word}.pem; ssl_certificate_key {hosts.folder}/{word}.key;"
        places[f"@{word.upper()}@"] = f"ssl_protocols TLSv1.2 TLSv1.3; {pair}"
    blocks = []
    for block in CASES[name]:
        for place, value in places.items():
            block = block.replace(place, value)  # noqa: PLW2901  # the same text with its places filled in
        blocks.append(
            f'server {{ {block} add_header X-Said "$host|$server_name|$1|$sub" always; root {hosts.folder}/www; }}'
        )
    tree = configured(hosts, blocks)
    assert tree is not None
    hosts.ports = [hosts.ports[-1]] if "@T@" in CASES[name][0] else hosts.ports[:1]
    with served(hosts):
        score, wrong = judged(hosts, tree, random.Random(1), 200)  # noqa: S311  # nothing is kept secret by it
    assert wrong == []
    assert score.fields > 100
