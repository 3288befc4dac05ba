# Runs a rendered setup.ps1 and undo.ps1 on this server: the plan, once, twice, appcmd on each section it wrote, and back.
# Ends with an error when a second run or -WhatIf changes anything, IIS refuses a section, or undo leaves anything behind.

param(
    # Folder with web.config, setup.ps1, undo.ps1 and OtaProxy.psm1.
    [Parameter(Mandatory = $true)][string]$Rendered,
    # PFX file made by tests.windows.prepare; empty for a site without TLS.
    [string]$Pfx = ''
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$live = Join-Path $env:SystemRoot 'System32\inetsrv\config\applicationHost.config'
$appcmd = Join-Path $env:SystemRoot 'System32\inetsrv\appcmd.exe'
$state = Join-Path $env:ProgramData 'ota-proxy'
$setup = Join-Path $Rendered 'setup.ps1'
$undo = Join-Path $Rendered 'undo.ps1'
$tls = @{}
if ($Pfx) {
    $tls['PfxPath'] = $Pfx
    $tls['PfxPassword'] = ConvertTo-SecureString -String 'ota-proxy-lane' -AsPlainText -Force
}

# The file as XML without the blanks between its elements: what IIS may lay out anew when it writes.
function Get-LaneConfig {
    $document = New-Object System.Xml.XmlDocument
    $document.PreserveWhitespace = $false
    $document.Load($live)
    return $document.OuterXml
}

function Assert-LaneSame([string]$What, [string]$Before) {
    if ((Get-LaneConfig) -cne $Before) { throw "$What changed applicationHost.config" }
}

$before = Get-LaneConfig

# Without its module a script stops, and says why, before it changes anything.
$module = Join-Path $Rendered 'OtaProxy.psm1'
$kept = [System.IO.File]::ReadAllText($module)
Remove-Item -LiteralPath $module
$said = ''
try { & $setup @tls } catch { $said = "$_" }
if ($said -notlike 'OtaProxy.psm1 is missing in *') { throw "setup.ps1 without its module said '$said'" }
[System.IO.File]::WriteAllText($module, $kept)
Assert-LaneSame 'setup.ps1 without its module' $before

# -WhatIf reaches the functions of the module, which does not see the preferences of a script by itself.
& $setup @tls -WhatIf
Assert-LaneSame 'setup.ps1 -WhatIf' $before

& $setup @tls
$after = Get-LaneConfig
$written = (Get-Item -LiteralPath $live).LastWriteTimeUtc
& $setup @tls
Assert-LaneSame 'a second setup.ps1' $after
if ((Get-Item -LiteralPath $live).LastWriteTimeUtc -ne $written) { throw 'a second setup.ps1 wrote applicationHost.config' }

# Every section that the records name, and those of web.config, at its place: IIS refuses what it does not understand.
$file = @(Get-ChildItem -LiteralPath $state -Filter '*.json')[0].FullName
$records = (Get-Content -LiteralPath $file -Raw -Encoding UTF8 | ConvertFrom-Json).Records
$site = (Get-Content -LiteralPath $file -Raw -Encoding UTF8 | ConvertFrom-Json).Site
$asked = @()
foreach ($record in $records) {
    if (@('attribute', 'element') -contains $record.Kind) { $asked += ,@($record.Location, $record.Section) }
}
$web = New-Object System.Xml.XmlDocument
$web.Load((Join-Path $Rendered 'web.config'))
foreach ($section in 'staticContent', 'httpProtocol', 'httpErrors', 'urlCompression', 'security/requestFiltering', 'rewrite/rules', 'rewrite/outboundRules') {
    if ($null -ne $web.SelectSingleNode("/configuration/system.webServer/$section")) { $asked += ,@($site, "system.webServer/$section") }
}
foreach ($one in $asked) {
    $said = & $appcmd list config $one[0] "-section:$($one[1])"
    if ($LASTEXITCODE -ne 0) { throw "appcmd refuses $($one[1]) at '$($one[0])': $said" }
}

& $undo
Assert-LaneSame 'undo.ps1 with setup.ps1 before it' $before
if (Test-Path -LiteralPath $state) { throw "undo.ps1 left $state behind" }
Write-Host "${Rendered}: set up, set up again, $($asked.Count) sections read by appcmd, taken back"
