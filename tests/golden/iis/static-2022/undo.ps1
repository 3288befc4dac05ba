# Made by ota-proxy 0.1.0; change the site and render it again instead of editing this file.
# For IIS 10 on Windows Server 2022, scope site, TLS guideline 6.0 intermediate.
# Command: ota-proxy render iis

#Requires -Version 5.1
#Requires -RunAsAdministrator

# Takes back what setup.ps1 did, from the last change to the first, as its records say. What somebody changed since is left alone,
# with a warning. With -WhatIf it only shows the plan. How it is done stands in OtaProxy.psm1.

[CmdletBinding(SupportsShouldProcess = $true)]
param()

$Site = 'ota.example.com'

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

# The functions come from OtaProxy.psm1, of the version that made this script.
$Module = Join-Path $PSScriptRoot 'OtaProxy.psm1'
$Remedy = "copy the whole folder that 'ota-proxy render iis -o' wrote, then run this script again"
if (-not (Test-Path -LiteralPath $Module)) { throw "OtaProxy.psm1 is missing in ${PSScriptRoot}: $Remedy." }
if ((Get-Content -LiteralPath $Module -TotalCount 1) -notlike '# Made by ota-proxy 0.1.0: *') {
    throw "OtaProxy.psm1 in $PSScriptRoot is not of ota-proxy 0.1.0, which made this script: $Remedy."
}
Import-Module -Name ([Management.Automation.WildcardPattern]::Escape($Module)) -Force -Scope Local
Start-OtaRun -Site $Site -Preference @{ WhatIf = $WhatIfPreference; Confirm = $ConfirmPreference; Verbose = $VerbosePreference }

if (-not (Test-OtaRecords)) { return }

# Sites, pools, bindings and sections of applicationHost.config, in one commit.
Undo-OtaConfiguration

# TLS of the machine, web.config, folders that are empty, and a certificate that was imported.
Undo-OtaMachine

Clear-OtaRecords
