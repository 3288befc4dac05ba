"""The examples for pytest, run as a person runs them: in a new folder, with the wheel installed, against real servers."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from ota_proxy.testing import MakePackage, TestSite
from tests.support.compose_files import VARIABLE
from tests.support.packaging import Environment, build

pytestmark = pytest.mark.container

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment that has the wheel and knows nothing of the checkout."""
    environment = Environment(tmp_path_factory.mktemp("environment"), "wheel")
    environment.install(build("wheel", ROOT, tmp_path_factory.mktemp("wheel")))
    return environment


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of an example, away from the checkout."""
    return Path(shutil.copytree(EXAMPLES / request.param, tmp_path / request.param))


def run(installed: Environment, folder: Path, *flags: str, environ: Mapping[str, str] | None = None) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "OTA_"))}
    command = [str(installed.bin / "python"), "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-rs", *flags]
    done = subprocess.run(
        command,
        cwd=folder,
        env=kept | {"COLUMNS": "120"} | dict(environ or {}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def lines_of_test(folder: Path) -> int:
    return sum(bool(line.strip()) for line in (folder / "test_install.py").read_text(encoding="utf-8").splitlines())


def broken(folder: Path, file: str, line: str) -> int:
    """Put a line into the location of the packages, and return its number."""
    place = folder / file
    head, opening, tail = place.read_text(encoding="utf-8").partition("location ~* \\.ipa$ {\n")
    place.write_text(f"{head}{opening}            {line}\n{tail}", encoding="utf-8")
    return head.count("\n") + 2


# -- your own configuration ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["pytest-own-config"], indirect=True)
class TestOwnConfig:
    def test_a_test_of_ten_lines_proves_the_nginx_conf_beside_it(self, installed: Environment, folder: Path) -> None:
        assert lines_of_test(folder) <= 10
        code, text = run(installed, folder, "--ota-docker=require")
        assert code == 0, text
        assert "1 passed" in text

    def test_a_line_that_breaks_installs_is_told_with_what_the_phone_shows(
        self, installed: Environment, folder: Path
    ) -> None:
        line = broken(folder, "nginx.conf", "max_ranges 0;")
        code, text = run(installed, folder)
        assert code == pytest.ExitCode.TESTS_FAILED, text
        assert "assert no: OTA406 package-no-range at 'install', the phone shows 'The icon stays on Waiting" in text
        assert f"    nginx.conf:{line}\n" in text
        assert f"    > {line:4}             max_ranges 0;" in text
        assert "→ Leave max_ranges alone" in text

    def test_a_line_that_nginx_refuses_is_an_error_at_that_line(self, installed: Environment, folder: Path) -> None:
        line = broken(folder, "nginx.conf", "max_rangse 0;")
        code, text = run(installed, folder, "-q", "--ota-artifacts=out")
        assert code == pytest.ExitCode.TESTS_FAILED, text
        assert f'\nnginx.conf:{line}: unknown directive "max_rangse" (nginx refuses it)\n' in text
        assert f"    > {line:4}             max_rangse 0;" in text
        assert "During handling of the above exception" not in text
        assert f"`nginx.conf:{line}`" in (folder / "README.md").read_text(encoding="utf-8")
        (place,) = (folder / "out").iterdir()
        assert "max_rangse" in (place / "config" / "nginx.conf").read_text(encoding="utf-8")
        assert "max_rangse" in (place / "server.log").read_text(encoding="utf-8")


APACHE_TEST = """
import pytest

@pytest.mark.ota_server("apache")
@pytest.mark.ota_config("etc", domain="ota.example.com", root="/srv/ota", cert="/etc/ssl/ota.pem", key="/etc/ssl/ota.key")
def test_it(ota_site, ota_device):
    assert ota_device.install().installable
"""
APACHE_MAIN = """
ServerRoot /etc/apache2
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Listen 443
PidFile ${APACHE_PID_FILE}
ErrorLog /var/log/apache2/error.log
TypesConfig /etc/mime.types
DirectoryIndex index.html
Include sites/*.conf
"""
APACHE_SITE = """<VirtualHost *:443>
  ServerName ota.example.com
  SSLEngine on
  SSLCertificateFile /etc/ssl/ota.pem
  SSLCertificateKeyFile /etc/ssl/ota.key
  DocumentRoot /srv/ota
  <Directory /srv/ota>
    Require all granted
  </Directory>
</VirtualHost>
"""


def test_a_whole_tree_of_apache_is_started_and_a_mistake_in_an_included_file_is_placed(
    installed: Environment, tmp_path: Path
) -> None:
    (tmp_path / "etc" / "sites").mkdir(parents=True)
    (tmp_path / "etc" / "apache2.conf").write_text(APACHE_MAIN, encoding="utf-8")
    (tmp_path / "etc" / "site.key").write_text("-----BEGIN PRIVATE KEY-----\n", encoding="utf-8")
    site = tmp_path / "etc" / "sites" / "ota.conf"
    site.write_text(APACHE_SITE, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(APACHE_TEST, encoding="utf-8")
    code, text = run(installed, tmp_path)
    assert code == 0, text
    site.write_text(APACHE_SITE.replace("Require all", "Requir all"), encoding="utf-8")
    code, text = run(installed, tmp_path, "--ota-artifacts=out")
    assert code == pytest.ExitCode.TESTS_FAILED, text
    assert "\netc/sites/ota.conf:8: Invalid command 'Requir'" in text
    assert "    >    8     Requir all granted" in text
    kept = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"ota.conf", "apache2.conf"} <= kept
    assert "site.key" not in kept


def test_an_image_that_was_asked_for_and_is_not_there_fails_instead_of_skipping(
    installed: Environment, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(EXAMPLES / "pytest-own-config", tmp_path / "copy"))
    code, text = run(installed, folder, "--ota-image=nginx=registry.invalid/none:1")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "--ota-image: no engine can run nginx here: docker: there is no image registry.invalid/none:1 here" in text


# -- a stack that runs --------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def stack(folder: Path, ota_package: MakePackage, engine: object) -> Iterator[str]:
    """The stack of compose.yml, filled as the README says and started by plain Docker; what it yields is its port.

    `engine` is here for its skip: the image of Debian bookworm stands for the official one.
    """
    assert engine
    if shutil.which("docker") is None:
        pytest.skip("no docker command on the PATH")
    port = str(free_port())
    fill(folder, ota_package, port)
    document = yaml.safe_load((folder / "compose.yml").read_text(encoding="utf-8"))
    (service,) = document["services"].values()
    filled = VARIABLE.sub(lambda found: {"OTA_HTTPS_PORT": port}.get(found[1]) or found[2], service["ports"][0])
    mounts = [word for mount in service["volumes"] for word in ("--volume", f"{folder}/{mount.removeprefix('./')}")]
    name = f"ota-proxy-test-{uuid.uuid4().hex[:12]}"
    (image,) = re.findall(
        r"^ota-proxy/debian-bookworm:\S+", docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}"), re.MULTILINE
    )[:1]
    docker("run", "--detach", "--rm", "--name", name, "--publish", filled, *mounts, image, "nginx", "-g", "daemon off;")
    yield port
    docker("rm", "--force", name)


def fill(folder: Path, ota_package: MakePackage, port: str) -> None:
    """Run the README's commands, with another port and Python's own way to say a date."""
    (folder / "App.ipa").write_bytes(ota_package(size=300_000).data)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    commands = [
        line.strip()
        for line in readme.partition("Once,")[2].partition("Then:")[0].splitlines()
        if line.startswith("    ")
    ]
    assert len(commands) == 4
    expiry = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()
    for command in commands:
        said = command.replace(":8443", f":{port}").replace("$(date -d '+90 days' +%F)", expiry)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            ["sh", "-ec", said],
            cwd=folder,
            env=os.environ | {"PATH": path},
            check=True,
            timeout=60,
            capture_output=True,
        )


@pytest.mark.parametrize("folder", ["pytest-compose"], indirect=True)
def test_a_stack_that_runs_already_is_tested_through_its_published_port(
    installed: Environment, folder: Path, stack: str
) -> None:
    assert lines_of_test(folder) <= 10
    code, text = run(installed, folder, "--ota-docker=skip", environ={"OTA_HTTPS_PORT": stack})
    assert code == 0, text
    (folder / "builds" / "App.ipa").unlink()
    code, text = run(installed, folder, environ={"OTA_HTTPS_PORT": stack})
    assert code == pytest.ExitCode.TESTS_FAILED, text
    assert "assert no: OTA401 package-not-found at 'package'" in text


# -- a URL --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["pytest-staging-url"], indirect=True)
def test_a_url_is_tested_by_name_and_from_the_command_line(
    installed: Environment, folder: Path, ota_site: TestSite
) -> None:
    assert lines_of_test(folder) <= 10
    port = ota_site.resolve["ota.example.com", 443][1]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    conftest = "\n".join(line[4:] for line in readme.partition("conftest.py`:")[2].splitlines())
    conftest = conftest.replace("staging.ota.example.com:443:192.0.2.7", f"ota.example.com:443:127.0.0.1:{port}")
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    (folder / "root.pem").write_bytes(ota_site.ca_pem)
    code, text = run(installed, folder, "--ota-base-url=https://ota.example.com/")
    assert code == 0, text
    assert "ota-proxy: docker=auto, base-url=https://ota.example.com/" in text
    code, text = run(installed, folder, "--ota-base-url=https://ota.example.com/nowhere.plist", "-q")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "assert no: OTA301 manifest-not-found" in text


def test_without_docker_the_test_of_an_own_configuration_is_skipped_and_says_why(
    installed: Environment, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(EXAMPLES / "pytest-own-config", tmp_path / "copy"))
    code, text = run(installed, folder, environ={"DOCKER_HOST": f"unix://{tmp_path}/nowhere.sock"})
    assert code == 0
    assert "1 skipped" in text
    assert "there is no Docker socket" in text
    code, text = run(installed, folder, "--ota-docker=skip")
    assert "your own configuration names its own paths and ports, so only Docker can start it" in text
