"""What `render nginx` writes and says, beside the golden files; what nginx makes of it is proved in tests/local."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import Any

import crossplane
import pytest

from ota_proxy.errors import UsageError
from ota_proxy.policy import media_types
from ota_proxy.policy.capabilities import presets, resolve, with_compressors
from ota_proxy.policy.guideline import profile
from ota_proxy.servers.base import server_named
from ota_proxy.servers.nginx.notes import limits, name_bucket
from ota_proxy.servers.nginx.quote import identifier, quote
from ota_proxy.servers.nginx.render import render
from ota_proxy.servers.rendered import Scope
from ota_proxy.site import Site
from tests.support.golden import assert_golden
from tests.support.nginx_variants import (
    BALANCED,
    EVERYTHING,
    FEATURES,
    GOLDEN,
    NAMES,
    OFFLOADED,
    PAIR,
    PROXIED,
    STATIC,
    VARIANTS,
    Raw,
    rendered,
)


def text(raw: Raw, version: str = "latest", scope: Scope = "site") -> str:
    return render(Site.model_validate(raw), resolve("nginx", version), scope, "ota-proxy render nginx").files[0].text


def said(raw: Raw, version: str = "latest", scope: Scope = "site") -> list[tuple[str, str]]:
    result = render(Site.model_validate(raw), resolve("nginx", version), scope, "ota-proxy render nginx")
    return [(note.kind, note.text) for note in result.notes]


def tree(config: str) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(config)
        file.flush()
        payload = crossplane.parse(file.name, single=True, check_ctx=False, check_args=False)
    assert payload["status"] == "ok", payload["errors"]
    parsed: list[dict[str, Any]] = payload["config"][0]["parsed"]
    return parsed


def every(block: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for directive in block:
        yield directive
        yield from every(directive.get("block", []))


def args(block: list[dict[str, Any]], name: str) -> list[list[str]]:
    return [directive["args"] for directive in every(block) if directive["directive"] == name]


def servers(config: str) -> list[list[dict[str, Any]]]:
    return [
        directive["block"]
        for directive in every(tree(config))
        if directive["directive"] == "server" and "block" in directive
    ]


@pytest.mark.parametrize("name", GOLDEN)
def test_the_file_is_byte_for_byte_its_golden_file(name: str) -> None:
    result = rendered(name)
    assert [file.name for file in result.files] == ["nginx.conf" if VARIANTS[name][2] == "full" else "ota-proxy.conf"]
    assert_golden(f"nginx/{name}.conf", result.files[0].text)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_file_is_plain_text_without_trailing_blanks_or_empty_line_pairs(name: str) -> None:
    config = rendered(name).files[0].text
    assert config.isascii()
    assert config.endswith("\n")
    assert not [line for line in config.splitlines() if line != line.rstrip()]
    assert "\n\n\n" not in config


@pytest.mark.parametrize("name", VARIANTS)
def test_every_note_stands_in_the_header(name: str) -> None:
    result = rendered(name)
    header = " ".join(line.strip("# ") for line in result.files[0].text.split("\n\n")[0].splitlines())
    assert result.notes
    for note in result.notes:
        assert note.text in header


@pytest.mark.parametrize("name", VARIANTS)
def test_notes_are_numbered_in_the_order_in_which_the_lines_of_a_section_need_them(name: str) -> None:
    for section in rendered(name).files[0].text.split("# | ")[1:]:
        lines = [line.strip() for line in section.splitlines()]
        listed = [int(found[1]) for line in lines if (found := re.match(r"# \((\d+)\) ", line))]
        used = [int(found[1]) for line in lines if (found := re.search(r"[;{] # \((\d+)\)$", line))]
        assert listed == list(range(1, len(listed) + 1))
        assert list(dict.fromkeys(used)) == listed


@pytest.mark.parametrize("name", [name for name in VARIANTS if name.startswith("static-")])
def test_a_site_of_one_folder_is_read_in_one_sitting(name: str) -> None:
    assert len(rendered(name).files[0].text.splitlines()) <= 170


@pytest.mark.parametrize("version", presets())
def test_the_version_decides_between_http2_on_and_a_word_on_the_listen_line(version: str) -> None:
    caps, config = resolve("nginx", version), text(STATIC, version)
    assert ("http2 on;" in config) == caps.has("http2_directive")
    assert ("ssl http2" in config) != caps.has("http2_directive")


@pytest.mark.parametrize("version", presets())
def test_an_unknown_host_gets_no_handshake_or_a_note_says_so(version: str) -> None:
    caps, config = resolve("nginx", version), text(STATIC, version)
    assert ("ssl_reject_handshake on;" in config) == caps.has("reject_handshake")
    assert (("cannot-enforce", caps.cannot("reject_handshake")) in said(STATIC, version)) != caps.has(
        "reject_handshake"
    )
    defaults = [
        block for block in servers(config) if any("default_server" in listen for listen in args(block, "listen"))
    ]
    refusals = [["421"]] if caps.has("reject_handshake") else [["444"]]
    assert args(defaults[0], "return") == refusals
    assert [args(block, "server_name") for block in defaults].count([["_"]]) == 1 + caps.has("reject_handshake")
    assert len(defaults) == 2


@pytest.mark.parametrize("version", presets())
def test_the_default_server_of_the_port_has_the_same_tls_policy_as_the_site(version: str) -> None:
    """Each line where it counts: suites with the site, sessions and early data with the port, the rest with both."""
    blocks = [block for block in servers(text(STATIC, version)) if args(block, "ssl_protocols")]
    assert len(blocks) == 1 + resolve("nginx", version).has("reject_handshake")
    for name in ("ssl_protocols", "ssl_ecdh_curve", "ssl_session_tickets"):
        assert args(blocks[0], name) == args(blocks[-1], name) != []
    assert args(blocks[0], "ssl_early_data") == [["off"]]
    assert [len(args(blocks[0], name)) for name in ("ssl_session_cache", "ssl_session_timeout")] == [1, 1]
    assert args(blocks[-1], "ssl_ciphers")
    assert args(blocks[-1], "ssl_prefer_server_ciphers") == [["off"]]


@pytest.mark.parametrize("version", presets())
def test_groups_and_protocols_are_the_guidelines_as_far_as_the_library_speaks_them(version: str) -> None:
    caps, guideline = resolve("nginx", version), profile("intermediate")
    groups = [group for group in guideline.groups if caps.has("mlkem") or group != "X25519MLKEM768"]
    for block in (b for b in servers(text(STATIC, version)) if args(b, "ssl_protocols")):
        assert args(block, "ssl_ecdh_curve") == [[":".join(groups)]]
        assert args(block, "ssl_protocols") == [list(guideline.protocols)]
        if args(block, "ssl_certificate"):
            assert args(block, "ssl_ciphers") == [[":".join(guideline.ciphers)]]


def test_modern_speaks_only_tls_13_and_asks_for_an_ecdsa_leaf() -> None:
    raw = {**STATIC, "tls": {"profile": "modern"}}
    assert {tuple(line) for line in args(tree(text(raw)), "ssl_protocols")} == {("TLSv1.3",)}
    assert args(tree(text(raw)), "ssl_ciphers") == []
    assert any(kind == "info" and "ECDSA" in note for kind, note in said(raw))


def test_modern_is_refused_where_the_library_has_no_tls_13() -> None:
    caps = resolve("nginx", "1.18.0", "openssl-1.1.0")
    with pytest.raises(UsageError, match=r"tls\.profile: the profile modern is TLS 1\.3 only"):
        render(Site.model_validate({**STATIC, "tls": {"profile": "modern"}}), caps, "site", "x")


def test_two_certificates_stand_side_by_side() -> None:
    lines = args(tree(text(EVERYTHING)), "ssl_certificate")
    assert lines == [["/etc/ssl/ota.pem"], ["/etc/ssl/ota-rsa.pem"]]


def test_unknown_hosts_may_be_left_to_another_file_and_that_is_said() -> None:
    raw = {**STATIC, "unknown_hosts": "ignore"}
    assert "default_server" not in "".join(" ".join(line) for line in args(tree(text(raw)), "listen"))
    kinds = {kind for kind, note in said(raw, "debian12") if "default server" in note}
    assert kinds == {"cannot-enforce", "warning"}


def test_the_redirect_goes_to_the_public_address_with_its_port_and_leaves_the_challenge_alone() -> None:
    direct = {**EVERYTHING, "trusted_proxies": []}
    redirect = next(b for b in servers(text(direct)) if args(b, "listen") == [["127.0.0.1:8080"]])
    assert args(redirect, "return") == [["301", "https://ota.example.com:8443$request_uri"]]
    assert args(redirect, "root") == [["/var/www/challenges"]]
    assert args(redirect, "server_name") == [["ota.example.com", "builds.example.org", "*.team.example.com"]]


def test_plain_http_never_carries_strict_transport_security() -> None:
    for block in servers(text(EVERYTHING)):
        if not args(block, "ssl_protocols"):
            assert args(block, "add_header") == []


@pytest.mark.parametrize("version", ["debian12", "latest"])
def test_hsts_off_sends_nothing_and_warns(version: str) -> None:
    raw = {**PROXIED, "hsts": {"enabled": False}}
    assert not [line for line in args(tree(text(raw, version)), "add_header") if line[0].startswith("Strict")]
    assert any(kind == "warning" and "hsts is off" in note for kind, note in said(raw, version))


def test_a_short_hsts_age_is_sent_and_warned_about() -> None:
    raw = {**STATIC, "hsts": {"max_age": 300}}
    assert 'on "max-age=300";' in text(raw)
    assert any(kind == "warning" and "300 is below" in note for kind, note in said(raw))


def test_no_regular_expression_stands_at_server_level() -> None:
    for name in VARIANTS:
        for block in servers(rendered(name).files[0].text):
            for directive in block:
                if directive["directive"] == "location":
                    assert directive["args"][0] not in ("~", "~*")


@pytest.mark.parametrize("cache", ["revalidate", "immutable"])
def test_every_extension_has_its_type_and_cache_rule_inside_each_folder(cache: str) -> None:
    raw = {**EVERYTHING, "cache": {"packages": cache}}
    folders = [d for d in every(tree(text(raw))) if d["directive"] == "location" and args(d["block"], "alias")]
    assert len(folders) == 2
    own = media_types.ota_types(Site.model_validate(raw).media_types)
    for folder in folders:
        (inner,) = (d for d in folder["block"] if d["directive"] == "location" and args(d["block"], "types"))
        (types,) = (d["block"] for d in inner["block"] if d["directive"] == "types")
        assert {f".{name}": row["directive"] for row in types for name in row["args"]} == own
        assert re.fullmatch(r"\\\.\(\?:.*\)\$", inner["args"][1])
        for name in ("App.ipa", "APP.IPA", "app.plist", "a.b.mobileconfig"):
            assert re.search(inner["args"][1], name, re.IGNORECASE)
        assert not re.search(inner["args"][1], "index.html")


@pytest.mark.parametrize(
    ("cache", "answer", "wanted"),
    [
        ("revalidate", "/app.plist:200", "no-store"),
        ("revalidate", "/APP.PLIST:206", "no-store"),
        ("revalidate", "/App.ipa:200", "no-cache"),
        ("revalidate", "/App.ipa:304", "no-cache"),
        ("revalidate", "/App.ipa:404", "no-store"),
        ("revalidate", "/:301", "no-cache"),
        ("revalidate", "/a:200:403", "no-store"),
        ("immutable", "/App.ipa:206", "public, max-age=31536000, immutable"),
        ("immutable", "/App.ipa:404", "no-store"),
        ("immutable", "/App.ipa/index.html:200", "no-cache"),
        ("immutable", "/app.plist:200", "no-store"),
    ],
)
def test_the_first_cache_rule_that_fits_path_and_status_counts(cache: str, answer: str, wanted: str) -> None:
    (rules,) = (
        d for d in every(tree(text({**STATIC, "cache": {"packages": cache}}))) if d["args"][:1] == ["$uri:$status"]
    )
    (default,) = (row["args"][0] for row in rules["block"] if row["directive"] == "default")
    patterns = [(row["directive"], row["args"][0]) for row in rules["block"] if row["directive"] != "default"]
    assert default == "no-store"
    assert next((value for pattern, value in patterns if matches(pattern, answer)), default) == wanted


def matches(pattern: str, value: str) -> bool:
    """Read a key of a map as nginx does: `~` a regular expression, `~*` one in which case means nothing."""
    flags = re.IGNORECASE if pattern.startswith("~*") else re.NOFLAG
    return re.search(pattern.removeprefix("~").removeprefix("*"), value, flags) is not None


@pytest.mark.parametrize(("length", "size"), [(46, 0), (47, 128), (110, 128), (111, 256), (1000, 1024)])
def test_a_long_extension_asks_for_a_larger_hash_bucket(length: int, size: int) -> None:
    found = args(tree(text({**STATIC, "media_types": {"x" * length: "text/plain"}})), "types_hash_bucket_size")
    assert found == [[str(size)]] * bool(size)


def test_many_extensions_are_told_in_patterns_that_nginx_can_read() -> None:
    config = text({**STATIC, "media_types": {f"e{number}": "text/plain" for number in range(2000)}})
    patterns = [d["args"][1] for d in every(tree(config)) if d["directive"] == "location" and args(d["block"], "types")]
    assert len(patterns) > 1
    assert max(map(len, patterns)) < 4000
    assert all(any(re.search(pattern, f"/x.e{number}") for pattern in patterns) for number in range(2000))


def test_an_android_package_has_a_type_only_where_the_site_asks_for_it() -> None:
    assert "apk" not in text(STATIC)
    android = "application/vnd.android.package-archive"
    assert f"{android} apk;" in text({**STATIC, "media_types": {"apk": android}})


@pytest.mark.parametrize("server", ["nginx", "apache", "iis"])
def test_an_android_package_is_cached_and_left_uncompressed_only_where_the_site_asks_for_it(server: str) -> None:
    raw = {**STATIC, "cache": {"packages": "immutable"}}
    asked = {**raw, "media_types": {"apk": "application/vnd.android.package-archive"}}
    about = server_named(server)
    for change, there in ((raw, False), (asked, True)):
        made = about.render(Site.model_validate(change), resolve(server, "latest"), "site", "ota-proxy render")
        assert ("apk" in "".join(file.text for file in made.files)) is there


def test_types_stand_only_inside_the_locations_of_their_files() -> None:
    for directive in every(tree(text(EVERYTHING))):
        if "types" in [inner["directive"] for inner in directive.get("block", [])]:
            assert directive["args"][0] == "~*"


def test_locations_that_inherit_headers_have_none_of_their_own() -> None:
    for directive in every(tree(text(EVERYTHING, "debian12"))):
        if directive["directive"] in ("location", "if") and directive.get("args", [""])[0] in (
            "~",
            "~*",
            "$request_method",
        ):
            assert "add_header" not in [d["directive"] for d in directive["block"]] or args(
                directive["block"], "proxy_pass"
            )


def test_a_proxied_prefix_streams_without_temporary_files_and_tells_the_public_address() -> None:
    app = next(
        d for d in every(tree(text(EVERYTHING))) if d["directive"] == "location" and d["args"] == ["^~", "/app/"]
    )
    assert args(app["block"], "proxy_max_temp_file_size") == [["0"]]
    headers = dict(args(app["block"], "proxy_set_header"))
    assert headers["Host"] == headers["X-Forwarded-Host"] == "$host:8443"
    assert headers["X-Forwarded-Port"] == "8443"
    assert headers["X-Forwarded-Proto"] == "https"
    assert args(app["block"], "if") == []


def test_an_https_upstream_is_verified_by_name_against_its_ca_or_the_systems() -> None:
    assert args(tree(text(EVERYTHING)), "proxy_ssl_trusted_certificate") == [["/etc/ssl/app-ca.pem"]]
    assert args(tree(text(EVERYTHING)), "proxy_ssl_name") == [["app.example.net"]]
    plain = {**STATIC, "locations": [{"path": "/", "upstream": "https://app.example.net"}]}
    for version in ("debian12", "rhel9"):
        bundle = resolve("nginx", version).layout.ca_bundle
        assert args(tree(text(plain, version)), "proxy_ssl_trusted_certificate") == [[bundle]]


def test_an_https_upstream_that_is_an_address_needs_a_name() -> None:
    with pytest.raises(UsageError, match="set upstream_name"):
        text({**STATIC, "locations": [{"path": "/", "upstream": "https://10.0.0.1"}]})


def test_behind_a_tls_proxy_only_its_own_word_counts_and_hsts_is_the_proxys() -> None:
    config = text(OFFLOADED)
    assert "ssl" not in " ".join(" ".join(line) for line in args(tree(config), "listen"))
    assert args(tree(config), "geo") == [["$realip_remote_addr", "$ota_proxy_trusted_ota_example_com"]]
    assert not [line for line in args(tree(config), "add_header") if line[0].startswith("Strict")]
    assert any(kind == "info" and "Strict-Transport-Security" in note for kind, note in said(OFFLOADED))


@pytest.mark.parametrize("version", ["debian12", "latest"])
def test_a_snippet_holds_nothing_but_locations_and_variables(version: str) -> None:
    top = [d for d in tree(text(EVERYTHING, version, "snippet")) if d["directive"] != "#"]
    assert {d["directive"] for d in top} == {"set", "if", "location"}
    assert len([note for kind, note in said(EVERYTHING, version, "snippet") if kind == "cannot-enforce"]) >= 5


def test_a_path_only_site_shows_nothing_elsewhere() -> None:
    elsewhere = [d for d in every(tree(text(OFFLOADED))) if d["directive"] == "location" and d["args"] == ["/"]]
    assert [args(d["block"], "return") for d in elsewhere] == [[["404"]]]


def test_the_main_context_has_room_for_the_expected_phones_and_site_scope_says_so() -> None:
    numbers = limits(Site.model_validate(EVERYTHING))
    assert numbers.connections >= 2 * 20_000
    assert numbers.files >= 2 * numbers.connections
    config = text(EVERYTHING, "debian12", "full")
    assert args(tree(config), "worker_rlimit_nofile") == [[str(numbers.files)]]
    assert args(tree(config), "worker_connections") == [[str(numbers.connections)]]
    assert any(
        kind == "needs-parent" and f"worker_rlimit_nofile {numbers.files}" in note for kind, note in said(EVERYTHING)
    )


def test_a_long_domain_asks_for_a_larger_hash_bucket() -> None:
    raw = {**STATIC, "domains": ["a" * 60 + ".example.com"]}
    assert name_bucket(Site.model_validate(STATIC)) == 0
    assert "server_names_hash_bucket_size 128;" in text(raw, scope="full")
    assert any(kind == "needs-parent" and "server_names_hash_bucket_size 128" in note for kind, note in said(raw))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"locations": [{"path": "/", "root": "/srv/$host"}]}, r"locations\[0\].root"),
        ({"certificates": [{**PAIR, "key": "/etc/$key"}]}, r"certificates\[0\]\.key"),
        ({"headers": {"X-Price": "5 $"}}, r"headers\.X-Price"),
        ({"redirect": {"acme_root": "/var/${x}"}}, r"redirect\.acme_root"),
        ({"log": {"access": "/var/log/$host.log"}}, r"log\.access"),
        ({"locations": [{"path": "/", "upstream": "unix:/run/$x.sock"}]}, r"locations\[0\].upstream"),
    ],
)
def test_a_dollar_sign_is_refused_with_key_value_and_server(change: Raw, key: str) -> None:
    with pytest.raises(UsageError, match=rf"{key}: nginx cannot take '.*\$.*': .*starts a variable"):
        text({**STATIC, **change})


def test_a_windows_path_is_refused_for_nginx() -> None:
    with pytest.raises(UsageError, match="Windows path"):
        text({**STATIC, "locations": [{"path": "/", "root": "C:\\ota"}]})


def test_a_socket_path_longer_than_the_system_takes_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 107 bytes"):
        text({**STATIC, "locations": [{"path": "/", "upstream": "unix:/run/" + "x" * 110}]})


def test_an_argument_larger_than_nginx_reads_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 4000 bytes"):
        quote("é" * 2001, ("headers", "X"))


def test_a_name_for_zones_and_maps_is_short_and_never_shared_by_two_domains() -> None:
    domains = ["a-b.example.com", "a.b.example.com", "a--b.example.com", "x" * 60 + ".com", "x" * 61 + ".com"]
    names = {identifier(domain, port) for domain in domains for port in (443, 8443)}
    assert len(names) == 2 * len(domains)
    assert max(map(len, names)) <= 24


def test_a_long_command_stays_in_lines_that_nginx_can_read() -> None:
    site = Site.model_validate(STATIC)
    config = render(site, resolve("nginx"), "site", "ota-proxy render nginx " + "x" * 9000).files[0].text
    assert max(map(len, config.splitlines())) < 1100


@pytest.mark.parametrize("scope", ["site", "full", "snippet"])
def test_own_log_files_have_their_folders_asked_for_or_are_said_to_have_no_effect(scope: Scope) -> None:
    raw = {**STATIC, "log": {"access": "/var/log/ota/access.log"}}
    said = [note.text for note in render(Site.model_validate(raw), resolve("nginx"), scope, "test").notes]
    assert any("log has no effect" in text for text in said) == (scope == "snippet")
    assert any("/var/log/ota" in text for text in said) == (scope != "snippet")


def test_a_compressor_that_is_there_is_kept_away_wherever_gzip_is() -> None:
    caps = with_compressors(resolve("nginx"), ["brotli", "zstd"], all_known=False)
    out = render(Site.model_validate(EVERYTHING), caps, "site", "test").files[0].text
    lines = [line.split("#")[0].strip() for line in out.splitlines() if not line.strip().startswith("#")]
    assert lines.count("gzip off;") > 3
    assert lines.count("gzip off;") == lines.count("brotli off;") == lines.count("zstd off;")
    assert all(
        lines[number + 1 : number + 3] == ["brotli off;", "zstd off;"]
        for number, line in enumerate(lines)
        if line == "gzip off;"
    )


@pytest.mark.parametrize(("scope", "said_there"), [("snippet", True), ("site", True), ("full", False)])
def test_a_compressor_nobody_looked_for_is_left_to_the_enclosing_configuration_in_words(
    scope: Scope, *, said_there: bool
) -> None:
    assert any("brotli or zstd, where loaded" in line for _, line in said(STATIC, "portable", scope)) == said_there
    assert "brotli off" not in text(STATIC, "portable", scope)


def test_headers_are_merged_only_with_a_server_that_has_one_of_its_own() -> None:
    """Else nginx hands down those of the http block, somebody else's Cache-Control among them."""
    assert "add_header_inherit merge" in text(STATIC, "official")
    assert "add_header_inherit" not in text({**STATIC, "hsts": {"enabled": False}}, "official")
    assert "add_header_inherit" not in text(OFFLOADED, "official")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("x" * 4000, {"root": "/srv/ota"}),
        ("ü" * 1000, {"root": "/srv/ota"}),
        ("ü" * 1000, {"upstream": "http://127.0.0.1:9000"}),
        (".a" + "-" * 2500, {"root": "/srv/ota"}),
    ],
    ids=["plain", "encoded", "encoded-application", "in-a-pattern"],
)
def test_a_prefix_that_is_longer_than_nginx_reads_somewhere_is_refused(name: str, source: Raw) -> None:
    raw = {**STATIC, "locations": [{"path": f"/{name}/", **source}]}
    with pytest.raises(UsageError, match="at most 4000 bytes in one argument") as refused:
        text(raw)
    assert refused.value.key == ("locations", 0, "path")


def test_a_burst_of_nothing_is_left_out_as_nginx_takes_no_0() -> None:
    config = text({**STATIC, "limits": {"requests_per_second": 3, "burst": 0}})
    zones = args(tree(config), "limit_req")
    assert zones
    assert all(len(words) == 1 for words in zones)


# -- what no golden file holds, read as nginx reads it ----------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variable_of_ours_is_made_somewhere(name: str) -> None:
    block = tree(rendered(name).files[0].text)
    made = {one["args"][-1] for one in every(block) if one["directive"] in ("map", "geo")}
    made |= {one["args"][0] for one in every(block) if one["directive"] == "set"}
    used = {found for one in every(block) for word in one["args"] for found in re.findall(r"\$ota_proxy_\w+", word)}
    assert used == made


@pytest.mark.parametrize("name", VARIANTS)
def test_every_folder_has_its_headers_once_and_guards_all_its_files(name: str) -> None:
    folders = [one["block"] for one in every(tree(rendered(name).files[0].text)) if folder(one)]
    for block in folders:
        own = [one["args"][0] for one in block if one["directive"] == "add_header"]
        assert {"Cache-Control", "Allow", "X-Content-Type-Options"} <= set(own)
        assert len(own) == len(set(own))
        for inner in (block, *(one["block"] for one in block if one["directive"] == "location")):
            refused = [one["args"] for one in inner if one["directive"] == "if"]
            assert ["$request_method", "!~", "^(?:GET|HEAD)$"] in refused or args(inner, "return") == [["404"]]


def folder(directive: dict[str, Any]) -> bool:
    """Say whether this is a location of a site's folder."""
    words = [one["directive"] for one in directive.get("block", [])]
    return (
        directive["directive"] == "location"
        and directive["args"][0] == "^~"
        and "autoindex" in words
        and "index" in words
    )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("modern-latest", [(["443 ssl", "[::]:443 ssl"], "421"), (["80", "[::]:80"], "444")]),
        ("no-http-no-hsts-rhel9", [(["443 ssl http2"], "421")]),
        ("offloaded-debian12", [(["80", "[::]:80"], "421")]),
        ("ignore-ubuntu24.04", []),
        ("names-debian12", [(["443 ssl http2", "[::]:443 ssl http2"], "421"), (["80", "[::]:80"], "444")]),
        ("balanced-debian12", [([f"{one} ssl http2 proxy_protocol" for one in ("443", "[::]:443")], "421"), (["80 proxy_protocol", "[::]:80 proxy_protocol"], "444")]),
    ],
)  # fmt: skip
def test_unknown_hosts_are_refused_on_each_port_of_the_site(name: str, wanted: list[tuple[list[str], str]]) -> None:
    found = []
    for block in servers(rendered(name).files[0].text):
        listens = [words for words in args(block, "listen") if "default_server" in words]
        if listens:
            addresses = [[word for word in words if word != "default_server"] for words in listens]
            found.append((addresses, args(block, "return")[-1][0]))
    assert [(sorted(map(sorted, addresses)), status) for addresses, status in found] == [
        (sorted(sorted(text.split()) for text in addresses), status) for addresses, status in wanted
    ]


@pytest.mark.parametrize("version", ["debian11", "debian12"])
def test_each_set_of_certificates_has_a_server_of_its_own_names(version: str) -> None:
    hosts = [b for b in servers(text({**NAMES, "listen": {"http": False}}, version)) if args(b, "ssl_certificate")]
    assert [args(block, "server_name")[0] for block in hosts] == [
        ["ota.example.com"],
        ["*.example.com"],
        ["builds.example.org"],
    ]
    assert [args(block, "ssl_certificate") for block in hosts] == [
        [["/etc/ssl/rsa.pem"], ["/etc/ssl/ecdsa.pem"]],
        [["/etc/ssl/wild.pem"]],
        [["/etc/ssl/org.pem"]],
    ]
    names = [next(one["args"] for one in every(block) if one["args"][:1] == ["$ssl_server_name"]) for block in hosts]
    assert [words[1] for words in names] == ["!~*"] * 3
    taken = [one["args"][2] for one in every(hosts[1]) if one["args"][:2] == ["$ssl_server_name", "~*"]]
    assert len(taken) == 1
    assert "ota" in taken[0]
    assert [any("default_server" in words for words in args(block, "listen")) for block in hosts] == [
        version == "debian11",
        False,
        False,
    ]


def test_the_optional_keys_stand_where_they_count() -> None:
    folders = {one["args"][1]: one["block"] for one in every(tree(text(FEATURES, "debian13"))) if folder(one)}
    assert set(folders) == {"/", "/staff/"}
    for block in folders.values():
        own = {one["directive"] for one in block}
        assert {"auth_basic", "auth_basic_user_file", "limit_req", "limit_req_status"} <= own
        for_installers = [one["block"] for one in block if one["directive"] == "location" and one["args"][0] == "~*"]
        assert [args(inner, "auth_basic") for inner in for_installers] == [[["off"]], [["off"]]]
        assert [args(inner, "set")[0] for inner in for_installers] == [["$ota_proxy_counted", ""]] * 2
        assert ["401", "403", "404", "405", "429", "502", "/ota-proxy-errors-ota_example_com/$status.html"] in args(
            block, "error_page"
        )
        assert sum(line[0].startswith("Access-Control-") for line in args(block, "add_header")) == 5
    wanted = ["$ssl_client_verify", "!=", "SUCCESS"]
    assert [wanted in [one["args"] for one in every(block)] for block in folders.values()] == [False, True]
    assert args(tree(text(FEATURES, "debian13")), "ssl_verify_client") == [["optional"]]
    assert sum("quic" in words for words in args(tree(text(FEATURES, "debian13")), "listen")) == 4
    (zone,) = args(tree(text(FEATURES, "debian13")), "limit_req_zone")
    assert zone == ["$ota_proxy_counted", "zone=ota_proxy_pages_ota_example_com:10m", "rate=20r/s"]


def test_a_proxy_protocol_is_believed_of_the_balancer_alone() -> None:
    config = tree(text(BALANCED, "debian12"))
    (peers,) = (one for one in every(config) if one["directive"] == "geo")
    assert {row["directive"]: row["args"][0] for row in peers["block"]} == {
        "default": "unknown",
        "127.0.0.1/32": "trusted",
        "10.0.0.0/8": "trusted",
    }
    assert ["proxy_protocol"] in args(config, "real_ip_header")
    assert ["$ota_proxy_peer_ota_example_com", "=", "unknown"] in args(config, "if")
