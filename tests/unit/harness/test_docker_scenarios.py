"""Pure parts of the docker engine: what is awaited, how a scenario is reached, what an image says, why a server refused."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from ota_proxy.errors import EXIT_FINDINGS, NoVerdictError
from ota_proxy.harness.docker import images, stage
from ota_proxy.harness.docker.container import Job, Lifeline, script
from ota_proxy.harness.docker.serving import error_log, job, listening, mock_job
from ota_proxy.harness.engine import Scenario, TestFile, refused
from ota_proxy.policy import capabilities
from ota_proxy.site import Certificate, Listen, Location, Log, Site, Tls

TLS_PROXY = "http { server { listen 0.0.0.0:443 ssl; } server { listen 80; } }"


def site(**changes: object) -> Site:
    certificate = Certificate(cert="/etc/ssl/ota.pem", key="/etc/ssl/ota.key")
    location = Location(path="/", root="/srv/ota")
    plain = Site(domains=("ota.example.com",), locations=(location,), certificates=(certificate,))
    return plain.model_copy(update=changes)


def scenario(wanted: Site, server: str = "nginx", tls_proxy: str = "", addresses: tuple[str, ...] = ()) -> Scenario:
    caps = capabilities.resolve(server, layout="debian")
    return Scenario(server, wanted, caps, {caps.layout.site: ""}, (), tls_proxy=tls_proxy, addresses=addresses)


def published(*ports: int) -> dict[int, int]:
    return {port: 40000 + port for port in ports}


def test_the_tls_port_and_port_80_of_every_plain_name_are_reached_on_loopback() -> None:
    found = stage.resolve(
        scenario(site(domains=("ota.example.com", "*.example.com", "b.example.com"))), published(80, 443)
    )
    assert found == {
        (host, port): ("127.0.0.1", 40000 + port) for host in ("ota.example.com", "b.example.com") for port in (80, 443)
    }


def test_a_public_port_that_is_not_the_listening_port_is_mapped_to_it() -> None:
    wanted = site(public_url="https://ota.example.com:9443", listen=Listen(http=8080, https=8443))
    found = stage.resolve(scenario(wanted), published(8080, 8443))
    ports = {port: target[1] - 40000 for (_, port), target in found.items()}
    assert ports == {9443: 8443, 80: 8080, 8080: 8080}


def test_a_tls_proxy_is_what_the_public_ports_lead_to() -> None:
    wanted = site(certificates=(), tls=Tls(offloaded=True), listen=Listen(http=8080), trusted_proxies=("127.0.0.1/32",))
    found = stage.resolve(scenario(wanted, tls_proxy=TLS_PROXY), published(8080, 443, 80))
    ports = {port: target[1] - 40000 for (_, port), target in found.items()}
    assert ports == {443: 443, 80: 80, 8080: 8080}


def test_the_host_of_a_public_url_that_only_a_wildcard_covers_is_reached_too() -> None:
    wanted = site(domains=("ota.example.com", "*.ota.example.com"), public_url="https://a.ota.example.com")
    assert ("a.ota.example.com", 443) in stage.resolve(scenario(wanted), published(80, 443))


def test_by_hand_names_every_container_and_what_the_enclosing_configuration_got() -> None:
    told = stage.endpoint_of(
        scenario(site()), published(80, 443), ["a-site", "a-tls-proxy"], "The enclosing configuration has more."
    ).by_hand
    assert "docker rm -f a-site a-tls-proxy" in told.splitlines()
    assert told.splitlines()[-1] == "# The enclosing configuration has more."


@pytest.mark.parametrize(
    ("text", "included", "awaited"),
    [
        ("listen 443 ssl;", "", "listens 01BB"),
        ("listen 80; listen 443 ssl;", "", "listens 0050 && listens 01BB"),
        ("include sites/*;", "server { listen [::]:443 ssl; }", "listens 01BB"),
        ("include elsewhere/*;", "", "listens 0050 && listens 01BB"),
        ("listen 8443 ssl; listen 4430;", "", "listens 0050 && listens 01BB"),
    ],
)
def test_only_ports_that_a_configuration_names_are_awaited_and_all_where_it_names_none(
    text: str, included: str, awaited: str
) -> None:
    wanted = scenario(site())
    folder = wanted.caps.layout.folder
    files = (TestFile(f"{folder}/sites/ota", included.encode()), TestFile("/srv/ota/App.ipa", b"80 443"))
    own = dataclasses.replace(wanted, config={f"{folder}/nginx.conf": text}, files=files)
    assert f"up() {{ {awaited} && true; }}" in script(job(own))


@pytest.mark.parametrize(
    ("text", "ports", "sockets"),
    [
        ("listen 80;", [80], []),
        ("server{listen 443 ssl;listen [::]:443 ssl;}", [443], []),
        ("  listen 127.0.0.1:8081 ssl http2;\n# listen 9;\n", [8081], []),
        ('server { listen "unix:/run/a b/x.sock"; }', [], ["/run/a b/x.sock"]),
        ("listen unix:/run/x.sock;\nlisten 0.0.0.0:81;", [81], ["/run/x.sock"]),
    ],
)
def test_what_a_mock_server_listens_on_is_read_from_its_configuration(
    text: str, ports: list[int], sockets: list[str]
) -> None:
    assert listening(text) == (ports, sockets)


def test_a_configuration_with_its_own_daemon_directive_is_not_given_a_second_one() -> None:
    assert "daemon off" not in mock_job("/x.conf", "daemon off; events {}").serve
    assert "daemon off" in mock_job("/x.conf", "# daemon off;\nevents {}").serve


def test_the_ports_of_an_offloaded_site_are_its_plain_listener() -> None:
    assert list(job(scenario(site(certificates=(), tls=Tls(offloaded=True), listen=Listen(http=8080)))).ports) == [8080]
    assert list(job(scenario(site(listen=Listen(http=False)))).ports) == [443]


def test_folders_of_logs_roots_and_challenges_are_made() -> None:
    wanted = site(log=Log(access="/var/log/ota/access.log", error="/var/log/ota2/error.log"))
    made = list(job(scenario(wanted, "apache")).folders)
    assert made == ["/var/log/ota", "/var/log/ota2", "/srv/ota", wanted.redirect.acme_root]
    assert error_log(scenario(wanted, "apache")) == "/var/log/ota2/error.log"


def test_extra_addresses_get_their_full_length_and_ipv6_is_switched_on_for_them() -> None:
    wanted = scenario(site(), addresses=("192.0.2.7", "2001:db8::7"))
    assert stage.network_commands(wanted) == [
        "ip address add 192.0.2.7/32 dev lo",
        "ip address add 2001:db8::7/128 dev lo",
    ]
    assert stage.network_sysctls(wanted) == {"net.ipv6.conf.all.disable_ipv6": "0"}


def test_docker_s_network_is_left_alone_where_it_will_do() -> None:
    assert stage.network_commands(scenario(site())) == []
    assert stage.network_sysctls(scenario(site())) == {}


def test_a_site_that_listens_on_ipv6_only_is_no_verdict() -> None:
    with pytest.raises(NoVerdictError, match="IPv6 addresses only"):
        stage.network_commands(scenario(site(listen=Listen(addresses=("2001:db8::7/128",)))))


DEBIAN = """nginx=nginx version: nginx/1.22.1
nginx_tls=OpenSSL 3.0.22
apache=Server version: Apache/2.4.71 (Debian)
apache_tls=OpenSSL 3.0.22
debian_nginx=yes
debian_apache=yes
official_apache=
rhel=
end=yes
"""


def test_what_an_image_says_is_looked_up_in_the_capability_table() -> None:
    facts = images.read_facts("an/image:1", DEBIAN)
    caps = facts.capabilities("apache")
    assert (caps.version, caps.tls_library) == ("2.4.71", "openssl-3.0.22")
    assert caps.layout.site == capabilities.resolve("apache", layout="debian").layout.site


def test_compressors_of_an_image_s_nginx_are_known_and_no_others_are_looked_for() -> None:
    assert images.read_facts("an/image:1", DEBIAN).capabilities("nginx").compressors_unknown == ()
    brotli = images.read_facts("an/image:1", DEBIAN.replace("end=", "nginx_compressors=brotli zstd \nend="))
    assert list(brotli.capabilities("nginx").compressors) == ["brotli", "zstd"]
    assert brotli.capabilities("apache").compressors == {}


def test_an_image_without_debian_s_folders_has_the_official_layout() -> None:
    text = DEBIAN.replace("debian_apache=yes", "debian_apache=").replace("debian_nginx=yes", "debian_nginx=")
    layout = images.read_facts("httpd:2.4", text).capabilities("apache").layout
    assert layout == capabilities.resolve("apache", layout="official").layout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nginx version: nginx/1.22.1", "", "has no nginx"),
        ("OpenSSL 3.0.22", "LibreSSL 3.9.2", "TLS library 'libressl-3.9.2' is not known"),
        ("1.22.1", "1.10.3", "older than"),
        ("end=yes", "", "cannot be looked into"),
    ],
)
def test_an_image_that_cannot_be_used_is_no_verdict_that_says_why(old: str, new: str, said: str) -> None:
    with pytest.raises(NoVerdictError, match=said):
        images.read_facts("an/image:1", DEBIAN.replace(old, new)).capabilities("nginx")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="no nginx on the PATH to look at")
def test_the_question_asked_of_an_image_is_answered_by_this_machine_too() -> None:
    done = subprocess.run(["/bin/sh", "-c", images.LOOK], capture_output=True, text=True, timeout=60, check=True)
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, timeout=30, check=True).stderr
    assert images.read_facts("this machine", done.stdout).versions["nginx"] in version


@pytest.mark.parametrize(
    ("server", "output", "place"),
    [
        (
            "nginx",
            'nginx: [emerg] unknown directive "x" in /etc/nginx/conf.d/a.conf:7\n',
            ("/etc/nginx/conf.d/a.conf", 7),
        ),
        (
            "apache",
            "AH00526: Syntax error on line 3 of /etc/apache2/sites-enabled/a.conf:\nInvalid command 'x'\n",
            ("/etc/apache2/sites-enabled/a.conf", 3),
        ),
        ("apache", "[x] [ssl:emerg] [pid 9] AH02565: Certificate and private key do not match\n", ("", 0)),
    ],
)
def test_a_refusal_is_a_finding_with_the_server_s_words_and_place(
    server: str, output: str, place: tuple[str, int]
) -> None:
    error = refused(server, output, started=False)
    assert (error.file, error.line) == place
    assert error.output == output
    assert error.exit_code == EXIT_FINDINGS
    assert output.splitlines()[0] in error.message


def run_by_hand(job: Job, *told: str) -> subprocess.CompletedProcess[str]:
    """Run PID 1's program as an ordinary process; `told` is its stdin, which then ends."""
    text = "".join(f"{word}\n" for word in told)
    return subprocess.run(
        ["/bin/sh", "-c", script(job)], input=text, capture_output=True, text=True, timeout=30, check=False
    )


def test_the_shell_ends_its_server_when_stdin_ends(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    done = run_by_hand(Job(f"echo $$ >{pid}; exec sleep 600", sockets=["/nowhere"]), "go")
    assert "ended 137" in done.stdout
    assert "up" not in done.stdout.split()


def test_the_shell_does_nothing_when_stdin_ends_before_go(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert run_by_hand(Job("true", prepare=f"touch {made}")).stdout == ""
    assert not made.exists()


def test_the_shell_does_not_serve_what_fails_its_test(tmp_path: Path) -> None:
    served = tmp_path / "served"
    done = run_by_hand(Job(f"touch {served}", test="{ echo refused; false; }"), "go")
    assert "tested 1" in done.stdout
    assert "refused" in done.stdout
    assert not served.exists()


def test_the_shell_keeps_its_server_when_told_so_and_shows_its_log_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "error log"
    log.write_text("the last words\n", encoding="utf-8")
    done = run_by_hand(Job("sleep 1; exit 3", logs=[str(log)]), "go", "keep")
    assert "kept" in done.stdout
    assert "ended 3" in done.stdout
    assert "the last words" in done.stdout


def test_a_lifeline_reads_docker_s_frames_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    line = Lifeline(ours)
    with theirs:
        for byte in frame("\nota-proxy-says testing\nsyn") + frame("tax is ok\n\nota-proxy-says tested 0\n"):
            theirs.sendall(bytes([byte]))
        assert line.wait_for("tested", seconds=10) == "tested"
        assert line.number("tested") == 0
        assert line.section("testing", "tested") == "syntax is ok"
        assert line.wait_for("up", seconds=0.05) == ""
        assert not line.ended
    assert line.wait_for("up", seconds=10) == ""
    assert line.ended
    line.close()


def frame(text: str) -> bytes:
    data = text.encode()
    return bytes([1, 0, 0, 0]) + len(data).to_bytes(4, "big") + data
