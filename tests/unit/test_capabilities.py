"""The capability table read as data: every gate is tried at its version and just below, whatever the table says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.policy import capabilities
from ota_proxy.policy.capabilities import layout_of, presets, resolve
from ota_proxy.policy.tables import table
from ota_proxy.servers.base import called, names, server_named

SERVERS = names()
TABLE = table("capabilities")
IIS_VERSIONS = ("2016", "2019", "2022", "2025")
NEWEST_TLS = "openssl-99.0.0"


def gates(key: str) -> Iterator[tuple[str, str, str]]:
    for server in SERVERS:
        for name, row in TABLE[server]["features"].items():
            if key in row:
                yield server, name, row[key]


def below(server: str, number: str) -> str:
    """Return a version just below `number`: the Windows before, or the last step that can be lowered, lowered."""
    if server == "iis":
        return IIS_VERSIONS[IIS_VERSIONS.index(number) - 1]
    steps = [int(step) for step in number.split(".")]
    last = max(index for index, step in enumerate(steps) if step > 0)
    return ".".join(str(step) for step in (*steps[:last], steps[last] - 1, *[999] * (len(steps) - last - 1)))


def reachable(server: str, number: str) -> bool:
    """Say whether a version below the gate is one that the table covers at all."""
    return server == "iis" or capabilities._key(below(server, number)) >= capabilities._key(TABLE[server]["oldest"])  # noqa: SLF001 - the one reading of numbers


SINCE = [gate for gate in gates("since") if reachable(gate[0], gate[2])]
BEYOND = [gate for gate in gates("since") if gate not in SINCE]
TLS = list(gates("tls"))


def test_the_table_has_gates_to_try() -> None:
    assert len(SINCE) >= 8
    assert {server for server, _, _ in TLS} == {"nginx", "apache"}


@pytest.mark.parametrize(("server", "name", "number"), SINCE)
def test_a_gate_opens_exactly_at_its_version(server: str, name: str, number: str) -> None:
    tls = "" if server == "iis" else NEWEST_TLS
    assert resolve(server, number, tls).has(name)
    assert not resolve(server, below(server, number), tls).has(name)


@pytest.mark.parametrize(("server", "name", "number"), BEYOND)
def test_a_gate_older_than_the_oldest_version_is_always_open(server: str, name: str, number: str) -> None:
    assert resolve(server, TABLE[server]["oldest"], NEWEST_TLS).has(name), number


@pytest.mark.parametrize(("server", "name", "library"), TLS)
def test_a_tls_gate_opens_exactly_at_its_library(server: str, name: str, library: str) -> None:
    family, _, number = library.partition("-")
    assert resolve(server, "latest", library).has(name)
    assert resolve(server, "latest", library + "w").has(name), "letters are patch releases"
    assert not resolve(server, "latest", f"{family}-{below('nginx', number)}").has(name)


def test_a_number_with_fewer_steps_is_the_one_with_zeros() -> None:
    assert resolve("nginx", "latest", "openssl-3.5").features == resolve("nginx", "latest", "openssl-3.5.0").features
    assert resolve("nginx", "1.26").features == resolve("nginx", "1.26.0").features


def test_a_feature_that_ends_is_gone_at_its_last_version_and_later() -> None:
    row = {"since": "1.2.0", "until": "1.4.0"}
    fits = capabilities._fits  # noqa: SLF001 - no row of today's table ends
    there = {number: fits(row, number, NEWEST_TLS) for number in ("1.1.9", "1.2.0", "1.3.9", "1.4.0", "2.0")}
    assert there == {"1.1.9": False, "1.2.0": True, "1.3.9": True, "1.4.0": False, "2.0": False}


@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("preset", presets())
def test_every_preset_resolves_with_its_numbers_and_its_layout(preset: str, server: str) -> None:
    row = TABLE["presets"][preset]
    seen = resolve(server, preset)
    assert (seen.version, seen.tls_library, seen.preset) == (row[server], row["tls"], preset)
    assert seen.layout == layout_of(row["layout"], server)
    assert (seen.layout.ca_bundle, seen.layout.main) == (
        TABLE["layouts"][row["layout"]]["ca_bundle"],
        TABLE["layouts"][row["layout"]][server]["main"],
    )


@pytest.mark.parametrize("preset", presets())
def test_a_preset_of_a_distribution_has_no_iis(preset: str) -> None:
    with pytest.raises(UsageError, match=f"{preset} has no iis") as caught:
        resolve("iis", preset)
    assert "2016, 2019, 2022 and 2025" in caught.value.hint


@pytest.mark.parametrize("server", SERVERS)
def test_latest_is_the_table_s_and_has_every_feature_that_has_not_ended(server: str) -> None:
    seen = resolve(server, "latest", "" if server == "iis" else NEWEST_TLS)
    assert (seen.version, seen.preset) == (TABLE[server]["latest"], "")
    assert [name for name in seen.missing if "until" not in TABLE[server]["features"][name]] == []


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_the_images_preset_is_the_latest_version_in_their_layout(server: str) -> None:
    image = resolve(server, "official")
    latest = resolve(server, "latest", image.tls_library)
    assert (image.version, image.tls_library, image.features) == (latest.version, latest.tls_library, latest.features)
    assert image.layout == layout_of("official", server)


def test_every_unix_layout_names_the_same_places_and_only_absolute_ones() -> None:
    layouts = [row for name, row in TABLE["layouts"].items() if name != "windows"]
    for server in ("nginx", "apache"):
        assert len({frozenset(row[server]) for row in layouts}) == 1
        places = [path for row in layouts for key, path in row[server].items() if key != "user"]
        assert all(path.startswith("/") for path in (*places, *(row["ca_bundle"] for row in layouts)))


@pytest.mark.parametrize("server", SERVERS)
def test_a_feature_is_there_or_missing_and_never_both(server: str) -> None:
    versions = IIS_VERSIONS if server == "iis" else (TABLE[server]["oldest"], "latest", "portable", *presets())
    for version in versions:
        seen = resolve(server, version)
        assert set(seen.features) | set(seen.missing) == set(TABLE[server]["features"])
        assert not set(seen.features) & set(seen.missing)
        assert all(seen.cannot(name) == "" for name in seen.features)
        assert all(seen.cannot(name) == TABLE[server]["features"][name].get("without", "") for name in seen.missing)


def test_a_feature_the_table_does_not_know_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        resolve("nginx").has("http9")


def test_the_tls_library_and_the_layout_can_be_given() -> None:
    seen = resolve("nginx", "debian12", "openssl-3.5.1", "rhel")
    assert (seen.version, seen.tls_library) == (resolve("nginx", "debian12").version, "openssl-3.5.1")
    assert seen.layout == layout_of("rhel", "nginx")
    assert seen.layout.ca_bundle == "/etc/pki/tls/certs/ca-bundle.crt"


def test_a_version_later_than_the_table_is_taken_for_a_later_one() -> None:
    assert resolve("nginx", "1.99.0").features == resolve("nginx", "latest").features


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("version", ["", "new", "v1.26", "1.26.3-alpine", "1..2", "1.2.3.4.5", "openssl", "１.26"])
def test_a_version_that_is_no_number_is_refused_with_what_there_is(server: str, version: str) -> None:
    with pytest.raises(UsageError, match="is not known") as caught:
        resolve(server, version)
    assert caught.value.place == "--server-version"
    assert TABLE[server]["latest"] in caught.value.hint or "did you mean" in caught.value.hint


def test_a_misspelt_preset_is_answered_with_the_near_one() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("nginx", "debain12")
    assert caught.value.hint == "did you mean 'debian12'?"


@pytest.mark.parametrize("version", ["10", "2012", "2023"])
def test_iis_versions_are_those_of_windows_server(version: str) -> None:
    with pytest.raises(UsageError, match=f"the iis version '{version}' is not known"):
        resolve("iis", version)


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_a_version_older_than_the_table_is_refused(server: str) -> None:
    oldest = TABLE[server]["oldest"]
    assert resolve(server, oldest).version == oldest
    with pytest.raises(UsageError, match=f"is older than {oldest}"):
        resolve(server, below(server, oldest))


@pytest.mark.parametrize(
    ("server", "version", "owner"),
    [
        ("nginx", "2.4.62", "apache"),
        ("nginx", "2.4", "apache"),
        ("nginx", "2022", "iis"),
        ("apache", "1.26.3", "nginx"),
        ("apache", "2019", "iis"),
    ],
)
def test_a_version_of_another_server_is_refused_by_its_name(server: str, version: str, owner: str) -> None:
    with pytest.raises(UsageError, match=f"{version} is a version of {owner}, not of {server}"):
        resolve(server, version)


@pytest.mark.parametrize(
    "library", ["openssl", "3.0.19", "libressl-4.0.0", "openssl-3", "openssl-x.y", "openssl 3.0.19"]
)
def test_a_tls_library_is_written_with_name_and_number(library: str) -> None:
    with pytest.raises(UsageError, match="is not known") as caught:
        resolve("nginx", "latest", library)
    assert caught.value.place == "--tls-library"
    assert "openssl-3.0.19" in caught.value.hint


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_the_default_is_portable_and_has_exactly_what_every_supported_version_has(server: str) -> None:
    seen = resolve(server)
    oldest = resolve(server, TABLE[server]["oldest"], TABLE[server]["oldest_tls"])
    every = [oldest, *(resolve(server, preset) for preset in presets())]
    assert seen.portable
    assert seen.features == frozenset.intersection(*(one.features for one in every))
    assert set(seen.unnamed) == set(seen.missing)
    title = {"nginx": "nginx", "apache": "Apache"}[server]
    assert server_named(server).described(seen) == (
        f"{title} {oldest.version} to {seen.newest} with {oldest.tls_library.replace('openssl-', 'OpenSSL ')} or later"
    )


def test_a_version_is_called_as_people_write_it() -> None:
    assert called("apache", "2.4.62") == "Apache 2.4.62"
    assert called("iis", "2022") == "IIS 10 on Windows Server 2022"
    assert called("iis", "") == "IIS"
    assert called("caddy", "2.10") == "caddy 2.10"
    assert called("", "") == ""
    assert server_named("iis").described(resolve("iis", "2019")) == "IIS 10 on Windows Server 2019"


def test_iis_is_never_portable() -> None:
    seen = resolve("iis")
    assert (seen.version, seen.portable, seen.library_assumed, dict(seen.unnamed)) == ("2022", False, False, {})


@pytest.mark.parametrize("server", ["nginx", "apache"])
@pytest.mark.parametrize("version", ["latest", "portable", "newest"])
def test_what_a_tls_library_decides_is_never_guessed(server: str, version: str) -> None:
    """A group that the library does not know passes Apache's configuration test and ends the server at its reload."""
    gated = {name for name, row in TABLE[server]["features"].items() if "tls" in row}
    oldest = resolve(server, TABLE[server]["oldest"], TABLE[server]["oldest_tls"])
    number = TABLE[server]["latest"] if version == "newest" else version
    seen = resolve(server, number)
    assert seen.library_assumed
    assert seen.features & gated == oldest.features & gated
    assert set(seen.missing) & gated <= set(seen.unnamed)
    assert resolve(server, number, "openssl-3.5.0").has("mlkem")
    assert not resolve(server, number, "openssl-3.5.0").library_assumed


@pytest.mark.parametrize("preset", presets())
def test_a_preset_has_no_feature_that_the_first_library_of_its_release_had_not(preset: str) -> None:
    first = {"debian12": "3.0.9", "debian13": "3.5.1", "rhel9": "3.0.7", "rhel10": "3.2.2", "ubuntu22.04": "3.0.2"}
    seen = resolve("apache", preset)
    assert seen.tls_library.removeprefix("openssl-") == first.get(preset, seen.tls_library.removeprefix("openssl-"))
    assert seen.has("mlkem") == (preset in ("debian13", "official"))


def test_what_naming_would_add_says_from_when() -> None:
    added = resolve("nginx").unnamed
    assert added["http2_directive"].startswith("from 1.25.1: http2 on")
    assert added["mlkem"].startswith("with openssl-3.5.0 or later: ")
    assert added["header_inherit"] == "", "makes no difference to what is served"
    assert resolve("nginx", "1.26.3").unnamed.keys() == {"mlkem"}


def test_compressors_beside_a_server_s_own_are_known_by_their_modules() -> None:
    assert resolve("nginx").compressors_unknown == ("brotli", "zstd")
    assert resolve("apache").compressors_unknown == ()
    named = capabilities.with_compressors(resolve("nginx"), ["brotli"], all_known=False)
    assert (named.compressors, named.compressors_unknown) == ({"brotli": "brotli off"}, ("zstd",))
    looked = capabilities.with_compressors(named, ["http_zstd_filter", "http_image_filter"], all_known=True)
    assert (looked.compressors, looked.compressors_unknown) == ({"brotli": "brotli off", "zstd": "zstd off"}, ())
    static = capabilities.with_compressors(
        resolve("nginx"), ["http_brotli_static", "ngx_http_zstd_static_module"], all_known=True
    )
    assert static.compressors == {}
