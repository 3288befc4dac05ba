"""The Ansible role, played for real on this machine: renders, installs, tests, puts back what was there when the server refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.sandbox import HOST, Live, live

ROLES = Path(__file__).resolve().parents[2] / "examples" / "ansible" / "roles"
pytestmark = pytest.mark.embedded


def play(folder: Path, server: Live, *flags: str, **changes: object) -> subprocess.CompletedProcess[str]:
    """Play the role on this machine; the installed file and the roots lie in `folder`."""
    (folder / "root.pem").write_bytes(server.ca_pem)
    ways = [f"{HOST}:443:127.0.0.1:{server.https}", f"{HOST}:80:127.0.0.1:{server.http}"]
    settings = {
        "ota_proxy_domain": HOST,
        "ota_proxy_root": "/srv/ota",
        "ota_proxy_cert": "/etc/ssl/ota.pem",
        "ota_proxy_key": "/etc/ssl/ota.key",
        "ota_proxy_path": str(folder / "ota-proxy.conf"),
        "ota_proxy_test": "true",
        "ota_proxy_manage_service": False,
        "ota_proxy_command": str(Path(sys.executable).with_name("ota-proxy")),
        "ota_proxy_check_flags": ["--ca", str(folder / "root.pem"), *(w for way in ways for w in ("--resolve", way))],
        "ansible_python_interpreter": sys.executable,
        **changes,
    }
    book = folder / "book.yml"
    book.write_text(
        json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": ["ota_proxy"]}])
    )
    environ = {
        **os.environ,
        "ANSIBLE_ROLES_PATH": str(ROLES),
        "ANSIBLE_NOCOWS": "1",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            "-i",
            "localhost,",
            str(book),
            "-e",
            json.dumps(settings),
            *flags,
        ],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_the_role_installs_what_render_writes_and_a_second_play_changes_nothing(tmp_path: Path) -> None:
    with live() as server:
        first = play(tmp_path, server)
        assert first.returncode == 0, first.stdout + first.stderr
        assert "server_name ota.example.com" in (tmp_path / "ota-proxy.conf").read_text(encoding="utf-8")
        second = play(tmp_path, server)
    assert "changed=0" in second.stdout, second.stdout


def test_what_the_server_refuses_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "ota-proxy.conf").write_text("# what was there\n", encoding="utf-8")
    with live() as server:
        done = play(tmp_path, server, ota_proxy_test="false")
    assert done.returncode != 0
    assert (tmp_path / "ota-proxy.conf").read_text(encoding="utf-8") == "# what was there\n"


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    with live() as server:
        done = play(tmp_path, server, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "ota-proxy.conf").exists()


def test_a_live_site_with_a_finding_fails_the_play(tmp_path: Path) -> None:
    with live() as server:
        done = play(tmp_path, server, ota_proxy_check_url=f"https://{HOST}/missing.plist")
    assert done.returncode != 0
    assert "OTA301" in done.stdout
