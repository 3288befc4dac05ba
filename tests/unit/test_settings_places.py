"""Every mistake in a site is told at the line where the very value stands, however deep, or with the flag it came from."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ota_proxy.errors import UsageError, dotted
from ota_proxy.settings import load
from ota_proxy.settings.flags import SiteFlags
from ota_proxy.settings.sources import key_lines
from tests.support.source_tree import MODULES, name_of

MINIMAL = 'domains = ["a.example.com"]\n'

EVERYWHERE = r"""domains = [
  "a.example.com",
  "a_b",
]
public_url = "http://a.example.com"
locations = [
  { path = "/", root = "/srv" },
  { path = "/x/", root = 'srv' },
  { path = "/y/", upstream = '''
ftp://y''' },
]
trusted_proxies = ["10.0.0.1",
  "10.0.0.0/33"]
headers."X-A" = "\u00e9"
[headers."X-B"]
[media_types]
".ipa" = "application/octet-stream"
"." = "text/xml"
".b" = 3
[listen]
addresses = [ # one, [two]
  "127.0.0.1", "::1/64" ]
[access]
allow.x = 1
deny = [ "" ]
[[certificates]]
cert = "/c"
[[certificates]]
cert = "/d"
key = "k"
[options]
ignore = [
  { rule = "OTA213", reason = "x" },
  { rule = "OTA999", reason = "x" },
]
"""
PLACES = (
    (3, "domains[1]: the domain 'a_b'"),
    (5, "public_url: the public URL"),
    (8, "locations[1].root: the path 'srv'"),
    (9, "locations[2].upstream: the upstream 'ftp://y'"),
    (13, "trusted_proxies[1]: '10.0.0.0/33'"),
    (14, "headers.X-A: a header value"),
    (15, "headers.X-B must be a text"),
    (18, "media_types.\".\": '.' is not a file extension"),
    (19, 'media_types.".b" must be a text'),
    (22, "listen.addresses[1]: '::1/64'"),
    (24, "access.allow must be an array"),
    (25, "access.deny[0]: '' is not an address"),
    (26, "the key 'certificates[0].key' is missing"),
    (30, "certificates[1].key: the path 'k'"),
    (34, "options.ignore[1].rule: there is no rule 'OTA999'"),
)


def refusal(folder: Path, text: str = MINIMAL, flags: SiteFlags | None = None) -> str:
    (folder / "ota-proxy.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(None, flags or SiteFlags(), environ={}, folder=folder)
    return str(caught.value)


@pytest.mark.parametrize("name", ["ota-proxy.toml", "pyproject.toml"])
def test_every_mistake_stands_at_its_own_line_however_deep(name: str, tmp_path: Path) -> None:
    file, lines = tmp_path / name, EVERYWHERE.splitlines()
    if name == "pyproject.toml":
        lines = [re.sub(r"^(\[\[?)", r"\1tool.ota-proxy.", line) for line in lines]
        lines.insert(0, "[tool.ota-proxy]")
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(str(file), SiteFlags(), environ={}, folder=tmp_path)
    said = [line for line in str(caught.value).splitlines() if line.startswith(f"{file}:")]
    more = name == "pyproject.toml"
    for number, words in PLACES:
        assert [line for line in said if line.startswith(f"{file}:{number + more}: {words}")], (number, words, said)
    assert len(said) == len(PLACES)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('public_url = "https://b.example.com"\n', "2: public_url: "),
        ('[[locations]]\nroot = "/a"\n[[locations]]\nroot = "/b"\npath = "/"\n', "6: locations[1].path: "),
        (
            'locations = [{ root = "/a" },\n{ root = "/b", path = "/b/", upstream_ca = """\n/c""" }]\n',
            "3: locations[1].upstream_ca: ",
        ),
        ('trusted_proxies = ["10.0.0.1",\n"10.0.0.1/32"]\n', "3: trusted_proxies[1]: "),
        ("[listen]\nhttp = 443\n", "3: listen.http: port 443"),
        ("[listen]\nhttps = 80\n", "3: listen.https: port 80"),
        ("[hsts]\npreload = true\n", "3: hsts.preload: "),
        ("tls.offloaded = true\n", "2: tls.offloaded: "),
        ('[headers]\nX-A = "1"\n"x-a" = "2"\n', "4: headers.x-a: "),
        ('[listen]\naddresses = ["127.0.0.1",\n"10.0.0.0/8"]\n', "4: listen.addresses[1]: "),
    ],
)
def test_what_only_the_whole_shows_is_told_at_the_line_to_change(text: str, place: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, MINIMAL + text).startswith(f"{tmp_path}/ota-proxy.toml:{place}")


def test_a_part_of_a_flag_is_told_with_the_flag_it_came_from(tmp_path: Path) -> None:
    flags = SiteFlags(roots=["/srv"], upstreams=["/x/=ftp://a"], certs=["/c"], keys=["k"])
    said = refusal(tmp_path, flags=flags).splitlines()
    assert [line.partition(": the ")[0] for line in said] == [
        "--upstream: locations[1].upstream",
        "--key: certificates[0].key",
    ]


def test_lines_are_right_behind_every_kind_of_text_and_number() -> None:
    text = r"""a = 1979-05-27 07:32:00 # [
'q.r' = "" # "
s = '''[
'''''
"\u0062".c = '[' # a text with a backslash: "\
[[t]]
[t.u]
v = 1.5e3
[[t]]
[[t.u]]
w = [[
1],
{ x = '}', y.z = +inf }]
"""
    lines = key_lines(text.replace('""', '"""\\\n]\\""""""'))
    keys = [("a",), ("q.r",), ("s",), ("b", "c"), ("t", 0), ("t", 0, "u", "v"), ("t", 1), ("t", 1, "u", 0, "w")]
    assert [lines[key] - 1 for key in keys[2:]] == [3, 5, 6, 8, 9, 11]
    assert [lines[key] for key in keys[:2]] == [1, 2]
    deep = ("t", 1, "u", 0, "w")
    assert [lines[deep + rest] - 1 for rest in ((0, 0), (1,), (1, "x"), (1, "y", "z"))] == [12, 13, 13, 13]


def test_a_file_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    assert "the site file is not TOML: " in refusal(tmp_path, "a = " + "[" * 100_000)


def test_a_key_is_written_as_toml_has_it() -> None:
    assert dotted(("locations", 0, "root")) == "locations[0].root"
    assert dotted(("media_types", ".ipa")) == 'media_types.".ipa"'


# What these refuse stands in a file of its own, not in the site.
READERS = ("comments", "machine", "server_level", "recognise")
RENDERERS = [
    path
    for path in MODULES
    if "servers" in path.parts and path.stem not in READERS and "UsageError(" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", RENDERERS, ids=name_of)
def test_a_renderer_names_what_it_refuses_by_its_key_and_not_in_prose(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    made = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "UsageError"]
    places = [word.value for call in made for word in call.keywords if word.arg == "place"]
    flags = [value for value in places if ast.unparse(value).lstrip("f'\"").startswith("--")]
    assert [value.lineno for value in places if value not in flags] == []
