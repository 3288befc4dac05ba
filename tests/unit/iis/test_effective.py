"""What is in force for a path: inheritance, order, location tags, nested files, changes on disk, sites."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.servers.iis.in_force import Configuration
from ota_proxy.servers.iis.server_level import Binding, Directory
from tests.unit.iis.conftest import Read, web

DOCUMENTS = "system.webServer/defaultDocument"
HEADERS = "system.webServer/httpProtocol"
BROWSE = "system.webServer/directoryBrowse"


def documents(found: Configuration, path: str) -> list[object]:
    return [one.get("value") for one in found.section(DOCUMENTS, path).child("files").entries()]


def headers(found: Configuration, path: str) -> dict[object, object]:
    entries = found.section(HEADERS, path).child("customHeaders").entries()
    return {one.get("name"): one.get("value") for one in entries}


def test_a_collection_that_prepends_puts_the_lower_level_first(read: Read) -> None:
    inside = '<defaultDocument><files><remove value="index.htm" /><add value="a" /><add value="b" /></files></defaultDocument>'
    found = read({"": inside, "sub": '<defaultDocument><files><add value="c" /></files></defaultDocument>'})
    assert documents(found, "/") == ["a", "b", "Default.htm", "Default.asp", "index.html", "iisstart.htm"]
    assert documents(found, "/sub/x.html")[:3] == ["c", "a", "b"]


def test_other_collections_append(read: Read) -> None:
    inside = '<httpProtocol><customHeaders><add name="A" value="1" /></customHeaders></httpProtocol>'
    below = '<httpProtocol><customHeaders><add name="B" value="2" /><remove name="a" /></customHeaders></httpProtocol>'
    found = read({"": inside, "sub": below})
    assert (headers(found, "/"), headers(found, "/sub")) == ({"A": "1"}, {"B": "2"})


def test_clear_takes_everything_away_that_came_before(read: Read) -> None:
    found = read('<defaultDocument><files><add value="x" /><clear /><add value="y" /></files></defaultDocument>')
    assert documents(found, "/") == ["y"]


def test_an_attribute_wins_at_the_lowest_level_that_sets_it(read: Read) -> None:
    found = read(
        {
            "": '<directoryBrowse enabled="true" showFlags="Size" />',
            "a": '<directoryBrowse enabled="false" />',
            "a/b": "",
        }
    )
    assert [found.section(BROWSE, path).get("enabled") for path in ("/", "/a", "/a/b/c", "/other")] == [
        True,
        False,
        False,
        True,
    ]
    assert found.section(BROWSE, "/a/b").get("showFlags") == "Size"
    where = found.section(BROWSE, "/a/b").where("enabled")
    assert where is not None
    assert Path(where.file).parts[-2:] == ("a", "web.config")


LOCATIONS = """<configuration>
<location path="a"><system.webServer><directoryBrowse enabled="true" /></system.webServer></location>
<location path="A/B/file.ipa"><system.webServer><directoryBrowse showFlags="Size" /></system.webServer></location>
<system.webServer><directoryBrowse enabled="false" showFlags="Date" /></system.webServer>
</configuration>"""


@pytest.mark.parametrize(
    ("path", "enabled", "flags"),
    [
        ("/", False, "Date"),
        ("/a", True, "Date"),
        ("/A/", True, "Date"),
        ("/ab", False, "Date"),
        ("/a/b/other.ipa", True, "Date"),
        ("/a/b/FILE.ipa", True, "Size"),
        ("/b/../a/./x", True, "Date"),
        ("/../../a", True, "Date"),
    ],
)
def test_a_location_tag_counts_for_its_path_and_below(read: Read, path: str, flags: str, *, enabled: bool) -> None:
    section = read(LOCATIONS).section(BROWSE, path)
    assert (section.get("enabled"), section.get("showFlags")) == (enabled, flags)


def test_the_folder_s_own_file_comes_after_location_tags_of_the_files_above(read: Read) -> None:
    apphost = '<configuration><location path="Default Web Site/a"><system.webServer><directoryBrowse showFlags="Time" enabled="false" /></system.webServer></location></configuration>'
    found = read({"": LOCATIONS, "a": '<directoryBrowse showFlags="Extension" />'}, apphost)
    section = found.section(BROWSE, "/a")
    assert (section.get("enabled"), section.get("showFlags")) == (True, "Extension")


def test_names_of_folders_and_files_are_found_in_any_case(read: Read, tmp_path: Path) -> None:
    found = read({"Builds": '<directoryBrowse enabled="true" />'})
    (tmp_path / "site/Builds/web.config").rename(tmp_path / "site/Builds/Web.Config")
    assert found.section(BROWSE, "/bUILDS/x").get("enabled") is True


def test_a_file_that_changes_is_read_again(read: Read, tmp_path: Path) -> None:
    found = read({"": "<!-- -->", "a": '<directoryBrowse enabled="true" />'})
    assert found.section(BROWSE, "/a").get("enabled") is True
    path = tmp_path / "site/a/web.config"
    path.write_text(web('<directoryBrowse enabled="false" showFlags="Size" />'))
    assert found.section(BROWSE, "/a").get("enabled") is False
    path.write_text(web("<nonsense"))
    assert found.violation("/a") is not None
    path.unlink()
    assert found.violation("/a") is None
    (tmp_path / "site/web.config").write_text(web('<directoryBrowse enabled="true" />'))
    assert found.section(BROWSE, "/a").get("enabled") is True


def test_what_does_not_change_is_read_once(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read({"": '<directoryBrowse enabled="true" />', "a": ""})
    first = found.section(BROWSE, "/a/x.ipa")
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read again"))
    assert found.section(BROWSE, "/a/x.ipa") is first
    assert found.section(BROWSE, "/a/y.ipa") is first


@pytest.mark.parametrize("path", ["/a\0b", "/" + "x" * 5000, "/CON:/x", "/a%2e", "/\ud800"])
def test_a_strange_path_has_the_configuration_above_it(read: Read, path: str) -> None:
    assert read('<directoryBrowse enabled="true" />').section(BROWSE, path).get("enabled") is True


def test_a_path_cannot_leave_the_site(read: Read, tmp_path: Path) -> None:
    (tmp_path / "web.config").write_text(web('<directoryBrowse enabled="true" />'))
    found = read({"a": ""})
    for path in ("/../", "/a/../../", "/..\\..\\", "//../.."):
        assert found.section(BROWSE, path).get("enabled") is False


def test_a_refused_part_is_left_out_and_the_rest_is_in_force(read: Read) -> None:
    found = read('<directoryBrowse enabled="perhaps" showFlags="Size" />')
    section = found.section(BROWSE, "/")
    assert (section.get("enabled"), section.get("showFlags")) == (False, "Size")
    assert found.violation("/") is not None


def test_one_web_config_can_be_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "other name.xml"
    path.write_text(web('<directoryBrowse enabled="true" />'))
    (tmp_path / "web.config").write_text("<nonsense")
    found = Configuration.load(path)
    assert (found.section(BROWSE, "/x").get("enabled"), found.problems()) == (True, ())


# -- applicationHost.config ----------------------------------------------------------------------------------------------

SITE = """<configuration><system.applicationHost><sites>
<site name="OTA" id="7">
<application path="/"><virtualDirectory path="/" physicalPath="%SystemDrive%\\ota" /><virtualDirectory path="/files" physicalPath="{0}" /></application>
<application path="/app"><virtualDirectory path="/" physicalPath="D:\\app" /></application>
<bindings><binding protocol="https" bindingInformation="*:8443:ota.example.com" sslFlags="33" certificateHash="AB" /><binding protocol="http" bindingInformation="[::1]:80:" /></bindings>
<hsts max-age="31536000" />
</site>
<siteDefaults><hsts enabled="true" max-age="5" /><logFile directory="x" /></siteDefaults>
</sites></system.applicationHost></configuration>"""


def test_a_site_says_its_bindings_folders_and_hsts(read: Read) -> None:
    site = read("", SITE.format("E:\\files")).site
    assert (site.name, site.id, site.physical_path) == ("OTA", 7, "%SystemDrive%\\ota")
    assert site.bindings == (Binding("https", "*:8443:ota.example.com", 33, "AB"), Binding("http", "[::1]:80:"))
    assert [(one.port, one.host) for one in site.bindings] == [(8443, "ota.example.com"), (80, "")]
    assert site.directories == (
        Directory("/", "%SystemDrive%\\ota", application=True, deep=True),
        Directory("/files", "E:\\files", application=False, deep=True),
        Directory("/app", "D:\\app", application=True, deep=True),
    )
    assert (site.hsts.get("enabled"), site.hsts.get("max-age")) == (True, 31_536_000)
    assert site.node.child("logFile").get("directory") == "x"


def test_without_a_site_there_is_the_one_of_a_fresh_iis(read: Read) -> None:
    assert [(one.name, one.bindings) for one in read("").sites] == [("Default Web Site", (Binding("http", "*:80:"),))]


def test_a_virtual_directory_brings_its_own_web_config(read: Read, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/web.config").write_text(web('<directoryBrowse enabled="true" />'))
    found = read("", SITE.format(tmp_path / "files"))
    assert [found.section(BROWSE, path).get("enabled") for path in ("/", "/files/x", "/FILES", "/filesystem")] == [
        False,
        True,
        True,
        False,
    ]


def test_files_in_subfolders_may_be_told_not_to_count(read: Read) -> None:
    apphost = SITE.format("E:\\x").replace('ota" />', 'ota" allowSubDirConfig="false" />')
    found = read({"": '<directoryBrowse showFlags="Size" />', "a": '<directoryBrowse enabled="true" />'}, apphost)
    assert found.section(BROWSE, "/a").get("enabled") is False
    assert found.section(BROWSE, "/a").get("showFlags") == "Size"


def test_an_overlay_adds_to_the_defaults_and_a_location_tag_is_for_its_site(read: Read) -> None:
    apphost = """<configuration>
    <system.webServer><httpProtocol><customHeaders><add name="A" value="1" /></customHeaders></httpProtocol></system.webServer>
    <location path="Default Web Site"><system.webServer><security><access sslFlags="Ssl, SslRequireCert" /></security></system.webServer></location>
    <location path="Other"><system.webServer><directoryBrowse enabled="true" /></system.webServer></location>
    </configuration>"""
    found = read("", apphost)
    assert headers(found, "/") == {"A": "1"}
    assert found.section("system.webServer/security/access", "/").get("sslFlags") == "Ssl,SslRequireCert"
    assert found.section(BROWSE, "/").get("enabled") is False
    assert len(found.section("system.webServer/staticContent", "/").entries()) == 378
    assert found.server_section("system.webServer/security/access").get("sslFlags") == "None"


def test_a_broken_application_host_concerns_every_path(read: Read) -> None:
    found = read({"": "", "a": ""}, "<configuration><system.webServer><x></configuration>")
    for path in ("/", "/a/b"):
        violation = found.violation(path)
        assert violation is not None
        assert violation.span.file.endswith("applicationHost.config")


def test_an_application_host_that_is_not_there_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Configuration.load(tmp_path, tmp_path / "none")
    with pytest.raises(UsageError, match="2012"):
        Configuration.load(tmp_path, windows="2012")


def test_modules_that_are_not_installed_are_in_no_list(read: Read) -> None:
    found = read("", without_modules=frozenset({"rewrite", "StaticCompressionModule"}))
    for name in ("globalModules", "modules"):
        names = [one.get("name") for one in found.server_section(f"system.webServer/{name}").entries()]
        assert "StaticFileModule" in names
        assert not {"RewriteModule", "StaticCompressionModule"} & set(names)


def test_targets_are_the_paths_that_some_file_says_something_about(read: Read) -> None:
    found = read({"": LOCATIONS, "x/y": "<!-- -->", "z": ""})
    assert found.targets() == ("/", "/a", "/x/y", "/a/b/file.ipa")
