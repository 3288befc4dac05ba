"""A person's file is a main file when its directives say so, whatever its comments speak of."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.harness.own_config import own_config
from ota_proxy.policy.capabilities import resolve


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
