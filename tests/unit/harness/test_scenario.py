from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import crossplane
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ota_proxy.apps.ipa import AppInfo, read_info
from ota_proxy.apps.manifest import parse_manifest
from ota_proxy.apps.package import build_package
from ota_proxy.apps.page_content import read_page
from ota_proxy.harness.authority import Authority
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.mock_upstreams import MOCK_ROOT, PLACEHOLDER, trusted_address
from ota_proxy.harness.scenario import Prepared, build_scenario, leaf_kinds
from ota_proxy.harness.served import Content
from ota_proxy.policy import capabilities
from ota_proxy.site import Site
from tests.container.plain_sites import proxied, site

AUTHORITY = Authority()
CAPS = capabilities.resolve("nginx", "debian12")
SMALL = Content(package=build_package(size=5000))


def prepare(chosen: Site, content: Content = SMALL, config: str = "# text\n") -> Prepared:
    return build_scenario(chosen, CAPS, config, AUTHORITY, content)


def files(prepared: Prepared) -> dict[str, TestFile]:
    return {file.path: file for file in prepared.scenario.files}


def test_certificate_and_key_stand_where_the_site_says_and_only_root_reads_the_key() -> None:
    placed = files(prepare(site()))
    assert placed["/etc/ssl/ota/leaf.pem"].mode == 0o644
    assert stat.S_IMODE(placed["/etc/ssl/private/leaf.key"].mode) == 0o600


def test_of_two_certificates_one_is_rsa_and_one_is_ecdsa() -> None:
    pairs = [{"cert": f"/c/{name}.pem", "key": f"/c/{name}.key"} for name in ("a-ecdsa", "b-rsa")]
    prepared = prepare(site(certificates=pairs))
    leaves = [x509.load_pem_x509_certificate(files(prepared)[pair["cert"]].data) for pair in pairs]
    assert [isinstance(leaf.public_key(), rsa.RSAPublicKey) for leaf in leaves] == [False, True]


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["universal"], ("ecdsa",)),
        (["leaf.rsa"], ("rsa",)),
        (["one", "two"], ("rsa", "ecdsa")),
        (["one", "two-rsa"], ("ecdsa", "rsa")),
    ],
)
def test_the_kind_of_a_leaf_follows_its_file_name(names: list[str], kinds: tuple[str, ...]) -> None:
    pairs = [{"cert": f"/c/{name}.pem", "key": f"/c/{name}.key"} for name in names]
    assert leaf_kinds(site(certificates=pairs)) == kinds


def test_each_location_has_page_manifests_packages_and_images_that_belong_together() -> None:
    prepared = prepare(site(locations=[{"path": "/", "root": "/srv/a"}, {"path": "/b/", "root": "/srv/b c"}]))
    placed = files(prepared)
    for base, root in (("https://ota.example.com:8443/", "/srv/a/"), ("https://ota.example.com:8443/b/", "/srv/b c/")):
        page = read_page(placed[root + "index.html"].data, base)
        assert [link.manifest_url for link in page.links] == [base + "app.plist"]
        urls = [asset.url for asset in parse_manifest(placed[root + "app.plist"].data).assets]
        assert urls == [base + name for name in ("App.ipa", "icon57.png", "icon512.png")]
        for name in ("App.ipa", "My App.ipa", "App+Debug.ipa", "icon57.png", "icon512.png", "app.css"):
            assert placed[root + name].data
    assert prepared.manifest_urls == tuple(f"https://ota.example.com:8443{path}app.plist" for path in ("/", "/b/"))


def test_odd_file_names_are_encoded_in_their_manifests() -> None:
    prepared = prepare(site())
    packages = [parse_manifest(prepared.expected[url]).assets[0].url for url in prepared.odd_manifest_urls]
    assert [url.rpartition("/")[2] for url in packages] == ["My%20App.ipa", "App+Debug.ipa"]


def test_the_manifest_names_the_users_own_app() -> None:
    app = AppInfo("org.example.own", "Own app", "9.1", "3", "16.0", "iPhoneOS", "Own", "Own")
    package = build_package(app, size=5000)
    prepared = prepare(site(), Content(app=read_info(package), package=package))
    assert parse_manifest(prepared.expected[prepared.manifest_urls[0]]).metadata["bundle-identifier"] == app.bundle_id
    assert files(prepared)["/srv/my ota/App.ipa"].data == package


def test_a_test_may_replace_any_file() -> None:
    page = TestFile("/srv/my ota/index.html", b"<h1>mine</h1>")
    prepared = prepare(site(), Content(package=b"PK", manifest=b"<html>", extra=(page,)))
    placed = files(prepared)
    assert [placed["/srv/my ota/" + name].data for name in ("App.ipa", "app.plist", "index.html")] == [
        b"PK",
        b"<html>",
        page.data,
    ]
    assert len(prepared.scenario.files) == len(placed)


def test_the_acme_challenge_stands_in_its_folder() -> None:
    placed = files(prepare(site(redirect={"acme_root": "/srv/acme"})))
    assert any(path.startswith("/srv/acme/.well-known/acme-challenge/") for path in placed)


def test_a_text_goes_to_the_file_of_the_servers_layout() -> None:
    assert prepare(site()).scenario.config == {"/etc/nginx/conf.d/ota-proxy.conf": "# text\n"}
    assert CAPS.layout.place("full") == "/etc/nginx/nginx.conf"


def parsed(text: str, tmp: Path) -> list[Any]:
    path = tmp / "mock.conf"
    path.write_text(text)
    result = crossplane.parse(str(path), single=True)
    assert result["status"] == "ok"
    return list(result["config"][0]["parsed"])


def directives(block: list[Any], name: str) -> list[list[str]]:
    found = [item["args"] for item in block if item["directive"] == name]
    return found + [args for item in block for args in directives(item.get("block", []), name)]


@pytest.mark.parametrize(
    ("upstream", "listens", "hosts", "addresses"),
    [
        ("http://127.0.0.1:8080", ["127.0.0.1:8080"], (), ()),
        ("http://app:3000", ["127.0.0.1:3000"], ("app",), ()),
        ("http://10.1.2.3:3000", ["10.1.2.3:3000"], (), ("10.1.2.3",)),
        ("http://[::1]:3000", ["[::1]:3000"], (), ()),
        ("https://app.internal", ["127.0.0.1:443", "ssl"], ("app.internal",), ()),
        ("unix:/run/my app.sock", ["unix:/run/my app.sock"], (), ()),
    ],
)
def test_an_application_listens_where_the_site_says(
    upstream: str, listens: list[str], hosts: tuple[str, ...], addresses: tuple[str, ...], tmp_path: Path
) -> None:
    scenario = prepare(proxied(upstream)).scenario
    assert directives(parsed(scenario.upstream, tmp_path), "listen") == [listens]
    assert (scenario.hosts, scenario.addresses) == (hosts, addresses)


def test_locations_that_share_an_application_share_its_server(tmp_path: Path) -> None:
    places = [{"path": path, "upstream": "http://127.0.0.1:8080"} for path in ("/a/", "/b/")]
    upstream = prepare(site(locations=places)).scenario.upstream
    block = parsed(upstream, tmp_path)
    assert len(directives(block, "listen")) == 1
    assert [args for args in directives(block, "location") if len(args) == 1] == [["/a/"], ["/b/"]]


def test_an_applications_manifest_takes_its_urls_from_the_forwarded_headers(tmp_path: Path) -> None:
    app = AppInfo("org.example.own", 'A "quoted" $dollar title', "9.1", "3", "16.0", "iPhoneOS", "Own", "Own")
    upstream = prepare(proxied("http://127.0.0.1:8080"), Content(app=app, package=b"PK")).scenario.upstream
    sets = directives(parsed(upstream, tmp_path), "set")
    text = "".join(value for _, value in sets)
    assert "${ota_scheme}://${ota_host}${ota_port}/ota/App.ipa" in text
    assert 'A "quoted" &#36;dollar title' in text
    assert PLACEHOLDER not in upstream
    assert all(len(value) < 4096 for _, value in sets)


def test_an_https_application_has_a_certificate_for_its_name_and_the_server_the_authority() -> None:
    chosen = proxied("https://10.1.2.3:9443", location={"upstream_ca": "/etc/ca.pem", "upstream_name": "app.internal"})
    prepared = prepare(chosen)
    mocks = {file.path: file.data for file in prepared.scenario.upstream_files}
    leaf = x509.load_pem_x509_certificate(mocks[f"{MOCK_ROOT}/app0.crt"])
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["app.internal"]
    assert files(prepared)["/etc/ca.pem"].data == AUTHORITY.ca_pem


def test_without_a_ca_file_the_systems_bundle_vouches_for_the_application() -> None:
    assert (
        files(prepare(proxied("https://app.internal")))["/etc/ssl/certs/ca-certificates.crt"].data == AUTHORITY.ca_pem
    )


def offloaded(**changes: Any) -> Site:  # noqa: ANN401 - the model checks
    base = {
        "certificates": [],
        "tls": {"offloaded": True},
        "trusted_proxies": ["10.9.0.0/16"],
        "listen": {"http": 8080},
    }
    return site(**{**base, **changes})


def test_the_tls_proxy_connects_from_a_trusted_address_and_says_what_it_was_asked(tmp_path: Path) -> None:
    scenario = prepare(offloaded()).scenario
    block = parsed(scenario.tls_proxy, tmp_path)
    assert scenario.addresses == ("10.9.0.1",)
    assert {tuple(args) for args in directives(block, "proxy_bind")} == {("10.9.0.1",)}
    assert {tuple(args) for args in directives(block, "proxy_pass")} == {("http://127.0.0.1:8080",)}
    headers = dict(args for args in directives(block, "proxy_set_header") if args[0] != "X-Forwarded-Proto")
    assert {"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port"} <= headers.keys()
    assert [args[1] for args in directives(block, "proxy_set_header") if args[0] == "X-Forwarded-Proto"] == [
        "https",
        "http",
    ]


def test_the_tls_proxy_leaves_port_80_to_a_site_that_listens_there(tmp_path: Path) -> None:
    block = parsed(prepare(offloaded(listen={"http": 80})).scenario.tls_proxy, tmp_path)
    assert {args[0] for args in directives(block, "listen")} == {"0.0.0.0:8443"}


def test_the_tls_proxy_of_a_site_that_trusts_loopback_connects_from_there() -> None:
    assert trusted_address(offloaded(trusted_proxies=["10.0.0.0/8", "127.0.0.0/8"])) == "127.0.0.1"


def test_a_site_that_ends_tls_itself_has_no_tls_proxy_and_no_application() -> None:
    scenario = prepare(site()).scenario
    assert (scenario.tls_proxy, scenario.upstream, scenario.upstream_files) == ("", "", ())
