"""Several sites in one file or folder: what stands above them, whose word counts, and what they cannot have together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.settings import Loaded, load
from ota_proxy.settings.flags import SiteFlags
from ota_proxy.settings.load import load_all, load_options

Write = Callable[[str], str]
A, B = 'domains = ["a.example.com"]\n', 'domains = ["b.example.com"]\n'
TWO = f"[[sites]]\n{A}[[sites]]\n{B}"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write `sites.toml` in the working folder, and return its name."""
    monkeypatch.chdir(tmp_path)

    def written(text: str) -> str:
        Path("sites.toml").write_text(text, encoding="utf-8")
        return "sites.toml"

    return written


def read(site: str | None, flags: SiteFlags | None = None, **environ: str) -> tuple[Loaded, ...]:
    return load_all(site, flags or SiteFlags(), environ=environ)


def refused(site: str, flags: SiteFlags | None = None, **environ: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(site, flags, **environ)
    return caught.value


def test_each_table_is_a_site_and_keys_above_are_for_those_without(write: Write) -> None:
    found = read(write(f'hsts.max_age = 70000000\n[[locations]]\nroot = "/srv/all"\n[[sites]]\n{A}[[sites]]\n{B}hsts.max_age = 80000000\n[[sites.locations]]\nroot = "/srv/b"\n'))  # fmt: skip
    assert [one.site.domain for one in found] == ["a.example.com", "b.example.com"]
    assert [one.site.hsts.max_age for one in found] == [70_000_000, 80_000_000]
    assert [one.site.locations[0].root for one in found] == ["/srv/all", "/srv/b"]
    assert [one.place(("hsts", "max_age")) for one in found] == [
        "sites.toml:1: hsts.max_age",
        "sites.toml:8: sites[1].hsts.max_age",
    ]
    assert found[1].place(("locations", 0, "root")) == "sites.toml:10: sites[1].locations[0].root"


def test_flag_beats_variable_beats_site_beats_what_stands_above(write: Write) -> None:
    site = write(f"hsts.max_age = 70000001\n[[sites]]\n{A}hsts.max_age = 70000002\n[[sites]]\n{B}")

    def ages(environ: dict[str, str], flags: SiteFlags | None = None) -> list[int]:
        return [one.site.hsts.max_age for one in read(site, flags, **environ)]

    variable = {"OTA_PROXY_HSTS_MAX_AGE": "70000003"}
    assert ages({}) == [70_000_002, 70_000_001]
    assert ages(variable) == [70_000_003] * 2
    assert ages(variable, SiteFlags(sets=["hsts.max_age=70000004"])) == [70_000_004] * 2


def test_options_stand_once_and_are_those_of_all(write: Write) -> None:
    site = write(f'[options]\nserver_version = "debian12"\n{TWO}')
    assert {one.options.server_version for one in read(site)} == {"debian12"}
    assert load_options(SiteFlags(), environ={}, site_file=site).server_version == "debian12"
    error = refused(write(f'{TWO}[sites.options]\nscope = "full"\n'))
    assert error.place == "sites.toml:5"
    assert "options stands inside [[sites]]" in error.message


def test_a_folder_has_a_site_in_each_file_in_the_order_of_names(tmp_path: Path, write: Write) -> None:
    write(TWO)
    Path("z.toml").write_text('domains = ["z.example.com"]\n', encoding="utf-8")
    Path("b.toml").write_text('[options]\nserver_version = "debian11"\n', encoding="utf-8")
    Path(".hidden.toml").write_text("nonsense", encoding="utf-8")
    Path("pyproject.toml").write_text("[project]\n", encoding="utf-8")
    Path("notes.txt").write_text("nonsense", encoding="utf-8")
    found = read(str(tmp_path))
    assert [one.site.domain for one in found] == ["a.example.com", "b.example.com", "z.example.com"]
    assert {one.options.server_version for one in found} == {"debian11"}
    assert {one.chosen for one in found} == {tmp_path}
    Path("c.toml").write_text('[options]\nserver_version = "debian12"\n', encoding="utf-8")
    assert "[options] stands in b.toml too" in refused(".").message


def test_one_site_of_a_folder_or_table_is_one_site(tmp_path: Path, write: Write) -> None:
    assert load(write(f"[[sites]]\n{A}"), SiteFlags(), environ={}).site.domain == "a.example.com"
    assert load(str(tmp_path), SiteFlags(), environ={}).site.domain == "a.example.com"


def test_a_command_for_one_site_says_where_the_others_stand(write: Write) -> None:
    with pytest.raises(
        UsageError, match=r"this takes one site, and there are 2: sites\.toml:2, sites\.toml:4"
    ) as caught:
        load(write(TWO), SiteFlags(), environ={})
    assert caught.value.place == "--site"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("sites = 3\n", "sites.toml:1", "sites must be an array of tables"),
        ("sites = []\n", "sites.toml:1", "sites must be an array of tables"),
        ("[sites]\ndomains = []\n", "sites.toml:2", "sites must be an array of tables"),
        (A + TWO, "sites.toml:1", "domains stands above [[sites]]"),
        ('public_url = "https://a.example.com"\n' + TWO, "sites.toml:1", "public_url stands above [[sites]]"),
        (TWO + 'domain = "c"\n', "sites.toml:5", "unknown key 'sites[1].domain'"),
        (TWO + "[sites.hsts]\nmax_ages = 3\n", "sites.toml:6", "unknown key 'sites[1].hsts.max_ages'"),
        (TWO + "hsts.max_age = -1\n", "sites.toml:5", "sites[1].hsts.max_age must be"),
        ("hsts.max_age = -1\n" + TWO, "sites.toml:1", "hsts.max_age must be"),
        (TWO + '[[sites]]\ntls.profile = "modern"\n', "sites.toml:5", "the site has no domain"),
        ("[[site]]\n" + A, "sites.toml:1", "unknown key 'site'"),
        (TWO + "[[sites.sites]]\n" + A, "sites.toml:5", "unknown key 'sites[1].sites'"),
    ],
)
def test_a_mistake_has_the_line_and_key_of_its_site(text: str, place: str, words: str, write: Write) -> None:
    error = refused(write(text))
    assert place in str(error)
    assert words in str(error)


def test_what_was_meant_is_offered(write: Write) -> None:
    assert "did you mean 'sites'?" in str(refused(write("[[site]]\n" + A)))
    assert "did you mean 'domains'?" in str(refused(write("[[sites]]\ndomain = []\n")))


@pytest.mark.parametrize(
    ("flags", "environ", "place"),
    [
        (SiteFlags(domains=["c.example.com"]), {}, "--domain"),
        (SiteFlags(roots=["/srv"]), {}, "--root"),
        (SiteFlags(certs=["/a"], keys=["/b"]), {}, "--cert"),
        (SiteFlags(public_url="https://a.example.com"), {}, "--public-url"),
        (SiteFlags(sets=['locations=[{root="/x"}]']), {}, "--set"),
        (SiteFlags(), {"OTA_PROXY_DOMAIN": "c.example.com"}, "OTA_PROXY_DOMAIN"),
    ],
)
def test_no_flag_or_variable_says_of_all_sites_what_is_one_s_own(
    flags: SiteFlags, environ: dict[str, str], place: str, write: Write
) -> None:
    error = refused(write(TWO), flags, **environ)
    assert error.place == place
    assert "there are several sites" in error.message


@pytest.mark.parametrize(
    ("first", "second", "place", "words"),
    [
        (A, A, "sites.toml:4: sites[1].domains[0]", "a.example.com is a name of two sites on port 443 (sites.toml:2: sites[0].domains[0])"),
        ('domains = ["a.example.com", "x.example.com"]\n', 'domains = ["b.example.com", "X.example.com."]\n', "sites[1].domains[1]", "x.example.com is a name of two sites"),
        (A + 'tls.profile = "modern"\n', B, "sites.toml:5: tls.profile of b.example.com", "want different TLS profiles, intermediate here and modern there"),
        (A, B + 'unknown_hosts = "ignore"\n', "sites.toml:5: sites[1].unknown_hosts", "want different answers for unknown hosts"),
        (A, B + "http2 = false\n", "sites[1].http2", "want different protocols, false here and true there"),
        (A, B + "listen.http = 443\nlisten.https = 8443\n", "sites[1].listen.http", "port 443 is plain http here, and TLS there"),
        (A, B + 'listen.addresses = ["10.0.0.1"]\n', "sites[1].listen.addresses", "not on the same addresses"),
        (A, B + 'tls.offloaded = true\ntrusted_proxies = ["10.0.0.1"]\n', "listen.http of b.example.com", "port 80 is http behind a proxy here, and plain http there"),
    ],
)  # fmt: skip
def test_sites_that_cannot_share_a_server_are_told_with_both_places(
    first: str, second: str, place: str, words: str, write: Write
) -> None:
    error = refused(write(f"[[sites]]\n{first}[[sites]]\n{second}"))
    assert place in error.place
    assert words in error.message


@pytest.mark.parametrize(
    "second",
    [
        A + 'public_url = "https://a.example.com:8443"\nlisten.http = false\n',
        B + 'tls.profile = "modern"\npublic_url = "https://b.example.com:8443"\n',
        'domains = ["b.example.com", "*.example.com"]\n',
    ],
)
def test_sites_that_can_share_a_server_do(second: str, write: Write) -> None:
    assert len(read(write(f"[[sites]]\n{A}[[sites]]\n{second}"))) == 2


def test_sites_on_addresses_of_their_own_share_nothing(write: Write) -> None:
    first, second = (A + f'listen.addresses = ["10.0.0.{number}"]\n' for number in (1, 2))
    assert len(read(write(f'[[sites]]\n{first}[[sites]]\n{second}tls.profile = "modern"\n'))) == 2


def test_an_empty_folder_and_one_that_cannot_be_read_are_told(tmp_path: Path, write: Write) -> None:
    write("")
    (tmp_path / "empty").mkdir()
    assert "there is no site file in this folder" in refused("empty").message


def test_an_unknown_key_is_told_before_what_is_missing_because_of_it(write: Write) -> None:
    told = str(refused(write("[[site]]\n" + A)))
    assert told.index("unknown key 'site'") < told.index("the site has no domain")
