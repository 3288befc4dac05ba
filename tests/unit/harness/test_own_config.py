"""A person's file is a main file when its directives say so, and findings are shown in the person's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.commands.verify import at_source
from ota_proxy.harness.own_config import own_config
from ota_proxy.policy.capabilities import resolve
from ota_proxy.report.report import TargetReport
from ota_proxy.report.view import excerpt
from tests.support.report_samples import outcome


@pytest.mark.parametrize(
    ("server", "text", "main"),
    [
        ("nginx", "events {} http {}", True),
        ("nginx", "worker_processes 1; events\n{\n}\n", True),
        ("nginx", "# in the http { block: worker_connections in events {\nserver { listen 80; }\n", False),
        ("nginx", "map $http_host $x {\n    default 1;\n}\n", False),
        ("apache", 'ServerRoot "/etc/apache2"\n', True),
        ("apache", "  loadmodule ssl_module mod_ssl.so\n", True),
        ("apache", "# needs LoadModule ssl_module\n<VirtualHost *:443>\n</VirtualHost>\n", False),
    ],
)
def test_only_directives_make_a_file_the_one_that_the_server_starts_with(
    server: str,
    text: str,
    main: bool,
    tmp_path: Path,
) -> None:
    file = tmp_path / "own.conf"
    file.write_text(text, encoding="utf-8")
    caps = resolve(server, "latest")
    (place,) = own_config(file, server).texts(caps)
    names = {"nginx": ("nginx.conf", "ota-proxy.conf"), "apache": ("apache2.conf", "ota-proxy.conf")}[server]
    assert (Path(place).name == names[0] or Path(place).name == "httpd.conf") is main, place


def reported(file: str, line: int, config: dict[str, str]) -> TargetReport:
    found = outcome("OTA615", subject="nginx -t", message="refused", file=file, line=line)
    return TargetReport("https://x/", "nginx", "1.26.3", "docker", None, (found,), config=config)


def test_a_finding_in_a_single_file_names_the_persons_own(tmp_path: Path) -> None:
    file, caps = tmp_path / "site.conf", resolve("nginx", "latest")
    file.write_text("server {\n foo;\n}\n", encoding="utf-8")
    own = own_config(file, "nginx")
    ((place, text),) = own.texts(caps).items()
    report = at_source(reported(place, 2, {place: text}), own, caps)
    assert (report.outcomes[0].file, report.outcomes[0].line) == (str(file), 2)
    assert "foo" in excerpt(report.outcomes[0], report.config)[1][1]


def test_a_finding_in_a_tree_names_its_file_there_and_shows_its_line(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "nginx.conf").write_text("events {}\nhttp { include conf.d/*; }\n", encoding="utf-8")
    (tmp_path / "conf.d" / "a.conf").write_text("server {\n foo;\n}\n", encoding="utf-8")
    own, caps = own_config(tmp_path, "nginx"), resolve("nginx", "latest")
    folder = caps.layout.folder
    report = at_source(reported(f"{folder}/conf.d/a.conf", 2, dict(own.texts(caps))), own, caps)
    assert report.outcomes[0].file == str(tmp_path / "conf.d" / "a.conf")
    assert "foo" in excerpt(report.outcomes[0], report.config)[1][1]


@pytest.mark.parametrize("place", ["/etc/nginx/mime.types", "/usr/share/nginx/x.conf", ""])
def test_a_file_of_the_server_keeps_its_name(place: str, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("events {}\n", encoding="utf-8")
    own, caps = own_config(tmp_path, "nginx"), resolve("nginx", "latest")
    assert at_source(reported(place, 2, {}), own, caps).outcomes[0].file == place


def test_a_rendered_configuration_keeps_the_place_it_has_on_the_server() -> None:
    report = reported("/etc/nginx/conf.d/ota-proxy.conf", 2, {})
    assert at_source(report, None, resolve("nginx", "latest")) is report


@pytest.mark.parametrize(
    ("said", "missed"),
    [
        ('[emerg] cannot load certificate "/etc/ssl/a.pem": BIO_new_file() failed (No such file)', ["/etc/ssl/a.pem"]),
        ('open() "/etc/nginx/x.conf" failed (2: No such file or directory) in a.conf:3', ["/etc/nginx/x.conf"]),
        ("SSLCertificateFile: file '/etc/ssl/a.pem' does not exist or is empty", ["/etc/ssl/a.pem"]),
        ('unknown directive "rooot" in /etc/nginx/nginx.conf:3', []),
    ],
)
def test_a_file_that_the_server_missed_is_named_with_the_flags_that_would_bring_it(
    said: str, missed: list[str], tmp_path: Path
) -> None:
    (tmp_path / "nginx.conf").write_text("events {}\n", encoding="utf-8")
    own, caps = own_config(tmp_path, "nginx"), resolve("nginx", "latest")
    found = outcome("OTA615", subject="nginx -t", message="refused", evidence=said)
    report = at_source(TargetReport("https://x/", "nginx", "1.26.3", "docker", None, (found,)), own, caps)
    assert [note.partition(" does not exist: --cert, --key and --root")[0] for note in report.notes] == missed
