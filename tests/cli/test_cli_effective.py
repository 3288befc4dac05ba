"""`ota-proxy effective` as a person meets it: the answer with its lines, what is not known, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Run

MAIN = """events {}
http {
  types { text/html html; }
  include conf.d/*.conf;
}
"""
SITE = """# builds
server {
  listen 80;
  server_name ota.test;
  root www;
  add_header Cache-Control no-store always;
  location /ota/ {
    root /srv/builds;
    add_header Content-Type text/xml;
  }
  location /api/ { proxy_pass http://app:9000; }
  location /old { return 301 https://ota.test$request_uri; }
}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {"nginx.conf": MAIN, "conf.d/ota.conf": SITE, "builds/ota/app.plist": "<plist/>"}.items():
        path = tmp_path / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "etc"


def document(run: Run, *words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("effective", *map(str, words), "--format", "json").out)
    return found


def test_the_answer_names_file_and_line_of_each_header(run: Run, tree: Path) -> None:
    words = (tree, "--url", "http://ota.test/ota/app.plist", "--path-map", f"/srv/builds={tree / 'builds'}")
    found = document(run, *words)
    assert list(found) == ["schema", "url", "server", "status", "headers", "location", "file_served", "upstream", "tls", "trace", "unknown"]  # fmt: skip
    assert (found["schema"], found["server"], found["status"]) == ("ota-proxy/effective/1", "nginx", 200)
    assert (found["location"], found["file_served"], found["upstream"], found["tls"]) == ("location /ota/", "/srv/builds/ota/app.plist", None, None)  # fmt: skip
    types = [one for one in found["headers"] if one["name"] == "content-type"]
    assert types == [
        {"name": "content-type", "value": "text/plain", "file": None, "line": None},
        {"name": "content-type", "value": "text/xml", "file": f"{tree}/conf.d/ota.conf", "line": 9},
    ]
    assert all(one["name"] != "cache-control" for one in found["headers"])
    assert all(set(step) == {"file", "line", "text", "why"} for step in found["trace"])
    assert {"what": "date: it is the time of the answer", "file": None, "line": None} in found["unknown"]


def test_people_read_the_same(run: Run, tree: Path) -> None:
    done = run("effective", str(tree), "--url", "http://ota.test/old/x?y=1")
    assert done.code == 0
    assert "GET http://ota.test/old/x?y=1 → 301" in done.out
    assert "location: https://ota.test/old/x?y=1" in done.out
    assert "conf.d/ota.conf:12]" in done.out
    assert "Not known" in done.out


def test_what_depends_on_a_file_that_is_not_here_is_null(run: Run, tree: Path) -> None:
    found = document(run, tree, "--url", "http://ota.test/ota/app.plist")
    assert (found["status"], found["file_served"]) == (None, None)
    assert {"what": "status: it depends on whether /srv/builds/ota/app.plist is there", "file": f"{tree}/conf.d/ota.conf", "line": 8} in found["unknown"]  # fmt: skip


def test_an_upstream_is_named_and_its_part_is_not_known(run: Run, tree: Path) -> None:
    done = run("effective", str(tree), "--url", "http://ota.test/api/x?y=1", "--format", "json")
    found = json.loads(done.out)
    assert (done.code, found["status"], found["upstream"]) == (0, None, "http://app:9000/api/x?y=1")
    assert "status" in {one["what"].partition(":")[0] for one in found["unknown"]}


def test_a_method_and_headers_are_part_of_the_question(run: Run, tree: Path) -> None:
    (tree / "conf.d" / "ota.conf").write_text(
        "server { listen 80; return 200 ok; add_header X-A $request_method-$http_x_b; }"
    )
    found = document(run, tree, "--url", "http://ota.test/", "--method", "HEAD", "--header", "X-B: c")
    assert [one["value"] for one in found["headers"] if one["name"] == "x-a"] == ["HEAD-c"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http {\n  server {\n", "expecting"),
        ("http { server { listen {{ port }}; } }", "template"),
        ("http { include /none/x.conf; }", "cannot be included"),
        ("http { server { listen 8080; } }", "no server listens on port 80"),
        ("\ufeffhttp { server { } }", "byte order mark"),
        ("include nginx.conf;", "includes itself"),
        ("\x00\x01\x02;", "a file of another program"),
        ("[Unit]\nDescription=x;\n", "a file of another program"),
    ],
)
def test_where_nothing_is_known_the_place_is_said_and_the_exit_is_3(
    run: Run, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "nginx.conf").write_text(text)
    done = run("effective", str(tmp_path), "--url", "http://ota.test/")
    assert done.code == 3
    assert words in done.out
    assert "→ not known" in done.out


def test_utf_16_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_bytes("http { }".encode("utf-16"))
    done = run("effective", str(tmp_path), "--url", "http://ota.test/")
    assert (done.code, "UTF-16" in done.out) == (3, True)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("web.config", '<?xml version="1.0"?><configuration/>', "this is XML"),
        ("site.conf", "<VirtualHost *:80>\nDocumentRoot /srv\n</VirtualHost>\n", "a file of Apache"),
    ],
)
def test_another_servers_file_has_no_verdict(run: Run, tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    done = run("effective", str(tmp_path / name), "--url", "http://ota.test/")
    assert (done.code, words in done.err) == (3, True)
    assert run("effective", str(tmp_path / name), "--url", "http://ota.test/", "--server", "apache").code == 3


@pytest.mark.parametrize(
    "words",
    [
        ("none.conf", "--url", "http://a/"),
        (".", "--url", "http://a/"),
        ("nginx.conf",),
        ("nginx.conf", "--url", "gopher://a/"),
        ("nginx.conf", "--url", "http://a/", "--header", "x"),
        ("nginx.conf", "--url", "http://a/", "--method", "POST"),
        ("nginx.conf", "--url", "http://a/", "--path-map", "/a"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "nginx.conf").write_text(MAIN)
    monkeypatch.chdir(tmp_path / "empty" if words[0] == "." else tmp_path)
    assert run("effective", *words).code == 2


def test_what_files_say_is_shown_and_does_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(
        'http { server { listen 80; return 200 x; add_header X-A "\x1b[31m\n::error::x" always; } }'
    )
    done = run("effective", str(tmp_path), "--url", "http://ota.test/")
    assert "\x1b" not in done.out
    assert "\n::error" not in done.out
