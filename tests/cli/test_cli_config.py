"""`config show` prints a site file that is the same site again, `config schema` a schema that accepts what is accepted."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ota_proxy.settings import load
from ota_proxy.settings.flags import SiteFlags, leaf_keys
from ota_proxy.settings.options import SiteFile
from tests.docs.blocks import Block, blocks, pages
from tests.support.command_line import FLAGS, Run, flags_of
from tests.support.variants import NAMES, variant

ODD = [
    *("--set", 'media_types={ ".x" = "a/b", ".y" = "text/plain; charset=utf-8" }'),
    *("--set", 'headers.X-Quoted=say "it\'s" \\ here'),
    *("--set", "listen.http=false", "--set", "log.access=false", "--set", "redirect.acme_root=/srv/ü 'x' \"y\" \\z"),
    *(
        "--set",
        "access.deny=10.0.0.0/8, 2001:db8::/32",
        "--tls-profile",
        "modern",
        "--public-url",
        "https://ota.example.com:8443",
    ),
    *("--root", "/ota/=/srv/a", "--upstream", "/app/=https://[2001:db8::1]:9443"),
]
WAYS = {"example": [], "flags": [*FLAGS], "odd": ["--domain", "bücher.example", "--domain", "ota.example.com", *ODD]}


SITE_FILES = [block for page in pages() for block in blocks(page) if block.file == "ota-proxy.toml"]
"""Every site file of README and docs."""


@pytest.fixture
def schema(run: Run) -> dict[str, Any]:
    said = run("config", "schema")
    assert (said.code, said.err) == (0, "")
    found: dict[str, Any] = json.loads(said.out)
    return found


def accepts(schema: dict[str, Any], data: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(data))


# -- show -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_what_is_shown_is_a_file_of_the_same_site(way: str, tmp_path: Path, run: Run) -> None:
    shown = run("config", "show", *WAYS[way]).out
    text = run("render", "nginx", *WAYS[way]).out
    Path("ota-proxy.toml").write_text(shown, encoding="utf-8")
    rendered = run("render", "nginx").out
    assert without_command(rendered) == without_command(text)
    again = run("config", "show").out
    assert values(again) == values(shown)
    loaded = load(None, SiteFlags(), environ={}, folder=tmp_path)
    assert tomllib.loads(shown)["domains"] == list(loaded.site.domains)


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_is_shown_as_a_file_that_loads_to_an_equal_site(name: str, tmp_path: Path, run: Run) -> None:
    site = variant(name)
    shown = run("config", "show", *flags_of(site))
    assert shown.code == 0, shown.err
    (tmp_path / "ota-proxy.toml").write_text(shown.out, encoding="utf-8")
    assert load(None, SiteFlags(), environ={}, folder=tmp_path).site == site


def without_command(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "Command: " not in line)


def values(shown: str) -> list[str]:
    return [line.rpartition("  # ")[0].rstrip() for line in shown.splitlines()]


def test_every_key_has_a_line_with_its_source(run: Run) -> None:
    lines = run("config", "show").out.splitlines()
    assert len(lines) == len(list(leaf_keys(SiteFile)))
    assert all(re.search(r"\S {2,}# \S+$", line) for line in lines)


def test_every_source_is_the_one_that_decided(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    text = 'domains = ["ota.example.com"]\nhttp2 = false\n[hsts]\nmax_age = 1\ninclude_subdomains = true\n[listen]\nhttp = 8080\n'
    Path("ota-proxy.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("OTA_PROXY_HSTS_MAX_AGE", "2")
    monkeypatch.setenv("OTA_PROXY_LISTEN_HTTP", "8081")
    said = run(
        "config", "show", "--format", "json", "--set", "listen.http=8082", "--set", "headers.X-A=a", "--root", "/srv/x"
    )
    shown = {key: (row["value"], row["source"], row["kind"]) for key, row in json.loads(said.out).items()}
    expected = {
        "domains": (["ota.example.com"], "ota-proxy.toml:1", "file"),
        "http2": (False, "ota-proxy.toml:2", "file"),
        "hsts.max_age": (2, "OTA_PROXY_HSTS_MAX_AGE", "environment"),
        "hsts.include_subdomains": (True, "ota-proxy.toml:5", "file"),
        "listen.http": (8082, "--set", "flag"),
        "headers": ({"X-A": "a"}, "--set", "flag"),
        "redirect.status": (308, "default", "default"),
    }
    assert {key: shown[key] for key in expected} == expected
    assert shown["locations"][1:] == ("--root", "flag")
    assert shown["certificates"][1:] == ("assumed", "assumed")


def test_the_output_stays_toml_where_nothing_is_set(run: Run) -> None:
    assert '# public_url is not set, so it is "https://ota.example.com"' in run("config", "show").out


# -- schema -----------------------------------------------------------------------------------------------------------


def test_the_schema_is_a_valid_one_and_every_key_says_what_it_is(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    tables = [schema, *schema["$defs"].values()]
    silent = [name for table in tables for name, row in table.get("properties", {}).items() if "description" not in row]
    assert silent == []


@pytest.mark.parametrize("block", SITE_FILES, ids=lambda block: block.place)
def test_the_schema_accepts_the_site_files_of_readme_and_docs_and_so_does_the_program(
    block: Block, schema: dict[str, Any], run: Run
) -> None:
    assert accepts(schema, tomllib.loads(block.text))
    Path("ota-proxy.toml").write_text(block.text, encoding="utf-8")
    assert run("render", "nginx").code == 0


@pytest.mark.parametrize("way", WAYS)
def test_the_schema_accepts_what_is_shown(way: str, schema: dict[str, Any], run: Run) -> None:
    assert accepts(schema, tomllib.loads(run("config", "show", *WAYS[way]).out))


@pytest.mark.parametrize(
    "text",
    [
        "locatons = []",
        "hsts.maxage = 1",
        'locations = [{ path = "/", root = "/srv/ota", upstreem = "x" }]',
        "options.engin = 'docker'",
        "listen.https = 70000",
        "listen.http = true",
        "tls.profile = 'old'",
        "http2 = 'yes please'",
        "domains = 'ota.example.com'",
    ],
)
def test_the_schema_refuses_what_the_program_refuses(text: str, schema: dict[str, Any], run: Run) -> None:
    whole = text if "domains" in text else f'domains = ["ota.example.com"]\n{text}'
    Path("ota-proxy.toml").write_text(whole + "\n", encoding="utf-8")
    assert not accepts(schema, tomllib.loads(whole))
    assert run("render", "nginx").code == 2
