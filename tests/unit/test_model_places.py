from __future__ import annotations

import pytest

from ota_proxy.site import Upstream
from ota_proxy.site.names import covers
from ota_proxy.site.values import parse_upstream
from tests.support.sites import proxied, refusal, site


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("OTA.Example.COM", "ota.example.com"),
        ("ota.example.com.", "ota.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("日本語。jp", "xn--wgv71a119e.jp"),
        ("localhost", "localhost"),
    ],
)
def test_a_name_is_kept_in_its_ascii_lower_case_form(given_: str, kept: str) -> None:
    assert site(domains=[given_]).domain == kept


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "is not a host name"),
        ("a..b", "is not a host name"),
        ("-a.example", "is not a host name"),
        ("a_b.example", "is not a host name"),
        ("a b.example", "is not a host name"),
        ("*", "is not a host name"),
        ("a.*.example", "is not a host name"),
        ("https://a.example", "is not a host name"),
        ("a" * 64 + ".example", "is not a host name"),
        (".".join(["abcdefgh"] * 30), "is not a host name"),
        ("192.0.2.1", "is an address"),
        ("\u00ad", "is not a"),
        ("a\u0338.example.\u2260", "is not a valid international name"),
        ("*.com", "would cover a whole top-level domain"),
    ],
)
def test_what_is_no_host_name_is_refused_with_the_reason(name: str, sentence: str) -> None:
    assert sentence in refusal(domains=["ota.example.com", name])


def test_the_first_domain_is_no_wildcard() -> None:
    assert "is canonical and cannot be a wildcard; put a plain name before it" in refusal(domains=["*.example.com"])
    assert site(domains=["ota.example.com", "*.example.com"]).domains[1] == "*.example.com"


@pytest.mark.parametrize(
    ("pattern", "host", "answer"),
    [
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("a.example.com", "a.example.com", True),
        ("a.example.com", "b.example.com", False),
    ],
)
def test_a_wildcard_covers_one_label(pattern: str, host: str, *, answer: bool) -> None:
    assert covers(pattern, host) is answer


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://ota.example.com", "must start with https://"),
        ("ota.example.com", "must start with https://"),
        ("https://ota.example.com/app", "must be scheme, host and port only"),
        ("https://ota.example.com?x", "must be scheme, host and port only"),
        ("https://ota.example.com#x", "must be scheme, host and port only"),
        ("https://me@ota.example.com", "must be scheme, host and port only"),
        ("https://ota.example.com:0", "has port 0"),
        ("https://ota.example.com:65536", "cannot be read"),
        ("https://ota.example.com:x", "cannot be read"),
        ("https://[::1", "cannot be read"),
        ("https://", "is not a host name"),
        ("https://other.example.org", "public_url has the host other.example.org, which is not among domains"),
    ],
)
def test_a_public_url_is_https_host_and_port_of_this_site(url: str, sentence: str) -> None:
    assert sentence in refusal(public_url=url)


def test_the_public_urls_port_is_the_listening_port_unless_listen_says_otherwise() -> None:
    seen = site(public_url="https://OTA.example.com:8443/")
    assert (seen.base_url, seen.public_port, seen.https_port) == ("https://ota.example.com:8443", 8443, 8443)
    assert site(public_url="https://ota.example.com:8443", listen={"https": 443}).https_port == 443
    assert site(public_url="https://ota.example.com:443").base_url == "https://ota.example.com"


@pytest.mark.parametrize("port", [0, -1, 65536, "80", 80.5, True])
@pytest.mark.parametrize("field", ["http", "https"])
def test_a_port_is_a_whole_number_from_1_to_65535(field: str, port: object) -> None:
    assert refusal(listen={field: port})


def test_the_http_listener_can_be_switched_off_and_only_off() -> None:
    assert site(listen={"http": False}).listen.http is False
    assert "true has no meaning here" in refusal(listen={"http": True})


def test_one_port_is_not_both_listeners() -> None:
    assert "port 80 cannot be both listen.http and the TLS port" in refusal(listen={"https": 80})
    assert "port 8443 cannot be both" in refusal(public_url="https://ota.example.com:8443", listen={"http": 8443})


def test_a_server_listens_on_single_addresses() -> None:
    assert site(listen={"addresses": ["127.0.0.1", "::1"]}).listen.hosts == ("127.0.0.1", "::1")
    assert "has the network 10.0.0.0/8; a server listens on single addresses" in refusal(
        listen={"addresses": ["10.0.0.0/8"]}
    )


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.256", "10", "", "ota.example.com", "010.0.0.1", "10.0.0.0/33"])
def test_what_is_no_network_is_refused(text: str) -> None:
    assert f"'{text}' is not an address or network" in refusal(access={"deny": [text]})


@pytest.mark.parametrize(
    ("mapped", "plain"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:a00:0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/90", "::/90"),
        ("2001:db8::/32", "2001:db8::/32"),
    ],
)
def test_an_ipv4_address_in_ipv6_spelling_is_the_ipv4_address(mapped: str, plain: str) -> None:
    assert site(access={"allow": [mapped]}).access.allow == (plain,)


def test_a_network_with_host_bits_names_the_network_it_is_in() -> None:
    assert "did you mean 10.0.0.0/8?" in refusal(trusted_proxies=["10.0.0.1/8"])
    assert "did you mean" not in refusal(trusted_proxies=["10.0.0.256"])


@pytest.mark.parametrize("host", ["256.1.1.1", "10.0.0", "127.1", "0x7f000001", "app.0x1"])
def test_a_host_that_ends_in_a_number_is_an_address_or_refused(host: str) -> None:
    wrong = f"'{host}' ends in a number and is not an address"
    assert wrong in refusal(locations=[{"path": "/", "upstream": f"http://{host}:80"}])
    assert wrong in refusal(cors={"origins": [f"https://{host}"]})


@pytest.mark.parametrize("world", ["0.0.0.0/0", "::/0", "::ffff:0:0/96"])
def test_the_whole_world_is_never_trusted_but_may_be_refused(world: str) -> None:
    assert f"'{world}' would trust every address" in refusal(trusted_proxies=[world])
    assert site(access={"deny": [world]}).access.deny[0].endswith("/0")


@pytest.mark.parametrize("path", ["", "ota/", "/ota", "//", "/a//b/", "/../", "/a/./", "/%2e%2E/", " /a/", "/a/ "])
def test_a_location_path_goes_from_slash_to_slash(path: str) -> None:
    assert f"the location path '{path}' must start and end with '/'" in refusal(
        locations=[{"path": path, "root": "/srv"}]
    )


@pytest.mark.parametrize(
    ("path", "kept", "url"),
    [
        ("/ota/", "/ota/", "/ota/"),
        ("/a b/", "/a b/", "/a%20b/"),
        ("/a%20b/", "/a b/", "/a%20b/"),
        ("/\u00fc/", "/\u00fc/", "/%C3%BC/"),
        ("/u\u0308/", "/\u00fc/", "/%C3%BC/"),
        ("/u%CC%88/", "/\u00fc/", "/%C3%BC/"),
        ("/%c3%bc/", "/\u00fc/", "/%C3%BC/"),
        ("/it's (1)/", "/it's (1)/", "/it%27s%20%281%29/"),
        ("/a+b&c;$d/", "/a+b&c;$d/", "/a+b%26c%3B%24d/"),
        ("/\u65e5\u672c/\U0001f34f/", "/\u65e5\u672c/\U0001f34f/", "/%E6%97%A5%E6%9C%AC/%F0%9F%8D%8F/"),
    ],
)
def test_a_location_path_is_kept_decoded_and_composed_and_stands_encoded_in_a_url(
    path: str, kept: str, url: str
) -> None:
    location = site(locations=[{"path": path, "root": "/srv"}]).locations[0]
    assert (location.path, location.url_path) == (kept, url)
    assert site(locations=[{"path": url, "root": "/srv"}]).locations[0].path == kept


@pytest.mark.parametrize("char", [*'"#%<>?[\\]^`{|}', "\u00a0", "\u200b", "\u202e", "\ue000", "\u3000"])
def test_what_no_prefix_can_have_is_named(char: str) -> None:
    for text in {f"/a{char}b/", "/a" + "".join(f"%{byte:02x}" for byte in char.encode()) + "b/"}:
        said = refusal(locations=[{"path": text, "root": "/srv"}])
        assert "which no prefix can have" in said or "has a '%' without two hexadecimal digits" in said


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/a%2Fb/", "an encoded slash"),
        ("/a%/", "without two hexadecimal digits"),
        ("/%zz/", "without two hexadecimal digits"),
        ("/%FC/", "is not UTF-8"),
        ("/%00/", "U+0000"),
        ("/a%0Ab/", "U+000A"),
        ("/\ufeff/", "U+FEFF"),
    ],
)
def test_a_location_path_that_decodes_to_no_text_is_refused_with_the_reason(path: str, sentence: str) -> None:
    assert sentence in refusal(locations=[{"path": path, "root": "/srv"}])


def test_two_spellings_of_one_prefix_are_one_prefix() -> None:
    spelled = [{"path": path, "root": "/srv"} for path in ("/\u00fc b/", "/u%cc%88%20b/")]
    assert "locations has /\u00fc b/ twice" in refusal(locations=spelled)


@pytest.mark.parametrize("location", [{}, {"root": "/srv", "upstream": "http://a:1"}])
def test_a_location_has_exactly_one_source(location: dict[str, str]) -> None:
    assert "the location /a/ needs exactly one of root" in refusal(locations=[{"path": "/a/", **location}])


@pytest.mark.parametrize("extra", [{"upstream_ca": "/ca.pem"}, {"upstream_name": "app.example"}])
@pytest.mark.parametrize("upstream", ["http://a:1", "unix:/run/a.sock"])
def test_only_an_https_upstream_is_verified(upstream: str, extra: dict[str, str]) -> None:
    assert "but its upstream is not https" in refusal(**proxied(upstream, **extra))
    assert site(**proxied("https://a:1", **extra))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://127.0.0.1:8080", Upstream("http", "127.0.0.1", 8080)),
        ("http://App", Upstream("http", "app", 80)),
        ("https://app", Upstream("https", "app", 443)),
        ("https://[2001:DB8::1]:8443", Upstream("https", "2001:db8::1", 8443)),
        ("http://bücher.example:1", Upstream("http", "xn--bcher-kva.example", 1)),
        ("unix:/run/app.sock", Upstream("unix", path="/run/app.sock")),
        ("unix:///run/app.sock", Upstream("unix", path="/run/app.sock")),
    ],
)
def test_an_upstream_is_read_in_parts_and_written_back(text: str, parts: Upstream) -> None:
    assert parse_upstream(text) == parts
    assert parse_upstream(str(parts)) == parts
    assert site(**proxied(text)).locations[0].target == parts


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("http://a:1/", "has a path or query: it gets the device's path unchanged"),
        ("http://a:1/app", "has a path or query"),
        ("http://a:1?", "has a path or query"),
        ("http://a:1#", "has a path or query"),
        ("ftp://a:1", "must be http://host:port, https://host:port or unix:/path.sock"),
        ("a:8080", "must be http://host:port"),
        ("127.0.0.1:8080", "must be http://host:port"),
        ("", "must be http://host:port"),
        ("http://a:0", "has port 0"),
        ("http://a:70000", "cannot be read"),
        ("http://[::1", "cannot be read"),
        ("http://:80", "is not a host name"),
        ("http://a_b:80", "is not a host name"),
        ("http://me:secret@a:80", "must not carry a user or password"),
        ("http://[fe80::1%eth0]:80", "zone"),
        ("unix:run/app.sock", "is not absolute"),
        ("unix:/run/app:1.sock", "a socket path has no ':'"),
        ("unix:C:\\app.sock", "a socket path has no ':'"),
        ("unix:/run/../app.sock", "has a '..' step"),
    ],
)
def test_an_upstream_that_cannot_be_meant_is_refused_with_the_reason(text: str, sentence: str) -> None:
    assert sentence in refusal(**proxied(text))


@pytest.mark.parametrize(
    "value",
    [
        "http://a:1 http://b:2",
        "http://a:1,http://b:2",
        "http://a:1, b:2",
        "http://a:1;b:2",
        "a:1 b:2",
        "unix:/a.sock unix:/b.sock",
        ["http://a:1", "http://b:2"],
        [],
    ],
)
def test_several_upstreams_are_refused_with_what_to_do(value: object) -> None:
    said = refusal(**proxied(value))  # type: ignore[arg-type] # what somebody may write
    assert "looks like several, and a location has one: name a load balancer in front of them" in said


def test_a_socket_with_a_blank_in_its_path_is_one_upstream() -> None:
    assert site(**proxied("unix:/run/ota app,1.sock")).locations[0].upstream == "unix:/run/ota app,1.sock"


def test_a_refused_upstream_does_not_repeat_the_password() -> None:
    assert "secret" not in refusal(**proxied("http://me:secret@a:80"))
    assert "secret" not in refusal(**proxied("http://me:secret@a:80,http://b"))


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("srv/ota", "is not absolute"),
        ("", "is not absolute"),
        ("~/ota", "is not absolute"),
        ("C:ota", "is not absolute"),
        ("/srv/../etc", "has a '..' step"),
        ("C:\\a\\..\\b", "has a '..' step"),
        ("/srv/a;b", "has a ';'"),
    ],
)
def test_a_path_is_absolute_and_says_where_it_leads(path: str, sentence: str) -> None:
    assert sentence in refusal(locations=[{"path": "/", "root": path}])


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("/srv/ota/", "/srv/ota"),
        ("/", "/"),
        ("//", "/"),
        ("C:\\", "C:\\"),
        ("C:\\ota\\", "C:\\ota"),
        ("C:/ota/", "C:/ota"),
    ],
)
def test_a_path_has_no_separator_at_its_end(given_: str, kept: str) -> None:
    assert site(locations=[{"path": "/", "root": given_}]).locations[0].root == kept
