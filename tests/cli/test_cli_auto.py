"""The server of this machine: what `--server-version auto` reads, and what it says where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ota_proxy.errors import NoVerdictError
from ota_proxy.facts.host import HostFacts
from ota_proxy.harness import versions
from ota_proxy.harness.process import binaries
from ota_proxy.hosts import inspect
from ota_proxy.policy import server_values
from tests.support.command_line import Run

VERSION = "nginx version: nginx/1.26.3\nbuilt with OpenSSL 3.5.0 8 Apr 2025 (running with OpenSSL 3.0.22 25 Aug 2026)\n"
ARGUMENTS = "configure arguments: --with-http_ssl_module --with-http_v3_module --add-module=../ngx_brotli\n"
DUMP = "load_module modules/ngx_http_image_filter_module.so;\n  load_module /usr/lib/ngx_http_zstd_filter_module.so;\n#load_module x/ngx_no_module.so;\n"


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An nginx that says what it is, first on the PATH."""
    binary = tmp_path / "bin" / "nginx"
    binary.parent.mkdir()
    binary.write_text(
        f"#!/bin/sh\ncase $1 in -V) printf '%s' '{VERSION}{ARGUMENTS}' >&2;; -T) printf '%s' '{DUMP}';; *) exit 1;; esac\n"
    )
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")
    binaries.nginx.cache_clear()
    monkeypatch.setattr(inspect, "identity", lambda spec, server, **_: HostFacts(spec, server))
    return binary


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any server."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(server_values, "binaries", lambda server, known=server_values.binaries: _nowhere(known(server)))


def _nowhere(places: server_values.Binaries) -> server_values.Binaries:
    return server_values.Binaries(places.names, (), places.module_folders)


def test_the_library_in_use_counts_and_not_the_one_it_was_built_with(nginx: Path) -> None:
    seen = versions.find_here("nginx")
    assert (seen.path, seen.version, seen.tls_library, seen.running) == (nginx, "1.26.3", "openssl-3.0.22", False)
    assert not seen.capabilities().has("mlkem")
    assert seen.capabilities().has("http2_directive")
    assert seen.capabilities("openssl-3.5.0").has("mlkem"), "a person knows better"


@pytest.mark.usefixtures("nginx")
def test_modules_are_those_that_are_built_in_or_loaded() -> None:
    modules = versions.find_here("nginx").modules
    assert modules is not None
    assert {"http_ssl", "http_v3", "http_image_filter", "http_zstd_filter"} <= modules
    assert "no" not in modules


@pytest.mark.usefixtures("nginx")
def test_the_running_server_decides_where_it_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update of the package is not in use before the next restart, and a reload meets the old library."""
    facts = HostFacts("local://", "nginx", version="1.22.1", tls_library="openssl-1.1.1w")
    monkeypatch.setattr(inspect, "identity", lambda *_, **__: facts)
    seen = versions.find_here("nginx")
    assert (seen.version, seen.tls_library, seen.running) == ("1.22.1", "openssl-1.1.1w", True)


def test_the_bytes_of_the_default_do_not_depend_on_the_machine(nginx: Path, run: Run) -> None:
    with_one = run("render", "nginx")
    assert f"note: {nginx} is here; --server-version auto renders for it" in with_one.err
    nginx.unlink()
    without = run("render", "nginx")
    assert f"{nginx} is here" not in without.err
    assert with_one.out == without.out


@pytest.mark.usefixtures("nginx")
def test_auto_says_what_it_found_and_renders_for_it(run: Run) -> None:
    said = run("render", "nginx", "--server-version", "auto")
    assert said.code == 0
    assert "note: --server-version auto: nginx 1.26.3 with OpenSSL 3.0.22 and brotli and zstd (" in said.err
    assert "# For nginx 1.26.3 with OpenSSL 3.0.22, scope site, " in said.out
    assert "http2 on;" in said.out
    assert "brotli off;" in said.out
    assert "zstd off;" in said.out
    assert "a module for brotli" not in said.err, "somebody looked"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("server", ["nginx", "apache", "iis"])
def test_auto_without_a_server_is_no_verdict_with_a_way_out(server: str, run: Run) -> None:
    said = run("render", server, "--server-version", "auto")
    assert said.code == 3
    assert said.out == ""
    assert "--server-version" in said.err
    with pytest.raises(NoVerdictError):
        versions.find_here(server)


def test_a_module_is_named_by_flag_variable_or_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    flag = run("render", "nginx", "--with-module", "brotli")
    assert "brotli off;" in flag.out
    assert "# Command: ota-proxy render nginx --with-module brotli" in flag.out
    monkeypatch.setenv("OTA_PROXY_WITH_MODULES", "brotli")
    assert run("render", "nginx").out == flag.out
    monkeypatch.delenv("OTA_PROXY_WITH_MODULES")
    Path("ota-proxy.toml").write_text('domains = ["ota.example.com"]\n[options]\nwith_modules = ["zstd"]\n')
    assert "zstd off;" in run("render", "nginx").out
    assert run("render", "apache").code == 0, "one file for every server"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("apache", "--with-module", "brotli"), "--with-module: only for nginx"),
        (("iis", "--with-module", "brotli"), "--with-module: only for nginx"),
        (("nginx", "--with-module", "lzma"), "must be 'brotli' or 'zstd', not 'lzma'"),
    ],
)
def test_a_module_that_nothing_could_be_done_about_is_refused(words: tuple[str, ...], complaint: str, run: Run) -> None:
    said = run("render", *words)
    assert (said.code, said.out) == (2, "")
    assert complaint in said.err
