"""What is built from the tree installs and works: wheel, source archive and editable, each in a fresh environment, away from the tree."""

from __future__ import annotations

import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from ota_proxy import __version__
from ota_proxy.cli.main import main
from ota_proxy.rules.catalogue import catalogue
from tests.support.packaging import Environment, build, run

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ("nginx", "apache", "iis")
SHARED = {
    f"ota_proxy-{__version__}.data/data/share/{place}"
    for place in (
        "bash-completion/completions/ota-proxy",
        "fish/vendor_completions.d/ota-proxy.fish",
        "man/man1/ota-proxy.1",
        "zsh/site-functions/_ota-proxy",
    )
}
"""Names in a wheel of what goes below the prefix."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel_of_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    return build("wheel", unpacked, tmp_path_factory.mktemp("wheel-of-sdist"))


@pytest.fixture(scope="module", params=["wheel", "sdist", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    kind: str = request.param
    here = Environment(tmp_path_factory.mktemp(kind), kind)
    if kind == "editable":
        here.install("--editable", ROOT)
    else:
        here.install(request.getfixturevalue({"wheel": "wheel", "sdist": "wheel_of_sdist"}[kind]))
    return here


def wanted_files() -> set[str]:
    """Return every file a wheel must carry, by its name in it."""
    package = {path for path in (ROOT / "ota_proxy").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    data = {
        f"ota_proxy/_data/{Path(place).name}/{path.relative_to(ROOT / place)}"
        for place in ("templates", "compose", "docs/rules")
        for path in (ROOT / place).rglob("*")
        if path.is_file()
    }
    return {str(path.relative_to(ROOT)) for path in package} | data


def test_the_wheel_carries_every_file_that_is_read_at_run_time(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = wanted_files()
    assert wanted - names == set()
    assert {"ota_proxy/py.typed", "ota_proxy/rules/catalogue.toml", "ota_proxy/policy/capabilities.toml"} <= wanted
    assert any(name.endswith("compose/nginx.yml") for name in names)
    assert "ota_proxy/_data/rules/OTA406-package-no-range.md" in names


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names - wanted_files() == SHARED


def test_an_installed_wheel_has_man_page_and_completions_where_they_are_looked_for(installed: Environment) -> None:
    places = [place for place in SHARED if (installed.folder / place.partition("/data/")[2]).is_file()]
    assert sorted(places) == ([] if installed.kind == "editable" else sorted(SHARED))
    if places:
        page = (installed.folder / "share/man/man1/ota-proxy.1").read_text(encoding="utf-8")
        assert page == run(installed.bin / "ota-proxy", "completion", "man", cwd=installed.elsewhere).stdout


def test_wheel_and_source_archive_carry_the_same(wheel: Path, wheel_of_sdist: Path) -> None:
    direct, through = (zipfile.ZipFile(path) for path in (wheel, wheel_of_sdist))
    assert set(direct.namelist()) == set(through.namelist())
    differing = [
        name for name in direct.namelist() if direct.read(name) != through.read(name) and ".dist-info/" not in name
    ]
    assert differing == []


def test_versions_in_code_and_metadata_agree(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
    assert wheel.name.startswith(f"ota_proxy-{__version__}-")


def test_the_package_is_found_where_it_was_installed(installed: Environment) -> None:
    place = Path(installed.python("import ota_proxy; print(ota_proxy.__file__)"))
    assert place.is_relative_to(ROOT if installed.kind == "editable" else installed.site.resolve())


def test_every_install_renders_all_servers_from_another_folder(
    installed: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = "from ota_proxy.cli.main import main\nfor server in {!r}: assert main(['render', server]) == 0"
    rendered = installed.python(program.format(SERVERS))
    monkeypatch.chdir(installed.elsewhere)
    for server in SERVERS:
        assert main(["render", server]) == 0
    assert rendered == capsys.readouterr().out.strip()
    assert rendered.count("https://ota.example.com") >= len(SERVERS)


def test_every_install_finds_the_page_of_every_rule(installed: Environment) -> None:
    program = (
        "from ota_proxy.resources import folder\n"
        "from ota_proxy.rules.catalogue import catalogue\n"
        "from ota_proxy.rules.catalogue import page\n"
        "print(folder('rules')); print(sum(page(rule).startswith('# ') for rule in catalogue()))"
    )
    place, pages = installed.python(program).splitlines()
    assert Path(place).is_relative_to(ROOT if installed.kind == "editable" else installed.site)
    assert int(pages) == len(catalogue())


def test_every_install_finds_its_templates_compose_files_and_policy(installed: Environment) -> None:
    program = (
        "from ota_proxy import resources as r\n"
        "from ota_proxy.policy import capabilities, guideline, media_types\n"
        "from ota_proxy.rules.catalogue import catalogue\n"
        "print(r.folder('templates')); print(r.folder('compose')); print(len(catalogue()))"
    )
    *folders, rules = installed.python(program).splitlines()
    assert all(
        Path(folder).is_relative_to(ROOT if installed.kind == "editable" else installed.site) for folder in folders
    )
    assert int(rules) > 100
    assert (Path(folders[1]) / "nginx.yml").is_file()


def test_every_install_brings_the_command_and_the_pytest_plugin(installed: Environment) -> None:
    said = run(installed.bin / "ota-proxy", "render", "nginx", cwd=installed.elsewhere).stdout
    assert said.startswith("# Made by ota-proxy")
    program = (
        "from importlib.metadata import entry_points\n"
        "print(*{point.load().__name__ for point in entry_points(group='pytest11', name='ota-proxy')})"
    )
    assert installed.python(program) == "ota_proxy.pytest_plugin"
