from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from ota_proxy.errors import UsageError
from ota_proxy.facts.host import HostFacts, KeyFile, Socket
from ota_proxy.hosts import inspect as module
from ota_proxy.hosts import readers as answers
from ota_proxy.hosts.connect import Answer, UnreadableError, connect
from ota_proxy.hosts.inspect import Process, inspect, master, read, workers
from ota_proxy.hosts.readers import sockets_of_proc, sockets_of_ss

OK = "nginx: configuration file /etc/nginx/nginx.conf test is successful\n"
DUMP = "# configuration file /etc/nginx/nginx.conf:\nserver { ssl_certificate_key /k.pem; root /srv; }\n"
MAPS = "1000-2000 r--p 0 fe:00 2 /lib/libcrypto.so.3\n3000-4000 r--p 0 fe:00 3 /lib/libssl.so.3\n"
RUNNING = (
    "1 0 0 nginx: master process nginx -g daemon off;\n7 1 101 nginx: worker process\n8 1 0 nginx: cache manager\n"
)

HEALTHY: dict[tuple[str, ...], Answer] = {
    (module.LIST,): Answer(0, RUNNING, ""),
    (module.FIND,): Answer(0, "/proc/1/exe\n", ""),
    (module.RUN, "/proc/1/exe", "-v"): Answer(0, "nginx version: nginx/1.30.0\n", ""),
    (module.READ, "/proc/1/maps"): Answer(0, MAPS, ""),
    (module.STRINGS, "/proc/1/map_files/1000-2000"): Answer(0, "OpenSSL 3.5.4 30 Sep 2025\n", ""),
    (module.RUN, "/proc/1/exe", "-t"): Answer(0, OK, ""),
    (module.SOCKETS,): Answer(0, "ss\nLISTEN 0 511 0.0.0.0:443 0.0.0.0:*\n", ""),
    (module.USER, "101"): Answer(0, "nginx:x:101:101::/:/bin/false\n", ""),
    (module.DUMP, "/proc/1/exe", "-T"): Answer(0, DUMP, ""),
    (answers.STAT,): Answer(0, "600\troot\t/k.pem\n755\troot\t/srv\n", ""),
}


class Fake:
    """A host that answers from a table: the script with as many of its arguments as the row names."""

    def __init__(self, changed: Mapping[tuple[str, ...], Answer | UnreadableError] | None = None) -> None:
        self.table = {**HEALTHY, **(changed or {})}

    def run(self, script: str, *args: str) -> Answer:
        words = (script, *args)
        for length in range(len(words), 0, -1):
            if words[:length] in self.table:
                answer = self.table[words[:length]]
                if isinstance(answer, UnreadableError):
                    raise answer
                return answer
        return Answer(127, "", f"{words[1:]}: not found")


def facts(changed: Mapping[tuple[str, ...], Answer | UnreadableError] | None = None) -> HostFacts:
    return read(Fake(changed), "docker://web", "nginx")


def test_a_healthy_host_shows_every_fact_and_nothing_is_unread() -> None:
    seen = facts()
    assert (seen.version, seen.tls_library, seen.worker_user) == ("1.30.0", "openssl-3.5.4", "nginx")
    assert seen.config_test is not None
    assert (seen.config_test.passed, seen.config_test.command) == (True, "nginx -t")
    assert seen.listening == (Socket("0.0.0.0", 443),)  # noqa: S104
    assert seen.keys == (KeyFile("/k.pem", 0o600, "root"),)
    assert seen.unread == {}


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ((module.READ, "/proc/1/maps"), "tls_library"),
        ((module.STRINGS, "/proc/1/map_files/1000-2000"), "tls_library"),
        ((module.RUN, "/proc/1/exe", "-t"), "config_test"),
        ((module.SOCKETS,), "listening"),
        ((module.DUMP, "/proc/1/exe", "-T"), "keys"),
        ((answers.STAT,), "keys"),
    ],
)
@pytest.mark.parametrize("answer", [Answer(127, "", "sh: not found"), UnreadableError("it was not done within 5 s")])
def test_a_fact_that_cannot_be_read_is_none_with_its_reason_and_costs_no_other(
    row: tuple[str, ...], field: str, answer: Answer | UnreadableError
) -> None:
    seen = facts({row: answer})
    assert getattr(seen, field) is None
    assert list(seen.unread) == [field]
    assert "not found" in seen.unread[field] or "not done within" in seen.unread[field]


def test_a_binary_that_cannot_be_run_from_proc_is_asked_on_the_path() -> None:
    seen = facts(
        {
            (module.FIND, "/proc/1/exe", "nginx"): Answer(0, "/usr/sbin/nginx\n", ""),
            (module.RUN, "/usr/sbin/nginx", "-v"): Answer(0, "nginx version: nginx/1.18.0\n", ""),
            (module.RUN, "/usr/sbin/nginx", "-t"): Answer(0, OK, ""),
            (module.DUMP, "/usr/sbin/nginx", "-T"): Answer(0, DUMP, ""),
        }
    )
    assert (seen.version, seen.unread) == ("1.18.0", {})
    assert seen.config_test is not None
    assert seen.config_test.command == "nginx -t"


@pytest.mark.parametrize(
    ("names", "found"),
    [(("{here}/first", "sh"), "{here}/first"), (("{here}/not-executable", "{here}/missing", "first"), "{here}/first")],
)
def test_the_first_program_that_can_be_run_is_found(tmp_path: Path, names: tuple[str, ...], found: str) -> None:
    (tmp_path / "not-executable").write_text("")
    (tmp_path / "first").write_text("#!/bin/sh\n")
    (tmp_path / "first").chmod(0o755)
    script = f"PATH={tmp_path}:$PATH; {module.FIND}"
    answer = connect("local://", deadline=10.0).run(script, *(name.format(here=tmp_path) for name in names))
    assert answer.out.strip() == found.format(here=tmp_path)


def test_a_server_that_does_not_run_has_no_library_in_use_and_no_worker() -> None:
    seen = facts({(module.LIST,): Answer(0, "", "")})
    assert seen.tls_library is None
    assert seen.worker_user is None
    assert seen.unread["tls_library"] == seen.unread["worker_user"] == "no nginx runs there"


def test_a_statically_linked_server_carries_its_own_library() -> None:
    seen = facts(
        {
            (module.READ, "/proc/1/maps"): Answer(0, "1000-2000 r-xp 0 fe:00 1 /opt/nginx\n", ""),
            (module.STRINGS, "/proc/1/exe"): Answer(0, "OpenSSL 3.3.7 7 Apr 2026\n", ""),
        }
    )
    assert seen.tls_library == "openssl-3.3.7"


def test_a_library_that_was_replaced_is_never_read_from_disk() -> None:
    changed = MAPS.replace(".so.3", ".so.3 (deleted)")
    row = (module.STRINGS, "/proc/1/map_files/1000-2000")
    seen = facts({(module.READ, "/proc/1/maps"): Answer(0, changed, ""), row: Answer(1, "", "cannot be read")})
    assert seen.tls_library is None
    assert "/lib/libcrypto.so.3 was replaced since the server started" in seen.unread["tls_library"]


def test_a_refused_configuration_has_file_and_line() -> None:
    output = 'nginx: [emerg] unknown directive "x" in /etc/nginx/conf.d/o.conf:4\n'
    seen = facts({(module.RUN, "/proc/1/exe", "-t"): Answer(1, output, "")})
    assert seen.config_test is not None
    assert (seen.config_test.passed, seen.config_test.file, seen.config_test.line) == (
        False,
        "/etc/nginx/conf.d/o.conf",
        4,
    )


def test_missing_rights_are_no_refused_configuration() -> None:
    output = 'nginx: [emerg] open() "/run/nginx.pid" failed (13: Permission denied)\n'
    seen = facts({(module.RUN, "/proc/1/exe", "-t"): Answer(1, output, "")})
    assert seen.config_test is None
    assert seen.unread["config_test"] == f"the test needs more rights: {output.strip()}"


def test_a_user_without_a_name_is_told_by_number() -> None:
    assert facts({(module.USER, "101"): Answer(1, "", "")}).worker_user == "101"


def test_iis_has_no_shell_to_ask() -> None:
    with pytest.raises(UsageError, match="iis"):
        inspect("local://", "iis", deadline=1.0)


A = Process(10, 1, 0, "nginx: master process nginx -c /a/nginx.conf")
B = Process(20, 1, 0, "nginx: master process /usr/sbin/nginx -g daemon on;")
A1 = Process(11, 10, 33, "nginx: worker process")


@pytest.mark.parametrize(
    ("running", "config", "chosen"),
    [((A, A1), "", A), ((A, A1, B), "", B), ((A, A1, B), "/a/nginx.conf", A), ((A, B), "/etc/nginx/nginx.conf", B)],
)
def test_the_master_is_the_one_with_the_configuration_meant(
    running: tuple[Process, ...], config: str, chosen: Process
) -> None:
    assert master(running, "nginx", config) == chosen


@pytest.mark.parametrize("folder", ["/srv/run", "/srv/a b", "/srv/a b/c-d e", "/srv/q\"u'o"])
def test_a_path_with_blanks_is_read_whole_from_a_title(folder: str) -> None:
    words = f"nginx -p {folder}/run -c {folder}/etc/nginx.conf -e stderr -g daemon off;"
    mine = Process(40, 1, 0, f"nginx: master process {words}")
    last = Process(41, 1, 0, f"/usr/sbin/apache2 -d {folder} -f {folder}/apache2.conf ")
    assert (mine.folder("nginx"), mine.config("nginx")) == (f"{folder}/run", f"{folder}/etc/nginx.conf")
    assert (last.folder("apache"), last.config("apache")) == (folder, f"{folder}/apache2.conf")
    assert master((A, mine, B), "nginx", f"{folder}/etc/nginx.conf") == mine


@pytest.mark.parametrize(
    ("running", "config"), [((), ""), ((A,), "/other.conf"), ((B, Process(30, 1, 0, "nginx")), "")]
)
def test_no_master_or_several_equal_ones_are_not_guessed_about(running: tuple[Process, ...], config: str) -> None:
    with pytest.raises(UnreadableError):
        master(running, "nginx", config)


def test_the_cache_manager_is_no_worker_and_a_lone_process_is_its_own() -> None:
    manager = Process(12, 10, 0, "nginx: cache manager process")
    assert workers((A, manager, A1), A) == (A1,)
    assert workers((B,), B) == (B,)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_sockets_of_this_host_are_the_same_by_ss_and_by_proc() -> None:
    if shutil.which("ss") is None:
        pytest.skip("ss is not on the PATH")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        shown = Socket("127.0.0.1", listener.getsockname()[1])
        host = connect("local://", deadline=10.0)
        assert shown in sockets_of_ss(host.run("ss -Hltn").out)
        assert shown in sockets_of_proc(host.run("cat /proc/net/tcp /proc/net/tcp6").out)


CONFIG = """
pid {dir}/nginx.pid; error_log {dir}/error.log; events {{}}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/www/key.pem; root {dir}/www; }} }}
"""


@contextmanager
def own_nginx(folder: Path) -> Iterator[tuple[Path, int]]:
    """Run an nginx of our own with a key where no key should be: 0644, under the document root."""
    binary = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/bin")
    if binary is None or sys.platform != "linux":
        pytest.skip("no nginx on the PATH of a Linux host")
    _self_signed(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(dir=folder, port=port))
    server = subprocess.Popen([binary, "-c", str(config), "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        _until_open(port, server)
        yield config, port
    finally:
        server.terminate()
        server.wait(10)


def _self_signed(folder: Path) -> None:
    leaf = trustme.CA().issue_cert("ota.example.com")
    (folder / "www").mkdir()
    leaf.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    leaf.private_key_pem.write_to_path(folder / "www" / "key.pem")
    (folder / "www" / "key.pem").chmod(0o644)


def _until_open(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "nginx ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("nginx does not listen")


@pytest.mark.local
def test_a_real_nginx_shows_version_library_sockets_and_its_exposed_key(tmp_path: Path) -> None:
    with own_nginx(tmp_path) as (config, port):
        seen = inspect("local://", "nginx", deadline=20.0, config=str(config))
    assert seen.unread == {}
    assert seen.version is not None
    assert seen.tls_library is not None
    assert seen.tls_library.partition("-")[0] in ("openssl", "libressl", "aws-lc")
    assert seen.config_test is not None
    assert seen.config_test.passed, seen.config_test.output
    assert seen.listening is not None
    assert Socket("127.0.0.1", port) in seen.listening
    assert seen.worker_user not in (None, "", "root")
    assert seen.keys is not None
    assert [(key.mode, key.under_root) for key in seen.keys] == [(0o644, str(tmp_path / "www"))]


@pytest.mark.local
def test_a_real_nginx_whose_file_was_broken_since_says_where(tmp_path: Path) -> None:
    with own_nginx(tmp_path) as (config, _):
        lines = config.read_text().splitlines()
        config.write_text("\n".join([*lines, "", "nonsense on;"]))
        seen = inspect("local://", "nginx", deadline=20.0, config=str(config))
    assert seen.config_test is not None
    assert (seen.config_test.passed, seen.config_test.file) == (False, str(config))
    assert seen.config_test.line == len(lines) + 2
    assert seen.keys is None
    assert "keys" in seen.unread
