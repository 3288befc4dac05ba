"""What lint makes of IIS files: each rule on a wrong and a right configuration, with its line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ota_proxy.rules.registry import checks_of, evaluate
from ota_proxy.rules.rule import Facts, Outcome
from ota_proxy.servers.iis.effective import read_effective
from ota_proxy.servers.iis.in_force import Configuration
from tests.unit.iis.conftest import web

Lint = Callable[..., dict[str, list[Outcome]]]
TYPES = '<staticContent><mimeMap fileExtension=".ipa" mimeType="application/octet-stream" /><mimeMap fileExtension=".plist" mimeType="text/xml" /></staticContent>'
HTTPS = '<binding protocol="https" bindingInformation="*:443:" />'
HTTP = '<binding protocol="http" bindingInformation="*:80:" />'


def server(inside: str = "", *, bindings: str = HTTP + HTTPS, site: str = "") -> str:
    """An applicationHost.config with one site."""
    return (
        '<configuration>\n<system.applicationHost><sites><site name="OTA" id="1">\n'
        f"<bindings>\n{bindings}\n</bindings>\n{site}</site></sites></system.applicationHost>\n{inside}\n</configuration>"
    )


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """Lint a web.config (what stands in system.webServer, from line 3) with files beside it; outcomes by rule."""

    def judged(
        inside: str = "",
        names: Sequence[str] = (),
        apphost: str = "",
        windows: str = "2022",
        **flags: Any,  # noqa: ANN401 - load's own
    ) -> dict[str, list[Outcome]]:
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        (site / "web.config").write_text(inside if inside.startswith("<configuration") else web(inside))
        for name in names:
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text("x")
        if apphost:
            (tmp_path / "applicationHost.config").write_text(apphost)
        configuration = Configuration.load(
            site, tmp_path / "applicationHost.config" if apphost else None, windows=windows, **flags
        )
        facts = read_effective(configuration, site, windows=windows, own_server=bool(apphost))
        found: dict[str, list[Outcome]] = {}
        for outcome in evaluate(Facts(files=facts, server="iis"), "site", "l"):
            found.setdefault(outcome.rule.id, []).append(outcome)
        return found

    return judged


def places(outcomes: list[Outcome]) -> list[int]:
    """Return the lines of findings; empty where there is none."""
    return [one.line for one in outcomes if one.status == "failed"]


def statuses(outcomes: list[Outcome]) -> set[str]:
    return {one.status for one in outcomes}


@pytest.mark.parametrize(
    ("rule", "inside", "lines"),
    [
        ("OTA314", TYPES.replace("text/xml", "application/octet-stream"), [3]),
        ("OTA314", TYPES.replace("text/xml", "application/xml"), []),
        ("OTA411", TYPES.replace("application/octet-stream", "text/plain"), [3]),
        ("OTA411", TYPES.replace("application/octet-stream", "application/x-itunes-ipa"), []),
        ("OTA601", TYPES, []),
        ("OTA601", '<staticContent>\n<mimeMap fileExtension=".ipa" mimeType="a/b" />\n</staticContent>', [4]),
        ("OTA601", "", [1, 1]),
        (
            "OTA605",
            TYPES
            + '<httpCompression><staticTypes><remove mimeType="*/*" />\n<add mimeType="*/*" enabled="true" /></staticTypes></httpCompression>',
            [4, 1],
        ),
        (
            "OTA605",
            TYPES
            + '<httpCompression><staticTypes>\n<add mimeType="application/octet-stream" enabled="true" /></staticTypes></httpCompression>',
            [4, 1],
        ),
        ("OTA605", TYPES, [1]),
        ("OTA605", TYPES + '<urlCompression doStaticCompression="false" />', []),
        ("OTA605", TYPES + "<httpCompression><staticTypes><clear /></staticTypes></httpCompression>", []),
        (
            "OTA606",
            '<security><requestFiltering>\n<verbs allowUnlisted="false"><add verb="GET" allowed="true" /></verbs></requestFiltering></security>',
            [4],
        ),
        (
            "OTA606",
            '<security><requestFiltering><verbs>\n<add verb="HEAD" allowed="false" /></verbs></requestFiltering></security>',
            [4],
        ),
        (
            "OTA606",
            '<security><requestFiltering><verbs allowUnlisted="false"><add verb="GET" allowed="true" /><add verb="HEAD" allowed="true" /></verbs></requestFiltering></security>',
            [],
        ),
        (
            "OTA611",
            '<security><requestFiltering><fileExtensions>\n<add fileExtension=".PLIST" allowed="false" /></fileExtensions></requestFiltering></security>',
            [4],
        ),
        (
            "OTA611",
            '<security><requestFiltering>\n<fileExtensions allowUnlisted="false"><add fileExtension=".ipa" allowed="true" /></fileExtensions></requestFiltering></security>',
            [4],
        ),
        (
            "OTA611",
            '<security><requestFiltering><denyUrlSequences>\n<add sequence=".plist" /></denyUrlSequences></requestFiltering></security>',
            [4],
        ),
        (
            "OTA611",
            '<security><requestFiltering><denyUrlSequences><add sequence=".." /></denyUrlSequences></requestFiltering></security>',
            [],
        ),
        ("OTA612", "", [1]),
        ("OTA612", '<security><requestFiltering removeServerHeader="true" /></security>', []),
        (
            "OTA612",
            '<security><requestFiltering removeServerHeader="true" /></security><httpProtocol><customHeaders>\n<add name="X-Powered-By" value="us" /></customHeaders></httpProtocol>',
            [4],
        ),
        (
            "OTA612",
            '<rewrite><outboundRules><rule name="r"><match serverVariable="RESPONSE_Server" pattern=".*" /><action type="Rewrite" value="" /></rule></outboundRules></rewrite>',
            [],
        ),
        ("OTA613", '\n<directoryBrowse enabled="true" />', [4]),
        ("OTA613", '<directoryBrowse enabled="false" />', []),
    ],
)
def test_a_rule_about_files_holds_and_fails_at_its_line(lint: Lint, rule: str, inside: str, lines: list[int]) -> None:
    assert places(lint(inside)[rule]) == lines


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("", "no Cache-Control"),
        (
            '<staticContent><clientCache cacheControlMode="UseMaxAge" cacheControlMaxAge="01:00:00" /></staticContent>',
            "3600 s",
        ),
        (
            '<staticContent><clientCache cacheControlMode="UseExpires" httpExpires="x" /></staticContent>',
            "its Expires: x",
        ),
        (
            '<staticContent><clientCache cacheControlMode="UseMaxAge" cacheControlMaxAge="00:00:00" /></staticContent>',
            "Cache-Control is max-age=0",
        ),
        (
            '<httpProtocol><customHeaders><add name="cache-control" value="public, max-age=60" /></customHeaders></httpProtocol>',
            "for 60 s",
        ),
        ('<staticContent><clientCache cacheControlMode="DisableCache" /></staticContent>', ""),
        ('<staticContent><clientCache cacheControlCustom="no-store" /></staticContent>', ""),
        (
            '<httpProtocol><customHeaders><add name="cache-control" value="private" /></customHeaders></httpProtocol>',
            "",
        ),
        (
            '<rewrite><outboundRules><rule name="r"><match serverVariable="RESPONSE_CACHE_CONTROL" pattern=".*" /><action type="Rewrite" value="no-store" /></rule></outboundRules></rewrite>',
            "",
        ),
    ],
)
def test_a_manifest_that_a_cache_may_keep_is_found(lint: Lint, inside: str, why: str) -> None:
    (found,) = lint(inside)["OTA315"]
    assert (found.status, why in found.message) == ("failed" if why else "passed", True)


def test_a_location_for_the_manifest_is_what_counts_for_it(lint: Lint) -> None:
    text = '<configuration><location path="ota/app.plist"><system.webServer><staticContent><clientCache cacheControlMode="DisableCache" /></staticContent></system.webServer></location></configuration>'
    assert places(lint(text, names=["ota/app.plist"])["OTA315"]) == []


def test_a_manifest_beside_that_location_still_counts(lint: Lint) -> None:
    text = '<configuration><location path="ota/app.plist"><system.webServer><staticContent><clientCache cacheControlMode="DisableCache" /></staticContent></system.webServer></location></configuration>'
    assert places(lint(text, names=["ota/app.plist", "ota/other.plist"])["OTA315"]) == [1]


def test_only_files_that_are_there_need_the_other_media_types(lint: Lint) -> None:
    found = lint(TYPES, names=["a/x.mobileconfig", "x.apk", "y.ipa"])["OTA601"]
    assert [one.message.split(" has")[0] for one in found] == ["/x.apk", "/a/x.mobileconfig"]


# -- names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "name", "code"),
    [
        ("", "App-1.2+45.ipa", "404.11"),
        ('<security><requestFiltering allowDoubleEscaping="true" /></security>', "App-1.2+45.ipa", ""),
        ("", "100%.ipa", "404.11"),
        ("", "App-1.2-45.ipa", ""),
        (
            '<security><requestFiltering><hiddenSegments><add segment="bin" /></hiddenSegments></requestFiltering></security>',
            "BIN/a.ipa",
            "404.8",
        ),
        (
            '<security><requestFiltering><hiddenSegments><add segment="bin" /></hiddenSegments></requestFiltering></security>',
            "binary/a.ipa",
            "",
        ),
        (
            '<security><requestFiltering><denyUrlSequences><add sequence="beta" /></denyUrlSequences></requestFiltering></security>',
            "App-Beta.ipa",
            "404.5",
        ),
        (
            '<security><requestFiltering><denyUrlSequences><add sequence="beta" /></denyUrlSequences></requestFiltering></security>',
            "App.ipa",
            "",
        ),
    ],
)
def test_request_filtering_is_held_against_the_names_in_the_tree(lint: Lint, inside: str, name: str, code: str) -> None:
    (found,) = lint(TYPES + inside, names=[name])["OTA611"]
    assert (found.status, code in found.message) == ("failed" if code else "passed", True)


def rule(match: str = 'url=".*"', conditions: str = "", url: str = "/index.html", more: str = "") -> str:
    return f'<rewrite><rules><rule name="spa" {more}>\n<match {match} /><conditions>{conditions}</conditions><action type="Rewrite" url="{url}" /></rule></rules></rewrite>'


NO_FILE = '<add input="{REQUEST_FILENAME}" matchType="IsFile" negate="true" /><add input="{REQUEST_FILENAME}" matchType="IsDirectory" negate="true" />'


@pytest.mark.parametrize(
    ("inside", "caught"),
    [
        (rule(conditions=NO_FILE), True),
        (rule(), True),
        (rule(url="/"), True),
        (rule(url="index.html?x={R:0}"), True),
        (rule(match='url="*"', more='patternSyntax="Wildcard"', conditions=NO_FILE), True),
        (rule(conditions=NO_FILE + '<add input="{HTTPS}" pattern="on" />'), True),
        (rule(match=r'url="\.(plist|ipa)$" negate="true"', conditions=NO_FILE), False),
        (rule(match='url="^app/"', conditions=NO_FILE), False),
        (rule(conditions=NO_FILE + r'<add input="{REQUEST_URI}" pattern="\.(ipa|plist)$" negate="true" />'), False),
        (rule(conditions='<add input="{REQUEST_FILENAME}" matchType="IsFile" />'), False),
        (rule(conditions=NO_FILE + '<add input="{HTTP_ACCEPT}" pattern="text/html" />'), False),
        (rule(url="http://127.0.0.1:8080/{R:0}"), False),
        (rule(url="app.php"), False),
        (rule(more='enabled="false"'), False),
        (rule(match='url="(?<bad"'), False),
        (
            '<httpErrors><remove statusCode="404" /><error statusCode="404" path="/index.html" responseMode="ExecuteURL" /></httpErrors>',
            True,
        ),
        (
            '<httpErrors><remove statusCode="404" /><error statusCode="404" path="/index.html" responseMode="Redirect" /></httpErrors>',
            True,
        ),
        (
            '<httpErrors><remove statusCode="404" /><error statusCode="404" path="404.html" responseMode="File" /></httpErrors>',
            False,
        ),
        (
            '<httpErrors><remove statusCode="500" /><error statusCode="500" path="/e.html" responseMode="ExecuteURL" /></httpErrors>',
            False,
        ),
    ],
)
def test_a_fallback_that_hides_a_missing_file_is_found(lint: Lint, inside: str, *, caught: bool) -> None:
    assert places(lint(TYPES + inside)["OTA610"]) == ([3] if caught else [])


# -- transport -----------------------------------------------------------------------------------------------------------


def redirect(
    url: str = "https://{HTTP_HOST}{REQUEST_URI}",
    more: str = "",
    condition: str = '<add input="{HTTPS}" pattern="off" />',
) -> str:
    return f'<rewrite><rules>\n<rule name="https"><match url=".*" /><conditions>{condition}</conditions><action type="Redirect" url="{url}" {more} /></rule></rules></rewrite>'


@pytest.mark.parametrize(
    ("inside", "apphost", "status"),
    [
        (redirect(), "", "passed"),
        ("", "", "no-verdict"),
        ("", server(), "failed"),
        ('<httpRedirect enabled="true" destination="https://ota.example.com" />', server(), "passed"),
        ("", server(site='<hsts enabled="true" max-age="63072000" redirectHttpToHttps="true" />'), "passed"),
        ("", server(site='<hsts enabled="false" redirectHttpToHttps="true" />'), "failed"),
        ("", server(bindings=HTTPS), "not-applicable"),
        ("", server(bindings=HTTP), "not-applicable"),
    ],
)
def test_http_without_a_redirect_is_found_where_bindings_are_known(
    lint: Lint, inside: str, apphost: str, status: str
) -> None:
    (found,) = lint(inside, apphost=apphost)["OTA201"]
    assert found.status == status
    if status == "failed":
        assert (found.file.endswith("applicationHost.config"), found.line) == (True, 4)


@pytest.mark.parametrize(
    ("inside", "lines"),
    [
        (redirect("https://ota.example.com"), [4]),
        (redirect("https://ota.example.com/{R:0}"), []),
        (redirect("https://ota.example.com/{R:0}", 'appendQueryString="false"'), [4]),
        (redirect("https://ota.example.com{UNENCODED_URL}", 'appendQueryString="false"'), []),
        ('<httpRedirect enabled="true" destination="https://ota.example.com" exactDestination="true" />', [3]),
        ('<httpRedirect enabled="true" destination="https://ota.example.com$S$Q" exactDestination="true" />', []),
    ],
)
def test_a_redirect_that_loses_path_or_query_is_found(lint: Lint, inside: str, lines: list[int]) -> None:
    assert places(lint(inside)["OTA202"]) == lines


def header(value: str) -> str:
    return f'<httpProtocol><customHeaders>\n<add name="Strict-Transport-Security" value="{value}" /></customHeaders></httpProtocol>'


def outbound(condition: str) -> str:
    return f'<rewrite><outboundRules>\n<rule name="h" preCondition="p"><match serverVariable="RESPONSE_Strict_Transport_Security" pattern=".*" /><action type="Rewrite" value="max-age=63072000" /></rule><preConditions><preCondition name="p">{condition}</preCondition></preConditions></outboundRules></rewrite>'


@pytest.mark.parametrize(
    ("inside", "apphost", "windows", "lines"),
    [
        (header("max-age=63072000"), "", "2022", [4]),
        (header("max-age=63072000"), server(bindings=HTTPS), "2022", []),
        (header("max-age=60"), server(bindings=HTTPS), "2022", [4]),
        (header("includeSubDomains"), server(bindings=HTTPS), "2022", [4]),
        (outbound('<add input="{HTTPS}" pattern="on" />'), "", "2016", []),
        (outbound('<add input="{URL}" pattern="." />'), "", "2016", [4]),
        ("", "", "2016", [1]),
        ("", server(), "2022", [1]),
        ("", server(site='<hsts enabled="true" max-age="63072000" />'), "2022", []),
        ("", server(site='<hsts enabled="true" />'), "2022", [6]),
        ("", server(bindings=HTTP), "2022", []),
    ],
)
def test_hsts_that_is_missing_short_or_sent_over_http_is_found(
    lint: Lint, inside: str, apphost: str, windows: str, lines: list[int]
) -> None:
    assert places(lint(inside, apphost=apphost, windows=windows)["OTA219"]) == lines


def test_hsts_may_stand_in_a_file_that_was_not_given(lint: Lint) -> None:
    (found,) = lint("")["OTA219"]
    assert (found.status, "--apphost" in found.message) == ("no-verdict", True)
    assert statuses(lint("")["OTA220"]) == {"not-applicable"}


def test_what_a_redirect_makes_of_an_address_is_told(lint: Lint) -> None:
    (found,) = lint(redirect("https://ota.example.com"))["OTA202"]
    assert found.message.startswith("The redirect to https turns /any.plist?build=1 into /?build=1")


def test_preload_and_subdomains_are_named(lint: Lint) -> None:
    (found,) = lint(header("max-age=63072000; includeSubDomains; preload"))["OTA220"]
    assert (found.severity, "preload and includeSubDomains" in found.message) == ("note", True)


@pytest.mark.parametrize(
    ("sets", "apphost", "lines"),
    [
        ("", "", [4]),
        ('<set name="HTTP_X_FORWARDED_PROTO" value="https" />', "", []),
        ('<set name="HTTP_X_FORWARDED_PROTO" value="https" />', server(), [4]),
        (
            '<set name="HTTP_X_FORWARDED_PROTO" value="https" /><set name="HTTP_X_FORWARDED_HOST" value="h" />',
            server(),
            [],
        ),
        (
            '<set name="HTTP_X_FORWARDED_PROTO" value="https" />',
            server('<system.webServer><proxy enabled="true" preserveHostHeader="true" /></system.webServer>'),
            [],
        ),
    ],
)
def test_a_proxy_that_keeps_the_scheme_or_host_to_itself_is_found(
    lint: Lint, sets: str, apphost: str, lines: list[int]
) -> None:
    inside = f'<rewrite><rules>\n<rule name="app"><match url="." /><serverVariables>{sets}</serverVariables><action type="Rewrite" url="http://127.0.0.1:8080/{{R:0}}" /></rule></rules></rewrite>'
    assert places(lint(inside, apphost=apphost)["OTA607"]) == lines


# -- what IIS refuses ----------------------------------------------------------------------------------------------------


def test_the_first_violation_of_a_file_is_marked(lint: Lint) -> None:
    found = lint('<handlers />\n<urlCompression x="1" />\n<staticContent y="2" />')
    assert [one.message.startswith("IIS stops here: ") for one in (*found["OTA621"], *found["OTA619"])] == [
        True,
        False,
        False,
    ]
    assert [(one.line, one.span.column) for one in found["OTA619"]] == [(4, 17), (5, 16)]
    assert "0x8007000d" in found["OTA619"][0].message


def test_a_media_type_without_remove_is_a_note_until_the_server_s_file_is_known(lint: Lint) -> None:
    (first, second) = lint(TYPES)["OTA620"]
    assert (first.severity, second.severity) == ("note", "note")


def test_a_media_type_without_remove_is_fine_where_the_server_s_file_is_known(lint: Lint) -> None:
    assert statuses(lint(TYPES, apphost=server())["OTA620"]) == {"passed"}


def test_a_section_whose_module_is_not_installed_is_ineffective(lint: Lint) -> None:
    (found,) = lint(
        '\n<httpRedirect enabled="true" destination="https://x" />',
        without_modules=frozenset({"HttpRedirectionModule"}),
    )["OTA618"]
    assert (found.line, found.severity) == (4, "warning")


def test_what_came_with_iis_is_not_called_ineffective(lint: Lint) -> None:
    apphost = server(
        '<system.webServer><httpRedirect /></system.webServer><location path="OTA"><system.webServer>\n<httpRedirect enabled="true" /></system.webServer></location>'
    )
    found = lint("", apphost=apphost, without_modules=frozenset({"HttpRedirectionModule"}))["OTA618"]
    assert [(Path(one.file).name, one.line) for one in found] == [("applicationHost.config", 8)]


def test_a_setting_of_the_client_cache_needs_its_mode(lint: Lint) -> None:
    inside = (
        '<staticContent>\n<clientCache cacheControlMode="NoControl" cacheControlMaxAge="1.00:00:00" /></staticContent>'
    )
    assert places(lint(inside)["OTA618"]) == [4]


def test_what_is_missing_points_at_the_outermost_web_config(lint: Lint, tmp_path: Path) -> None:
    (tmp_path / "site/sub").mkdir(parents=True)
    (tmp_path / "site/sub/web.config").write_text(web("<directoryBrowse />"))
    found = lint("", apphost=server())["OTA601"]
    assert {Path(one.file).parts[-2:] for one in found} == {("site", "web.config")}


def test_a_server_header_cannot_be_removed_before_windows_1709(lint: Lint) -> None:
    found = lint('<security><requestFiltering removeServerHeader="true" /></security>', windows="2016")
    assert (places(found["OTA618"]), statuses(found["OTA612"])) == ([1], {"not-applicable"})


def test_unknown_sections_leave_the_schema_without_a_verdict(lint: Lint) -> None:
    (found,) = lint("<configuration><system.web /><system.webServer><iisnode /></system.webServer></configuration>")[
        "OTA619"
    ]
    assert (found.status, "system.web, system.webServer/iisnode" in found.message) == ("no-verdict", True)


def test_a_file_that_is_no_xml_leaves_everything_else_without_a_verdict(lint: Lint) -> None:
    found = lint("<configuration>")
    assert statuses(found.pop("OTA619")) == {"failed"}
    assert {status for outcomes in found.values() for status in statuses(outcomes)} == {"no-verdict"}


def test_every_rule_of_these_files_was_asked_and_says_what_to_do(lint: Lint) -> None:
    found = lint("")
    assert found.keys() == checks_of("l").keys()
    assert [
        one.rule.id for outcomes in found.values() for one in outcomes if one.status == "failed" and not one.remedy
    ] == []


def test_nothing_of_it_applies_without_a_configuration() -> None:
    assert {one.status for one in evaluate(Facts(), "x", "l")} == {"not-applicable"}
