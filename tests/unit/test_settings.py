"""Flags, environment and file: who wins, where a value came from, and how a mistake reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.settings import Loaded, load
from ota_proxy.settings.flags import SiteFlags, variables
from ota_proxy.settings.sources import key_lines

MINIMAL = 'domains = ["a.example.com"]\n'


def read(folder: Path, text: str = MINIMAL, flags: SiteFlags | None = None, **environ: str) -> Loaded:
    (folder / "ota-proxy.toml").write_text(text, encoding="utf-8")
    return load(None, flags or SiteFlags(), environ=environ, folder=folder)


def refusal(folder: Path, text: str = MINIMAL, flags: SiteFlags | None = None, **environ: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(folder, text, flags, **environ)
    return str(caught.value)


def test_a_flag_wins_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    text = MINIMAL + "[hsts]\nmax_age = 1\ninclude_subdomains = true\n[redirect]\nstatus = 301\n"
    loaded = read(
        tmp_path,
        text,
        SiteFlags(sets=["hsts.max_age=3"]),
        OTA_PROXY_HSTS_MAX_AGE="2",
        OTA_PROXY_HSTS_INCLUDE_SUBDOMAINS="false",
    )
    assert (loaded.site.hsts.max_age, loaded.site.hsts.include_subdomains, loaded.site.redirect.status) == (
        3,
        False,
        301,
    )
    assert str(loaded.source(("hsts", "max_age"))) == "--set"
    assert str(loaded.source(("hsts", "include_subdomains"))) == "OTA_PROXY_HSTS_INCLUDE_SUBDOMAINS"
    assert str(loaded.source(("redirect", "status"))).endswith("ota-proxy.toml:6")
    assert str(loaded.source(("http2",))) == "default"


def test_no_file_and_no_flags_is_the_example_site(tmp_path: Path) -> None:
    loaded = load(None, SiteFlags(), environ={}, folder=tmp_path)
    assert loaded.example
    assert loaded.site.domain == "ota.example.com"
    assert not loaded.certificates_given
    assert len(loaded.assumed) == 3


def test_the_nearest_file_upwards_is_read(tmp_path: Path) -> None:
    (tmp_path / "ota-proxy.toml").write_text(MINIMAL, encoding="utf-8")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text('[tool.other]\nx = "ota-proxy"\n', encoding="utf-8")
    assert load(None, SiteFlags(), environ={}, folder=inner).site.domain == "a.example.com"
    (tmp_path / "a" / "pyproject.toml").write_text(
        '[tool.ota-proxy]\ndomains = ["b.example.com"]\nhtp2 = 1\n', encoding="utf-8"
    )
    with pytest.raises(UsageError, match=r"pyproject.toml:3: unknown key 'htp2'\n  hint: did you mean 'http2'\?"):
        load(None, SiteFlags(), environ={}, folder=inner)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("locatons = []\n", "ota-proxy.toml:2: unknown key 'locatons'\n  hint: did you mean 'locations'?"),
        ("[hsts]\nmaxage = 1\n", "ota-proxy.toml:3: unknown key 'hsts.maxage'\n  hint: did you mean 'max_age'?"),
        ("[listen]\nhttps = 70000\n", "ota-proxy.toml:3: listen.https must be less than or equal to 65535, not 70000"),
        ("[listen]\nhttp = 0\n", "ota-proxy.toml:3: listen.http must be greater than or equal to 1, not 0"),
        ('[[locations]]\nroot = "/a;b"\n', "ota-proxy.toml:3: locations[0].root: the path '/a;b' has a ';'"),
        (
            '[[locations]]\nroot = "/a"\nupstreem = "x"\n',
            "ota-proxy.toml:4: unknown key 'locations[0].upstreem'\n  hint: did you mean 'upstream'?",
        ),
        (
            '[[locations]]\nupstream = "http://a:1/x"\n',
            "ota-proxy.toml:3: locations[0].upstream: the upstream 'http://a:1/x' has a path",
        ),
        ('[tls]\nprofile = "old"\n', "ota-proxy.toml:3: tls.profile must be 'intermediate' or 'modern', not 'old'"),
        ('http2 = "yes please"\n', "ota-proxy.toml:2: http2 must be a valid boolean"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_file_line_key_and_reason(tmp_path: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, MINIMAL + text)


def test_a_newline_in_a_host_is_refused_by_its_code_point(tmp_path: Path) -> None:
    assert "ota-proxy.toml:1: domains[0]: the domain has the character U+000A" in refusal(
        tmp_path, 'domains = ["a.example.com\\n"]\n'
    )


def test_several_mistakes_are_all_named(tmp_path: Path) -> None:
    said = refusal(tmp_path, MINIMAL + "http4 = true\n[hsts]\nmax_age = -1\n")
    assert "unknown key 'http4'" in said
    assert "hsts.max_age must be greater than or equal to 0" in said


def test_an_unreadable_file_says_where_it_stops_being_toml(tmp_path: Path) -> None:
    said = refusal(tmp_path, MINIMAL + "x = = 1\n")
    assert "the site file is not TOML" in said
    assert "line 2" in said


def test_a_missing_site_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the site file: No such file or directory"):
        load(str(tmp_path / "none.toml"), SiteFlags(), environ={}, folder=tmp_path)


def test_a_misspelt_variable_is_refused_with_the_near_one(tmp_path: Path) -> None:
    assert "did you mean 'OTA_PROXY_HSTS_MAX_AGE'?" in refusal(tmp_path, OTA_PROXY_HSTS_MAXAGE="3")


def test_every_variable_names_one_key() -> None:
    names = variables()
    assert len(set(names.values())) == len(names)
    assert names["OTA_PROXY_TLS_PROFILE"] == ("tls", "profile")
    assert names["OTA_PROXY_ENGINE"] == ("options", "engine")


def test_short_variables_describe_a_site(tmp_path: Path) -> None:
    environ = {
        "OTA_PROXY_DOMAIN": "b.example.com, c.example.com",
        "OTA_PROXY_UPSTREAM": "/app/=http://127.0.0.1:9",
        "OTA_PROXY_CERT": "/c",
        "OTA_PROXY_KEY": "/k",
    }
    site = load(None, SiteFlags(), environ=environ, folder=tmp_path).site
    assert site.domains == ("b.example.com", "c.example.com")
    assert [(location.path, location.upstream) for location in site.locations] == [("/app/", "http://127.0.0.1:9")]
    assert site.certificates[0].key == "/k"


def test_prefixes_stand_before_folders_and_upstreams(tmp_path: Path) -> None:
    flags = SiteFlags(roots=["/srv/a=b", "/ota/=/srv/ota"], upstreams=["/app/=unix:/run/a.sock"])
    rows = [(place.path, place.root, place.upstream) for place in read(tmp_path, flags=flags).site.locations]
    assert rows == [("/", "/srv/a=b", None), ("/ota/", "/srv/ota", None), ("/app/", None, "unix:/run/a.sock")]


def test_two_locations_at_the_root_and_a_lonely_certificate_are_refused(tmp_path: Path) -> None:
    assert "two locations claim the prefix /" in refusal(
        tmp_path, flags=SiteFlags(roots=["/a"], upstreams=["http://b"])
    )
    assert "--key is missing" in refusal(tmp_path, flags=SiteFlags(certs=["/a"]))


def test_set_refuses_an_unknown_key_and_a_text_without_a_sign(tmp_path: Path) -> None:
    assert "did you mean 'hsts.max_age'?" in refusal(tmp_path, flags=SiteFlags(sets=["hsts.max_ag=1"]))
    assert "is not KEY=VALUE" in refusal(tmp_path, flags=SiteFlags(sets=["hsts"]))


def test_key_lines_follow_tables_and_arrays_of_tables() -> None:
    text = 'a = 1\n[t]\nb.c = 2\n\n[[l]]\nx = 1\n[[l]]\nx = 2\n"q" = 3\n'
    lines = key_lines(text)
    assert lines[("a",)] == 1
    assert lines[("t", "b", "c")] == 3
    assert lines[("l", 0, "x")] == 6
    assert (lines[("l", 1)], lines[("l", 1, "x")], lines[("l", 1, "q")]) == (7, 8, 9)


def test_a_table_is_set_key_by_key_and_the_keys_are_named(tmp_path: Path) -> None:
    said = refusal(tmp_path, flags=SiteFlags(sets=["limits={requests_per_second=3}"]))
    assert "the key 'limits' is a table" in said
