"""The Windows lane as far as it can be tested without Windows: configurations, marks, logs, choices, and the workflow's form."""

from __future__ import annotations

import re
import ssl
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from tests.iis.case_files import behaviour_cases, overlay
from tests.iis.wire import request_of
from tests.support import iis_sites as iis
from tests.windows.apphost import bound_ports, merged, substatuses
from tests.windows.prepare import NAMES, PASSWORD, prepare
from tests.windows.record import chosen, marked

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github/workflows/windows.yml"
BASE = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <configSections>
    <sectionGroup name="system.applicationHost">
      <section name="sites" allowDefinition="AppHostOnly" />
      <section name="applicationPools" allowDefinition="AppHostOnly" />
    </sectionGroup>
    <sectionGroup name="system.webServer">
      <section name="staticContent" /><section name="httpRedirect" /><section name="httpProtocol" /><section name="httpErrors" />
      <section name="defaultDocument" /><section name="directoryBrowse" /><section name="urlCompression" />
      <section name="httpCompression" /><section name="serverRuntime" /><section name="handlers" /><section name="modules" />
      <section name="caching" /><section name="httpLogging" />
      <section name="proxy" allowDefinition="AppHostOnly" /><section name="webFarms" allowDefinition="AppHostOnly" />
      <section name="globalModules" allowDefinition="AppHostOnly" />
      <sectionGroup name="security">
        <section name="access" /><section name="requestFiltering" /><section name="ipSecurity" />
      </sectionGroup>
      <sectionGroup name="rewrite">
        <section name="rules" /><section name="outboundRules" /><section name="rewriteMaps" /><section name="providers" />
        <section name="globalRules" allowDefinition="AppHostOnly" /><section name="allowedServerVariables" />
      </sectionGroup>
    </sectionGroup>
  </configSections>
  <system.applicationHost>
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/"><virtualDirectory path="/" physicalPath="C:\\inetpub\\wwwroot" /></application>
        <bindings><binding protocol="http" bindingInformation="*:80:" /></bindings>
      </site>
      <siteDefaults><logFile logFormat="W3C" /></siteDefaults>
    </sites>
  </system.applicationHost>
  <system.webServer><proxy enabled="false" /><staticContent><mimeMap fileExtension=".a" mimeType="x/a" /></staticContent></system.webServer>
</configuration>"""


def config(raw: dict[str, Any], **ports: int) -> ET.Element:
    return ET.fromstring(merged(BASE, overlay(raw), "C:\\site", "C:\\logs", ports))  # noqa: S314 - made here


def test_a_site_lies_in_its_folder_and_logs_what_the_recorder_reads() -> None:
    root = config({})
    (directory,) = root.iter("virtualDirectory")
    assert directory.get("physicalPath") == "C:\\site"
    (log,) = [one for site in root.iter("site") for one in site.findall("logFile")]
    assert log.get("directory") == "C:\\logs"
    assert {"UserAgent", "HttpSubStatus"} <= set(log.get("logExtFileFlags", "").split(", "))


def test_a_section_of_sites_goes_into_the_sites_location_and_the_defaults_stay() -> None:
    root = config(
        {"apphost": '<system.webServer><staticContent><remove fileExtension=".a" /></staticContent></system.webServer>'}
    )
    (found,) = root.findall("location[@path='Default Web Site']/system.webServer/staticContent/remove")
    assert found.get("fileExtension") == ".a"
    assert root.find("system.webServer/staticContent/mimeMap") is not None


def test_a_section_of_the_server_alone_goes_into_the_servers_own() -> None:
    root = config({"apphost": '<system.webServer><proxy enabled="true" timeout="00:00:05" /></system.webServer>'})
    (proxy,) = root.iter("proxy")
    assert proxy.attrib == {"enabled": "true", "timeout": "00:00:05"}
    assert root.findall("location") == []


def test_bindings_and_hosting_of_a_case_replace_those_of_the_machine() -> None:
    raw = {
        "bindings": '<binding protocol="https" bindingInformation="*:443:a.example.com" sslFlags="1" />',
        "hosting": '<hsts enabled="true" max-age="5" />',
    }
    root = config(raw, https=44300)
    assert [one.get("bindingInformation") for one in root.iter("binding")] == ["*:44300:a.example.com"]
    assert [one.get("max-age") for one in root.iter("hsts")] == ["5"]
    assert len(list(root.iter("site"))) == 1
    assert root.find("system.applicationHost/sites/siteDefaults/logFile") is not None
    assert bound_ports(ET.tostring(root, encoding="unicode")) == {"https": 44300}


def test_a_section_that_the_machine_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no section system\.webServer/cgi: is its module installed"):
        config({"apphost": "<system.webServer><cgi /></system.webServer>"})


def test_every_case_that_is_recorded_can_be_written_for_a_machine() -> None:
    cases = chosen("iis", behaviour_cases())
    assert len(cases) > 500
    for site in {case.site.id: case.site for case in cases}.values():
        assert merged(BASE, site.overlay, "C:\\site", "C:\\logs")


def test_only_what_the_emulator_alone_can_do_is_left_out() -> None:
    every = behaviour_cases()
    left = {case.id for case in every} - {case.id for case in chosen("iis", every)}
    reasons = {
        case.id: (
            case.site.without,
            case.site.windows,
            "<configSections" in case.site.overlay,
            any("refuses" in step.expected for step in case.steps),
        )
        for case in every
    }
    assert all(any(reasons[name]) for name in left)
    topics = {case.id.partition("/")[0] for case in chosen("iis-express", every)}
    assert {"static", "redirect", "outbound"} <= topics
    assert not topics & {"arr", "bindings", "hsts"}


def test_a_request_is_found_again_in_the_log() -> None:
    request, agent = marked(request_of({"request": "GET /a.html"}, None), "static/site/case", 2)
    assert request.headers["User-Agent"] == agent == "ota-proxy-lane/static/site/case/2"
    log = (
        "#Software: x\n#Fields: date time cs-method cs-uri-stem cs(User-Agent) sc-status sc-substatus sc-win32-status\n"
        f"2026-01-02 03:04:05 GET /a.html {agent} 404 3 2\n2026-01-02 03:04:05 GET /b other 200 0 0\n"
    )
    assert substatuses(log) == {agent: 3, "other": 0}


def test_a_user_agent_of_the_case_stays_and_is_looked_for_as_the_log_writes_it() -> None:
    sent = request_of({"request": "GET /a.html", "send": {"User-Agent": "My App/1"}}, None)
    request, agent = marked(sent, "a/b/c", 0)
    assert (request, agent) == (sent, "My+App/1")


def test_what_the_lane_starts_from_is_complete_and_its_certificate_is_of_its_authority(tmp_path: Path) -> None:
    prepare(tmp_path)
    names = {path.name for path in (tmp_path / "rendered").iterdir()}
    assert names == {name for name in iis.NAMES if "snippet" not in name}
    assert all((tmp_path / "rendered" / name / "undo.ps1").is_file() for name in names)
    assert {"index.html", "app.plist", "App.ipa"} <= {path.name for path in (tmp_path / "builds").iterdir()}
    bag = load_pkcs12((tmp_path / "site.pfx").read_bytes(), PASSWORD.encode())
    assert bag.cert is not None
    (authority,) = [one.certificate for one in bag.additional_certs]
    bag.cert.certificate.verify_directly_issued_by(authority)
    assert ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    assert "ota.example.com" in NAMES


def workflow() -> dict[str, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in loaded.items()}  # YAML 1.1 reads `on` as true


def test_the_workflow_may_read_the_repository_and_nothing_else() -> None:
    whole = workflow()
    assert whole["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in whole["jobs"].values())
    assert set(whole["on"]) == {"workflow_dispatch", "schedule"}
    assert "secrets." not in WORKFLOW.read_text(encoding="utf-8")


def test_the_workflow_names_every_action_by_a_version_ends_in_time_and_keeps_no_credentials() -> None:
    for job in workflow()["jobs"].values():
        assert job["timeout-minutes"] <= 120
        assert job["defaults"]["run"]["shell"] == "powershell"
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"actions/[\w-]+@(?:v\d+|[0-9a-f]{40})", step["uses"])
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_the_workflow_runs_on_both_servers_and_every_lane_there_is() -> None:
    text, jobs = WORKFLOW.read_text(encoding="utf-8"), workflow()["jobs"]
    assert jobs["iis"]["strategy"]["matrix"]["os"] == ["windows-2022", "windows-2025"]
    lanes = {path.name for path in (ROOT / "tests/windows").glob("Invoke-*.ps1")}
    assert lanes == set(re.findall(r"Invoke-\w+\.ps1", text))
