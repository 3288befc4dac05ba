"""The PowerShell model itself: what it computes is PowerShell's, and what it does not know it refuses by name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.powershell_model import Machine, PsError, UnsupportedError, run_script
from tests.powershell_model.servers import machine

PROXY = "Get-IISConfigSection 'system.webServer/proxy'"
ADD_TYPE = (
    "Get-IISConfigSection 'system.webServer/staticContent' | Get-IISConfigCollection"
    " | New-IISConfigCollectionElement -ConfigAttribute"
)


@pytest.fixture
def on() -> Machine:
    return machine("<configuration />")


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("'a' + 1", ["a1"]),
        ("$t = @{ A = 1 }; $t['a']", [1]),
        ("@(@(1, 2) + 3).Count", [3]),
        ("'TRUE' -eq 'true'", [True]),
        ("'TRUE' -ceq 'true'", [False]),
        ("$false -eq 'False'", [False]),
        ("[string]$false -eq 'False'", [True]),
        ("$null -contains 'x'", [False]),
        ("'a/b' -like 'A/*'", [True]),
        ("if (@(0)) { 1 } elseif ('x') { 2 } else { 3 }", [2]),
        ("function F($A) { $B = 1; return $A, 2 }\n(F 'x')[0]", ["x"]),
        ("function F { 1 | ForEach-Object { $_ + 1 } }\n@(F).Count; F", [1, 2]),
        ("$x = 1; function F { $x = 2; $x }\nF; $x", [2, 1]),
        ("function F { return @() }\n$null -eq (F)", [True]),
        ("try { throw 'no' } catch { 'caught' } finally { 'done' }", ["caught"]),
        ('$n = "b"; "a$n ${n}c $($n + \'d\') `$n"', ["ab bc bd $n"]),
        ("'it''s'", ["it's"]),
        ("foreach ($x in 1, 2, 3) { if ($x -eq 2) { continue }; $x }", [1, 3]),
        ("(@{ R = @(@{ K = 'v' }) } | ConvertTo-Json -Depth 3 | ConvertFrom-Json).R[0].K", ["v"]),
        ("'D:\\x\\y' | ForEach-Object { Split-Path -Parent $_ }", ["D:\\x"]),
    ],
)
def test_it_computes_what_powershell_does(on: Machine, script: str, wanted: list[Any]) -> None:
    assert run_script(on, script) == wanted


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("while ($true) { }", "while_statement"),
        ("Invoke-Expression 'x'", "Invoke-Expression"),
        ("Get-Item -LiteralPath 'C:\\' -Stream x", "-stream"),
        ("1 -band 2", "bitwise"),
        ("[System.IO.File]::Delete('x')", "[IO.File]::Delete"),
        ("'a'.Trim()", "the method Trim"),
        ("[double]'1'", "[double]"),
        ("New-Object System.Text.StringBuilder", "System.Text.StringBuilder"),
        ("& 'x'", "in line 1"),
    ],
)
def test_what_it_does_not_know_fails_by_name(on: Machine, script: str, name: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        run_script(on, script)
    assert name in str(refused.value)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("$missing", r"\$missing"),
        ("@{ A = 1 }.B", "'B' cannot be found"),
        ("$null.Add(1)", "null-valued"),
        ("function F($A) { }\nF -B 1", "parameter cannot be found"),
        ("[System.IO.File]::ReadAllText('C:\\none')", "Could not find file"),
        ("Get-IISConfigSection -SectionPath 'system.webServer/Proxy'", "missing a section declaration"),
        ("Get-IISConfigSection -SectionPath 'system.webServer/proxy' -Location 'x'", "may not stand in a location"),
        ("Start-IISCommitDelay; Start-IISCommitDelay", "delayed already"),
        ("Stop-IISCommitDelay", "not delayed"),
        (
            f"{PROXY} | Set-IISConfigAttributeValue -AttributeName enabled -AttributeValue 'maybe'",
            "'enabled' attribute is",
        ),
        (f"{ADD_TYPE} @{{ fileExtension = '.HTML'; mimeType = 'x/y' }}", "duplicate collection entry"),
        (f"{ADD_TYPE} @{{ fileExtension = '.ipa' }}", "Missing required attribute 'mimeType'"),
    ],
)
def test_an_error_of_the_script_is_an_error_and_writes_nothing(on: Machine, script: str, says: str) -> None:
    before = on.state()
    with pytest.raises(PsError, match=says):
        run_script(on, script)
    assert on.state() == before


def test_what_is_discarded_or_never_committed_is_not_on_disk(on: Machine) -> None:
    before = on.state()
    change = "Get-IISConfigSection 'system.webServer/proxy' | Set-IISConfigAttributeValue -AttributeName enabled -AttributeValue $true"
    run_script(on, f"Start-IISCommitDelay; {change}; Stop-IISCommitDelay -Commit $false")
    run_script(on, f"Start-IISCommitDelay; {change}")
    on.new_session()
    assert on.state() == before
    run_script(on, f"Start-IISCommitDelay; {change}; Stop-IISCommitDelay -Commit $true")
    assert 'enabled="true"' in on.state()["applicationHost.config"]


def test_a_location_inherits_from_the_server_and_from_the_locations_around_it(on: Machine) -> None:
    place = "system.webServer/httpRedirect"
    on.server.section(place, "a").attribute("enabled").set(True)
    inner = on.server.section(place, "a/b")
    assert inner.attribute("enabled").value is True
    assert inner.attribute("enabled").member("IsInheritedFromDefaultValue") is False
    assert inner.attribute("httpResponseStatus").value == 302
    assert inner.member("IsLocallyStored") is False
    inner.attribute("enabled").set(False)
    assert on.server.section(place, "a").attribute("enabled").value is True
    assert on.server.section(place).attribute("enabled").value is False


def test_a_cmdlet_without_documented_whatif_writes_under_whatif_too(on: Machine) -> None:
    change = "Get-IISConfigSection 'system.webServer/proxy' | Set-IISConfigAttributeValue -AttributeName enabled -AttributeValue $true"
    run_script(on, change, what_if=True)
    assert on.writes
