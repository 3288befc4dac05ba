# Made by ota-proxy 0.1.0; change the site and render it again instead of editing this file.
# For IIS 10 on Windows Server 2016, scope site, TLS guideline 6.0 intermediate.
# Command: ota-proxy render iis
#
# What this file needs around it:
#   - URL Rewrite 2.1 (2.0 does not know useOriginalURLEncoding and would answer 500.19)
#   - setup.ps1 run as administrator, with web.config and OtaProxy.psm1 in its folder;
#     IISAdministration 1.1 (Windows 2016: Install-Module IISAdministration)
#   - a certificate in LocalMachine\My (-CertificateThumbprint), or a PFX file (-PfxPath,
#     -PfxPassword)
#
# Good to know:
#   - checked without Windows: this follows the documentation of IIS, no IIS has run it for this
#     rendering
#   - /srv/ota is %SystemDrive%\srv\ota on Windows
#   - a PFX from the PEM files: openssl pkcs12 -export -in /etc/ssl/ota.pem -inkey /etc/ssl/ota.key
#     -out site.pfx
#   - folders with content need read permission for IIS AppPool\ota.example.com

#Requires -Version 5.1
#Requires -RunAsAdministrator

# Sets up this site in applicationHost.config, in one commit. Each step looks first and writes only what differs: a second run writes
# nothing. What was there before is recorded for undo.ps1. With -WhatIf it only shows the plan. How it is done stands in OtaProxy.psm1.

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    # Thumbprint of a certificate with its key in LocalMachine\My.
    [string[]]$CertificateThumbprint = @(),
    # PFX file to import there instead, and its password.
    [string[]]$PfxPath = @(),
    [securestring]$PfxPassword = $null,
    # Also set TLS versions and cipher suites, for every service on this machine.
    [switch]$Schannel
)

# ------------------------------------------------------------------------
# | Settings                                                             |
# ------------------------------------------------------------------------

$Site = 'ota.example.com'
$Folder = '%SystemDrive%\srv\ota'
$HttpBindings = @('*:80:ota.example.com')
$HttpsBindings = @('*:443:ota.example.com')

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

# ------------------------------------------------------------------------
# | What this server must have                                           |
# ------------------------------------------------------------------------

Assert-OtaCertificateCount -Thumbprint $CertificateThumbprint -Path $PfxPath -Count 1
Assert-OtaModule -Name 'StaticFileModule' -Remedy 'run Install-WindowsFeature Web-Static-Content'
Assert-OtaModule -Name 'RequestFilteringModule' -Remedy 'run Install-WindowsFeature Web-Filtering'
Assert-OtaModule -Name 'RewriteModule' -Remedy 'install URL Rewrite 2.1'
Assert-OtaRewrite
Assert-OtaUnclaimed -Sites @($Site) -Http $HttpBindings -Https $HttpsBindings

# ------------------------------------------------------------------------
# | Certificates, folders and web.config                                 |
# ------------------------------------------------------------------------

$thumbprints = @(Import-OtaCertificates -Thumbprint $CertificateThumbprint -Path $PfxPath -Password $PfxPassword)
Add-OtaFolder -Path '%SystemDrive%\var\www\acme\.well-known\acme-challenge'
Test-OtaFolder -Path $Folder
Copy-OtaWebConfig -Source (Join-Path $PSScriptRoot 'web.config') -Folder $Folder

# ------------------------------------------------------------------------
# | applicationHost.config, in one commit                                |
# ------------------------------------------------------------------------

Start-OtaCommit
try {
    # Application pool and site
    # A pool of its own without managed code: nothing of this site runs .NET.
    Add-OtaPool -Name $Site
    Add-OtaSite -Site $Site -Pool $Site -Folder $Folder

    # Bindings
    # By name only: what nobody bound is answered by Windows, not by this site.
    # SslFlags: 1 asks for the name in the handshake (SNI).
    Add-OtaHttpBinding -Site $Site -Bindings $HttpBindings
    Add-OtaHttpsBinding -Site $Site -Bindings $HttpsBindings -SslFlags 1 -Thumbprints $thumbprints

    # ACME challenges over http
    # Their names have no extension, which IIS maps as '.'.
    Add-OtaDirectory -Site $Site -Path '/.well-known/acme-challenge' -Folder '%SystemDrive%\var\www\acme\.well-known\acme-challenge'
    Add-OtaMediaType -Location 'ota.example.com/.well-known/acme-challenge' -Extension '.' -Type 'text/plain'

    Complete-OtaCommit
} catch {
    Stop-OtaCommit
    throw
}

# ------------------------------------------------------------------------
# | TLS of the whole machine, only with -Schannel                        |
# ------------------------------------------------------------------------

if ($Schannel) {
    Set-OtaSchannel -Enabled @('TLS 1.2') -Disabled @('SSL 2.0', 'SSL 3.0', 'TLS 1.0', 'TLS 1.1') -CipherSuites @(
        'TLS_AES_128_GCM_SHA256'
        'TLS_AES_256_GCM_SHA384'
        'TLS_CHACHA20_POLY1305_SHA256'
        'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'
        'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'
        'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'
        'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'
        'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'
        'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'
    )
}
