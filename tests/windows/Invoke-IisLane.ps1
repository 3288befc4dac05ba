# The whole lane on a Windows Server with IIS (a throw-away one: it rewrites applicationHost.config). Run as administrator, from the checkout:
#
#   powershell -ExecutionPolicy Bypass -File tests\windows\Invoke-IisLane.ps1
#
# Installs what is missing, sets every rendered variant up and back, asks IIS all behaviour cases and records what it answers.

param(
    # Folder for everything that is made.
    [string]$Work = 'C:\ota-lane',
    # Where the answers go.
    [string]$Output = 'tests\windows\iis-recorded.json'
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

function Invoke-LaneProgram([string]$What) {
    if ($LASTEXITCODE -ne 0) { throw "$What ended with $LASTEXITCODE" }
}

$null = New-Item -ItemType Directory -Force -Path $Work
python -m tests.windows.prepare $Work
Invoke-LaneProgram 'tests.windows.prepare'
$pfx = Join-Path $Work 'site.pfx'
& (Join-Path $PSScriptRoot 'Install-Lane.ps1') -Work $Work -Pfx $pfx

foreach ($folder in Get-ChildItem -LiteralPath (Join-Path $Work 'rendered') -Directory) {
    $given = @{ Rendered = $folder.FullName }
    if ($folder.Name -notlike 'offloaded*') { $given['Pfx'] = $pfx }
    & (Join-Path $PSScriptRoot 'Test-LaneSetup.ps1') @given
}

$base = Join-Path $Work 'base.config'
Copy-Item -LiteralPath (Join-Path $env:SystemRoot 'System32\inetsrv\config\applicationHost.config') -Destination $base -Force
try {
    python -m tests.windows.record --server iis --work $Work --base $base --ca (Join-Path $Work 'ca.pem') --output $Output
    Invoke-LaneProgram 'tests.windows.record'
} finally {
    & (Join-Path $PSScriptRoot 'Set-LaneConfig.ps1')
}
