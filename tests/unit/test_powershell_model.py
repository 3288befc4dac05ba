"""The PowerShell model itself: what it computes is PowerShell's, and what it does not know it refuses by name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.powershell_model import Machine, PsError, UnsupportedError, run_script
from tests.powershell_model.servers import machine

STRICT = "Set-StrictMode -Version 3.0\n$ErrorActionPreference = 'Stop'\n"
PROXY = "Get-IISConfigSection 'system.webServer/proxy'"
ADD_TYPE = (
    "Get-IISConfigSection 'system.webServer/staticContent' | Get-IISConfigCollection"
    " | New-IISConfigCollectionElement -ConfigAttribute"
)


@pytest.fixture
def on() -> Machine:
    return machine({"web.config": "<configuration />"})


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
        ("$x = @(1, 2, 3); [array]::Reverse($x); $x", [3, 2, 1]),
        ("$n = 1; function F { $script:n = 2 }\nF; $n", [2]),
        ("[Management.Automation.WildcardPattern]::Escape('a[1]')", ["a`[1`]"]),
        ("2 -ge 2; 1 -le 0", [True, False]),
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
        run_script(on, STRICT + script)
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


IMPORT = STRICT + "Import-Module 'C:\\ota\\M.psm1'\n"


@pytest.mark.parametrize(
    ("module", "script", "wanted"),
    [
        ("function F { 'exported' }", "F", ["exported"]),
        ("function F { G }\nfunction G { 'inside' }\nExport-ModuleMember -Function 'F'", "F", ["inside"]),
        ("$x = 'of the module'\nfunction F { $x }", "$x = 'of the script'\nF; $x", ["of the module", "of the script"]),
        ("$n = 0\nfunction F { $script:n = $n + 1; $n }", "F; F", [1, 2]),
        ("function F { $script:n = 'module' }\nfunction G { $n }", "$n = 'script'; F; $n; G", ["script", "module"]),
        ("function F { $PSScriptRoot }", "F", ["C:\\ota"]),
        ("function F([bool]$Plan) { $script:WhatIfPreference = $Plan; $WhatIfPreference }", "F $true", [True]),
        ("function F { [CmdletBinding()] param()\nG }\nfunction G { $PSCmdlet.ShouldProcess('x', 'y') }", "F", [True]),
    ],
)
def test_a_module_has_variables_and_functions_of_its_own(
    on: Machine, module: str, script: str, wanted: list[Any]
) -> None:
    on.files["C:\\ota\\M.psm1"] = f"Set-StrictMode -Version 3.0\n{module}"
    assert run_script(on, IMPORT + script) == wanted


@pytest.mark.parametrize(
    ("module", "script", "says"),
    [
        ("function F { $mine }", "$mine = 1; F", r"'\$mine' cannot be retrieved"),
        ("function F { $PSCmdlet }", "F", r"'\$PSCmdlet' cannot be retrieved"),
        ("$x = 1", "$x", r"'\$x' cannot be retrieved"),
        ("function F { }", "Import-Module 'C:\\ota\\N.psm1'", "no valid module file was found"),
        ("function F { }", "Import-Module 'C:\\ota\\[M].psm1'", "wildcard path"),
        ("function F { }", "Export-ModuleMember -Function 'F'", "only be called from inside a module"),
    ],
)
def test_what_a_module_and_its_script_do_not_see_of_each_other_is_an_error(
    on: Machine, module: str, script: str, says: str
) -> None:
    on.files["C:\\ota\\M.psm1"] = f"Set-StrictMode -Version 3.0\n{module}"
    with pytest.raises(PsError, match=says):
        run_script(on, IMPORT + script)


@pytest.mark.parametrize(
    ("module", "script", "name"),
    [
        ("function F { }\nfunction G { }\nExport-ModuleMember -Function 'F'", "G", "the command G"),
        ("function F { H }", "function H { }\nF", "the command H"),
        ("Export-ModuleMember -Function 'F'", "", "does not define"),
        ("function F { Get-Content -LiteralPath 'C:\\none' }", "F", "is not Stop"),
    ],
)
def test_what_would_be_found_or_go_on_elsewhere_fails_by_name(on: Machine, module: str, script: str, name: str) -> None:
    on.files["C:\\ota\\M.psm1"] = f"Set-StrictMode -Version 3.0\n{module}"
    with pytest.raises(UnsupportedError, match=name):
        run_script(on, IMPORT + script)


def test_a_module_runs_once_in_a_session_and_again_with_force(on: Machine) -> None:
    on.files["C:\\ota\\M.psm1"] = "$n = 0\nfunction F { $script:n = $n + 1; $n }"
    again = "Import-Module 'C:\\ota\\M.psm1'"
    assert run_script(on, f"{IMPORT}F\n{again}\nF\n{again} -Force\nF") == [1, 2, 1]


def test_a_module_imported_locally_is_not_there_outside_the_scope(on: Machine) -> None:
    on.files["C:\\ota\\M.psm1"] = "function F { 1 }"
    local = "function G { Import-Module 'C:\\ota\\M.psm1' -Scope Local\nF }\nG\n"
    assert run_script(on, local) == [1]
    with pytest.raises(UnsupportedError, match="the command F"):
        run_script(on, local + "F")
