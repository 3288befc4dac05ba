# Made by ota-proxy 0.1.0; change the site and render it again instead of editing this file.
# For IIS 10 on Windows Server 2025, scope site, TLS guideline 6.0 intermediate.
# Command: ota-proxy render iis
#
# What this file needs around it:
#   - URL Rewrite 2.1 (2.0 does not know useOriginalURLEncoding and would answer 500.19)
#   - Application Request Routing 3, its proxy enabled for the server
#   - /etc/ssl/own-ca.pem in the machine's trusted roots, or the https upstream of /api/ is 502.3
#   - setup.ps1 run as administrator, with web.config and OtaProxy.psm1 in its folder;
#     IISAdministration 1.1 (Windows 2016: Install-Module IISAdministration)
#   - a certificate in LocalMachine\My (-CertificateThumbprint), or a PFX file (-PfxPath,
#     -PfxPassword)
#
# Warnings:
#   - proxy settings count for every site of this server that proxies: see what else uses them before
#     setup.ps1
#
# Good to know:
#   - checked without Windows: this follows the documentation of IIS, no IIS has run it for this
#     rendering
#   - an upload to /api/ may have 1G, more is 413 (max_body)
#   - X-Forwarded-For ends with address:port of the peer; what a client sent in it stands before that
#   - /srv/ota is %SystemDrive%\srv\ota on Windows
#   - /srv/team's builds is %SystemDrive%\srv\team's builds on Windows
#   - /srv/files is %SystemDrive%\srv\files on Windows
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
$HttpBindings = @(
    '192.0.2.10:80:ota.example.com'
    '[2001:db8::10]:80:ota.example.com'
    '192.0.2.10:80:*.builds.example.com'
    '[2001:db8::10]:80:*.builds.example.com'
)
$HttpsBindings = @(
    '192.0.2.10:8443:ota.example.com'
    '[2001:db8::10]:8443:ota.example.com'
    '192.0.2.10:8443:*.builds.example.com'
    '[2001:db8::10]:8443:*.builds.example.com'
)

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
Assert-OtaModule -Name 'ApplicationRequestRouting' -Remedy 'install Application Request Routing 3'
Assert-OtaModule -Name 'IpRestrictionModule' -Remedy 'run Install-WindowsFeature Web-IP-Security'
Assert-OtaRewrite
Assert-OtaUnclaimed -Sites @($Site) -Http $HttpBindings -Https $HttpsBindings

# ------------------------------------------------------------------------
# | Certificates, folders and web.config                                 |
# ------------------------------------------------------------------------

$thumbprints = @(Import-OtaCertificates -Thumbprint $CertificateThumbprint -Path $PfxPath -Password $PfxPassword)
Add-OtaFolder -Path '%SystemDrive%\var\www\acme\.well-known\acme-challenge'
Test-OtaFolder -Path $Folder
Test-OtaFolder -Path '%SystemDrive%\srv\team''s builds'
Test-OtaFolder -Path '%SystemDrive%\srv\files'
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
    # SslFlags: 1 asks for the name in the handshake (SNI), 64 refuses TLS 1.0 and 1.1, 4 switches HTTP/2 off.
    Add-OtaHttpBinding -Site $Site -Bindings $HttpBindings
    Add-OtaHttpsBinding -Site $Site -Bindings $HttpsBindings -SslFlags 69 -Thumbprints $thumbprints

    # Folders of the other locations
    # A virtual directory for each prefix.
    Add-OtaDirectory -Site $Site -Path '/team-1' -Folder '%SystemDrive%\srv\team''s builds'
    Add-OtaDirectory -Site $Site -Path '/api/files' -Folder '%SystemDrive%\srv\files'

    # ACME challenges over http
    # Their names have no extension, which IIS maps as '.'.
    Add-OtaDirectory -Site $Site -Path '/.well-known/acme-challenge' -Folder '%SystemDrive%\var\www\acme\.well-known\acme-challenge'
    Add-OtaMediaType -Location 'ota.example.com/.well-known/acme-challenge' -Extension '.' -Type 'text/plain'

    # Proxy
    # Server variables that the rules of web.config may set, for this site.
    # The proxy section counts for the whole server: applications get the device's Host, and their
    # redirects go out as they wrote them.
    Add-OtaServerVariable -Site $Site -Name 'HTTP_X_FORWARDED_PROTO'
    Add-OtaServerVariable -Site $Site -Name 'HTTP_X_FORWARDED_HOST'
    Add-OtaServerVariable -Site $Site -Name 'HTTP_X_FORWARDED_PORT'
    Set-OtaSection -What 'proxy' -Section 'system.webServer/proxy' -Values ([ordered]@{
        'preserveHostHeader' = $true
        'reverseRewriteHostInResponseHeaders' = $false
        'enabled' = $true
    })

    # Access by network
    # The section is locked for web.config; refused networks get 403.
    Set-OtaSection -What 'access by network' -Section 'system.webServer/security/ipSecurity' -Location $Site -Values @{ 'allowUnlisted' = $false }
    Add-OtaNetwork -Site $Site -Address '10.66.0.0' -Mask '255.255.0.0' -Allowed $false
    Add-OtaNetwork -Site $Site -Address '10.0.0.0' -Mask '255.0.0.0' -Allowed $true
    Add-OtaNetwork -Site $Site -Address '192.0.2.0' -Mask '255.255.255.0' -Allowed $true
    Set-OtaSection -What 'ACME challenges stay open' -Section 'system.webServer/security/ipSecurity' -Location 'ota.example.com/.well-known/acme-challenge' -Here $true -Values @{ 'allowUnlisted' = $true }

    # Log
    # log.access is false.
    Set-OtaSection -What 'log' -Section 'system.webServer/httpLogging' -Location $Site -Values @{ 'dontLog' = $true }

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
